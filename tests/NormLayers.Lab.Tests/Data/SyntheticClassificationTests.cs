using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Data;

public class SyntheticClassificationTests
{
    [Fact]
    public void Generate_Defaults_HasTheDocumentedSizes()
    {
        DataSplit split = SyntheticClassification.Generate(new SyntheticOptions());

        Assert.Equal((2000, 20, 3), (split.Train.Count, split.Train.FeatureCount, split.Train.ClassCount));
        Assert.Equal((500, 20, 3), (split.Test.Count, split.Test.FeatureCount, split.Test.ClassCount));
        Assert.All(split.Train.Features, x => Assert.True(float.IsFinite(x)));
    }

    [Fact]
    public void Generate_SeedOf42_GivesTheBitsItAlwaysGave()
    {
        DataSplit split = SyntheticClassification.Generate(new SyntheticOptions());

        Assert.Equal("1384FE9DD743ADFE", Hash(split.Train));
        Assert.Equal("14FC9B5DE58654C5", Hash(split.Test));
    }

    [Fact]
    public void Generate_OtherSeed_GivesOtherSamples()
    {
        string[] hashes = [.. Enumerable.Range(0, 5).Select(seed => Hash(SyntheticClassification.Generate(new SyntheticOptions { Seed = (ulong)seed }).Train))];

        Assert.Equal(5, hashes.Distinct().Count());
    }

    [Fact]
    public void Generate_OtherTestCount_LeavesTheTrainingSetAlone()
    {
        DataSplit few = SyntheticClassification.Generate(new SyntheticOptions { TestCount = 7 });
        DataSplit many = SyntheticClassification.Generate(new SyntheticOptions { TestCount = 700 });

        Assert.Equal(Hash(few.Train), Hash(many.Train));
    }

    [Fact]
    public void Generate_OtherTrainCount_LeavesTheTestSetAlone()
    {
        DataSplit few = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 7 });
        DataSplit many = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 700 });

        Assert.Equal(Hash(few.Test), Hash(many.Test));
    }

    [Theory]
    [InlineData(2000, 500, 3)]
    [InlineData(101, 7, 10)]
    [InlineData(1, 1, 2)]
    public void Generate_AnyCounts_BalancesClassesToWithinOne(int train, int test, int classes)
    {
        DataSplit split = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = train, TestCount = test, Classes = classes });

        foreach (int[] counts in new[] { CountsOf(split.Train), CountsOf(split.Test) })
        {
            Assert.InRange(counts.Max() - counts.Min(), 0, 1);
        }
    }

    [Fact]
    public void Generate_Labels_ComeInRandomOrder()
    {
        int[] labels = SyntheticClassification.Generate(new SyntheticOptions()).Train.Labels;

        int repeats = Enumerable.Range(1, labels.Length - 1).Count(i => labels[i] == labels[i - 1]);

        // A third of 1999 neighbours, give or take five standard deviations of 21.
        Assert.InRange(repeats, 561, 772);
    }

    [Fact]
    public void Generate_Samples_FollowTheOptions()
    {
        SyntheticOptions options = new() { TrainCount = 40_000, TestCount = 40_000, Features = 50, Classes = 8, Separation = 6, ScaleSpread = 2, OffsetSpread = 5 };
        DataSplit split = SyntheticClassification.Generate(options);
        (double[] means, double[] deviations) = ClassMoments(split.Train);
        (double[] testMeans, _) = ClassMoments(split.Test);

        // The deviation within a class is the feature's scale: from 10^-1 to 10^1, each with a sampling error below 1 %.
        double[] scales = [.. Enumerable.Range(0, 50).Select(f => Enumerable.Range(0, 8).Average(c => deviations[c * 50 + f]))];
        Assert.InRange(scales.Min(), 0.099, 0.101);
        Assert.InRange(scales.Max(), 9.9, 10.1);

        // Pairs of means in units of the scale; 28 random pairs in 50 dimensions.
        double squares = 0;
        for (int c = 0; c < 8; c++)
        {
            for (int d = 0; d < c; d++)
            {
                squares += Enumerable.Range(0, 50).Sum(f => Math.Pow((means[c * 50 + f] - means[d * 50 + f]) / scales[f], 2));
            }
        }

        Assert.InRange(Math.Sqrt(squares / 28), 5, 7);

        // Averaged over the classes a feature lies 5 scales up or down, give or take the mean of 8 class means of deviation 0.6.
        double[] offsets = [.. Enumerable.Range(0, 50).Select(f => Enumerable.Range(0, 8).Average(c => means[c * 50 + f]) / scales[f])];
        Assert.All(offsets, o => Assert.InRange(Math.Abs(o), 4, 6));
        Assert.InRange(offsets.Count(o => o > 0), 10, 40);

        // Both sets come from one distribution: 5000 samples a class and set leave an error of 0.02 scales.
        Assert.All(Enumerable.Range(0, 400), i => Assert.InRange((means[i] - testMeans[i]) / scales[i % 50], -0.1, 0.1));
    }

    [Fact]
    public void Generate_Extremes_StaysFinite()
    {
        SyntheticOptions options = new() { Features = 3, TrainCount = 100, ScaleSpread = 30, OffsetSpread = 1e6, Separation = 1e6 };

        Assert.All(SyntheticClassification.Generate(options).Train.Features, x => Assert.True(float.IsFinite(x) && x != 0));
    }

    [Fact]
    public void Generate_OneFeature_Works()
    {
        Assert.Equal(2000, SyntheticClassification.Generate(new SyntheticOptions { Features = 1 }).Train.Features.Length);
    }

    public static TheoryData<SyntheticOptions, string> BadOptions => new()
    {
        { new() { TrainCount = 0 }, "TrainCount" },
        { new() { TestCount = -1 }, "TestCount" },
        { new() { Features = 0 }, "Features" },
        { new() { Classes = 1 }, "Classes" },
        { new() { Separation = -1 }, "Separation" },
        { new() { Separation = double.NaN }, "Separation" },
        { new() { ScaleSpread = 31 }, "ScaleSpread" },
        { new() { OffsetSpread = double.PositiveInfinity }, "OffsetSpread" },
        { new() { TrainCount = int.MaxValue, Features = int.MaxValue }, "options" },
    };

    [Theory]
    [MemberData(nameof(BadOptions), DisableDiscoveryEnumeration = true)]
    public void Generate_OptionOutOfRange_ThrowsAndNamesIt(SyntheticOptions options, string name)
    {
        ArgumentException e = Assert.ThrowsAny<ArgumentException>(() => SyntheticClassification.Generate(options));

        Assert.Equal(name, e.ParamName);
    }

    [Theory]
    [Trait("Duration", "long")]
    [InlineData(42)]
    [InlineData(1)]
    [InlineData(2)]
    public void Generate_Defaults_LeaveSomethingToSee(int seed)
    {
        DataSplit split = SyntheticClassification.Generate(new SyntheticOptions { Seed = (ulong)seed });

        double none = TestAccuracy(split, NormalizationKind.None, seed);
        double batch = TestAccuracy(split, NormalizationKind.BatchNorm, seed);
        double layer = TestAccuracy(split, NormalizationKind.LayerNorm, seed);

        Assert.All([none, batch, layer], accuracy => Assert.InRange(accuracy, 0.6, 0.97));
        Assert.True(batch > none, $"batch normalization {batch}, none {none}");
    }

    private static double TestAccuracy(DataSplit split, NormalizationKind normalization, int seed)
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 20, Classes = 3, Normalization = normalization, Seed = (ulong)seed });
        SgdOptimizer optimizer = new(network.Parameters, learningRate: 0.05);
        TrainingResult result = new Trainer(network, optimizer, new TrainingOptions { Seed = (ulong)seed }).Fit(split);
        Assert.Equal(TrainingStatus.Completed, result.Status);
        return result.Test.Accuracy;
    }

    private static string Hash(Dataset data)
    {
        byte[] bytes = [.. MemoryMarshal.AsBytes<float>(data.Features), .. MemoryMarshal.AsBytes<int>(data.Labels)];
        return Convert.ToHexString(SHA256.HashData(bytes))[..16];
    }

    private static int[] CountsOf(Dataset data) =>
        [.. Enumerable.Range(0, data.ClassCount).Select(c => data.Labels.Count(label => label == c))];

    private static (double[] Means, double[] Deviations) ClassMoments(Dataset data)
    {
        int[] counts = CountsOf(data);
        double[] sums = new double[data.ClassCount * data.FeatureCount];
        double[] squares = new double[sums.Length];
        for (int i = 0; i < data.Features.Length; i++)
        {
            int cell = data.Labels[i / data.FeatureCount] * data.FeatureCount + i % data.FeatureCount;
            sums[cell] += data.Features[i];
            squares[cell] += (double)data.Features[i] * data.Features[i];
        }

        double[] means = [.. sums.Select((sum, i) => sum / counts[i / data.FeatureCount])];
        double[] deviations = [.. squares.Select((square, i) => Math.Sqrt(square / counts[i / data.FeatureCount] - means[i] * means[i]))];
        return (means, deviations);
    }
}
