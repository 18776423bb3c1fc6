using CsCheck;
using NormLayers.Lab.Data;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Data;

public class DatasetExtensionsTests
{
    // Feature 0 is the sample's number, so that a sample can be followed.
    private static Dataset Numbered(int[] labels, int classes)
    {
        float[] features = new float[labels.Length * 2];
        for (int i = 0; i < labels.Length; i++)
        {
            features[2 * i] = i;
            features[2 * i + 1] = labels[i] + 0.5f;
        }

        return new Dataset("numbered", features, labels, 2, classes);
    }

    private static int[] Numbers(Dataset data) => [.. Enumerable.Range(0, data.Count).Select(i => (int)data.Features[2 * i])];

    private static readonly Gen<(int[] Labels, int Count, ulong Seed)> Cases =
        from labels in Gen.Int[0, 4].Array[2, 60]
        from count in Gen.Int[1, labels.Length - 1]
        from seed in Gen.ULong
        select (labels, count, seed);

    [Fact]
    public void Split_AnyLabels_KeepsEverySampleOnceWithItsLabel() => Cases.Sample(c =>
    {
        Dataset data = Numbered(c.Labels, 5);
        DataSplit split = data.Split(c.Count, c.Seed);

        Assert.Equal(c.Count, split.Test.Count);
        Assert.Equal(Enumerable.Range(0, data.Count), Numbers(split.Train).Concat(Numbers(split.Test)).Order());
        foreach (Dataset part in new[] { split.Train, split.Test })
        {
            Assert.Equal(Numbers(part).Select(i => c.Labels[i]), part.Labels);
            Assert.Equal(part.Labels.Select(label => label + 0.5f), Enumerable.Range(0, part.Count).Select(i => part.Features[2 * i + 1]));
        }
    });

    [Fact]
    public void Split_AnyLabels_IsStratifiedToWithinOneSample() => Cases.Sample(c =>
    {
        DataSplit split = Numbered(c.Labels, 5).Split(c.Count, c.Seed);
        for (int k = 0; k < 5; k++)
        {
            double share = (double)c.Labels.Count(l => l == k) * c.Count / c.Labels.Length;
            Assert.InRange(split.Test.Labels.Count(l => l == k), Math.Floor(share), Math.Floor(share) + 1);
        }
    });

    [Fact]
    public void Split_SameSeed_GivesTheSameSplit()
    {
        DataSplit one = Digits.Load().Split(500, 7);
        DataSplit two = Digits.Load().Split(500, 7);

        Assert.Equal(one.Test.Features, two.Test.Features);
        Assert.Equal(one.Train.Labels, two.Train.Labels);
    }

    [Fact]
    public void Split_OtherSeed_GivesAnotherSplit()
    {
        Dataset data = Numbered([.. Enumerable.Repeat(0, 50), .. Enumerable.Repeat(1, 50)], 2);

        Assert.NotEqual(Numbers(data.Split(20, 1).Test).Order(), Numbers(data.Split(20, 2).Test).Order());
    }

    [Fact]
    public void Split_SortedLabels_ComeShuffled()
    {
        DataSplit split = Numbered([.. Enumerable.Repeat(0, 50), .. Enumerable.Repeat(1, 50)], 2).Split(50, 1);

        Assert.NotEqual(split.Train.Labels.Order(), split.Train.Labels);
        Assert.NotEqual(split.Test.Labels.Order(), split.Test.Labels);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(4)]
    public void Split_EmptyPart_Throws(int testCount)
    {
        Dataset data = Numbered([0, 1, 0, 1], 2);

        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => data.Split(testCount, 1));

        Assert.Contains("from 1 to 3", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_FewerThanThereAre_IsTheTestPartOfSplit()
    {
        Dataset data = Digits.Load();

        Assert.Equal(data.Split(100, 3).Test.Features, data.Take(100, 3).Features);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(1000)]
    public void Take_AsManyAsThereAre_IsTheSetItself(int count)
    {
        Dataset data = Numbered([0, 1, 0, 1], 2);

        Assert.Same(data, data.Take(count, 1));
    }

    [Fact]
    public void Take_Nothing_Throws() =>
        Assert.StartsWith("Expected a number ≥ 1, got 0.", Assert.Throws<ArgumentOutOfRangeException>("count", () => Numbered([0, 1], 2).Take(0, 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void Split_OneSample_SaysThatItCannotBeDivided() => Assert.StartsWith(
        "Expected a set of at least 2 samples to divide, got 1 in '",
        Assert.Throws<ArgumentException>("data", () => Numbered([0], 1).Split(1, 1)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Split_NamedClasses_KeepsTheirNames()
    {
        Dataset data = new("d", [1, 2, 3, 4], [0, 1, 0, 1], 1, 2) { ClassNames = ["cat", "dog"] };

        DataSplit split = data.Split(2, 1).Standardize();

        Assert.Equal(["cat", "dog"], split.Test.ClassNames);
        Assert.Equal("d", split.Train.Name);
    }

    [Fact]
    public void Standardize_TrainingSet_GetsMeanZeroAndVarianceOne()
    {
        RandomSource random = new(5);
        float[] features = [.. Enumerable.Range(0, 3000).Select(i => (float)((i % 3 == 0 ? 1e6 : 3) + Math.Pow(10, i % 3) * random.NextNormal()))];
        Dataset data = new("d", features, new int[1000], 3, 1);

        float[] z = new DataSplit(data, data).Standardize().Train.Features;

        for (int f = 0; f < 3; f++)
        {
            double[] column = [.. Enumerable.Range(0, 1000).Select(i => (double)z[3 * i + f])];

            // Each value is rounded to float once: an error of at most 2^-23 at values up to 4.
            Assert.InRange(column.Average(), -2.4e-7, 2.4e-7);
            Assert.InRange(column.Average(v => v * v), 1 - 1e-6, 1 + 1e-6);
        }
    }

    [Fact]
    public void Standardize_TestSet_UsesTheTrainingSetsStatistics()
    {
        Dataset train = new("d", [1, 3, 5, 3], [0, 0, 1, 1], 1, 2);
        Dataset test = new("d", [7, 3], [0, 1], 1, 2);

        DataSplit z = new DataSplit(train, test).Standardize();

        // Mean 3, variance (4 + 0 + 4 + 0) / 4 = 2.
        Assert.Equal([(float)(4 / Math.Sqrt(2)), 0], z.Test.Features);
        Assert.Equal([7, 3], test.Features);
    }

    [Theory]
    [InlineData(0.1f)]
    [InlineData(1e30f)]
    [InlineData(0f)]
    public void Standardize_ConstantFeature_BecomesZeroInBothSets(float constant)
    {
        Dataset train = new("d", [.. Enumerable.Repeat(constant, 999)], new int[999], 1, 1);
        Dataset test = new("d", [constant, constant + 1], [0, 0], 1, 1);

        DataSplit z = new DataSplit(train, test).Standardize();

        Assert.All(z.Train.Features, x => Assert.Equal(0, x));
        Assert.All(z.Test.Features, x => Assert.Equal(0, x));
    }

    [Fact]
    public void Standardize_DifferentWidths_Throws()
    {
        DataSplit split = new(new Dataset("d", [1, 2], [0], 2, 1), new Dataset("d", [1], [0], 1, 1));

        Assert.Throws<ArgumentException>(() => split.Standardize());
    }

    // A column and another that is the same but for scale and shift; standardized, they are the same.
    [Theory]
    [InlineData(1, 1.7e9)]
    [InlineData(1, 1.7e12)]
    [InlineData(0.01, 1e8)]
    [InlineData(1, 4e15)]
    [InlineData(1e-46, 0)]
    [InlineData(1e-300, 0)]
    [InlineData(1e-310, 0)]
    [InlineData(1e306, 0)]
    [InlineData(1e250, -1e251)]
    public void Standardize_DoublesOfAnyScaleAndShift_GiveWhatTheBareColumnGives(double scale, double shift)
    {
        double[] bare = [.. Enumerable.Range(0, 60).Select(i => (double)(i * 37 % 100))];
        int[] labels = [.. Enumerable.Range(0, 60).Select(i => i % 2)];
        float[] expected = Standardized(bare);

        float[] actual = Standardized(Array.ConvertAll(bare, v => v * scale + shift));

        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-5f));
        Assert.Equal(1, expected.Average(z => z * z), 1e-6f);

        float[] Standardized(double[] values)
        {
            Dataset data = Dataset.FromDoubles("d", values, labels, 1, ["a", "b"]);
            return new DataSplit(data, data).Standardize().Train.Features;
        }
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(1e300)]
    [InlineData(-1e-320)]
    [InlineData(0)]
    public void Standardize_ConstantDoubles_GiveZero(double value)
    {
        Dataset train = Dataset.FromDoubles("d", [.. Enumerable.Repeat(value, 1001)], new int[1001], 1, ["a"]);
        Dataset test = Dataset.FromDoubles("d", [value, 5], new int[2], 1, ["a"]);

        DataSplit z = new DataSplit(train, test).Standardize();

        Assert.All([.. z.Train.Features, .. z.Test.Features], v => Assert.Equal(0f, v));
    }

    [Fact]
    public void Split_Doubles_KeepsThemUntilTheyAreStandardized()
    {
        Dataset data = Dataset.FromDoubles("d", [.. Enumerable.Range(0, 40).Select(i => 1.7e9 + i % 2)], [.. Enumerable.Range(0, 40).Select(i => i % 2)], 1, ["a", "b"]);

        DataSplit z = data.Split(10, 1).Standardize();

        Assert.All(z.Train.Features.Zip(z.Train.Labels), p => Assert.Equal(2 * p.Second - 1, p.First));
        Assert.All(data.Take(20, 1).Features, v => Assert.Equal(1.7e9f, v));
    }

    [Fact]
    public void ComputeHash_DiffersWithEveryPartOfTheContentAlone()
    {
        string[] hashes =
        [
            Of([1, 2], [0, 1], "a", "b"), Of([1, 3], [0, 1], "a", "b"), Of([1, 2], [1, 0], "a", "b"), Of([1, 2], [0, 1], "a", "c"), Of([1, 2], [0, 1], "a", "b", "c"),
            Of([1, 2 + 1e-12], [0, 1], "a", "b"), Of([1, 2], [0, 1], "ab", ""),
            Dataset.FromDoubles("d", [1, 2, 3, 4], [0, 1], 2, ["a", "b"]).ComputeHash(),
            new Dataset("d", [1, 2], [0, 1], 1, 2) { ClassNames = ["a", "b"] }.ComputeHash(),
        ];

        Assert.Equal(hashes.Length, hashes.Distinct().Count());
        Assert.Equal(hashes[0], Dataset.FromDoubles("other name", [1, 2], [0, 1], 1, ["a", "b"]).ComputeHash());

        static string Of(double[] features, int[] labels, params string[] names) => Dataset.FromDoubles("d", features, labels, 1, names).ComputeHash();
    }

    [Fact]
    public void Concat_SetsOfOneKind_HasTheSamplesOfBoth()
    {
        Dataset floats = new("f", [1, 2], [0, 1], 1, 2) { ClassNames = ["a", "b"] };
        Dataset doubles = Dataset.FromDoubles("d", [1e300, 2], [0, 1], 1, ["a", "b"]);

        Dataset both = floats.Concat(new Dataset("g", [3], [1], 1, 2) { ClassNames = ["a", "b"] });
        Dataset bothDoubles = doubles.Concat(doubles);

        Assert.Equal([1, 2, 3], both.Features);
        Assert.Equal([0, 1, 1], both.Labels);
        Assert.Equal(["a", "b"], both.ClassNames);
        Assert.Equal(Dataset.FromDoubles("", [1e300, 2, 1e300, 2], [0, 1, 0, 1], 1, ["a", "b"]).ComputeHash(), bothDoubles.ComputeHash());
    }

    [Fact]
    public void Concat_SetsOfOtherKinds_IsRefused()
    {
        Dataset floats = new("f", [1, 2], [0, 1], 1, 2) { ClassNames = ["a", "b"] };

        AssertRefused("the classes a, b, got b, a", new Dataset("g", [1, 2], [0, 1], 1, 2) { ClassNames = ["b", "a"] });
        AssertRefused("the classes a, b, got a, b, c", new Dataset("g", [1, 2], [0, 1], 1, 3) { ClassNames = ["a", "b", "c"] });
        AssertRefused("float as in the first set, got double", Dataset.FromDoubles("g", [1, 2], [0, 1], 1, ["a", "b"]));
        AssertRefused("1 elements, got 2", new Dataset("g", [1, 2], [0], 2, 2) { ClassNames = ["a", "b"] });

        void AssertRefused(string expected, Dataset other) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => floats.Concat(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DescribeAbsentClasses_NamesThemInBothDirections()
    {
        Dataset train = new("d", [1, 2], [0, 2], 1, 3) { ClassNames = ["a", "b", "c"] };
        Dataset test = new("d", [1, 2, 3], [0, 1, 1], 1, 3) { ClassNames = ["a", "b", "c"] };

        Assert.Equal(
            ["class 'b' has no training samples; the test set has 2 of it", "class 'c' has no test samples; the training set has 1 of it"],
            new DataSplit(train, test).DescribeAbsentClasses());
    }

    [Fact]
    public void ClassNames_NotGiven_AreTheNumbers() =>
        Assert.Equal(["0", "1", "2"], new Dataset("d", [1], [0], 1, 3).ClassNames);

    [Fact]
    public void ClassNames_TooFew_Throws() =>
        Assert.Throws<ArgumentException>(() => new Dataset("d", [1], [0], 1, 3) { ClassNames = ["a"] });

    [Theory]
    [InlineData("3 different values, 1 as floats, rounded by up to 40", 1_700_000_000d, 1_700_000_020d, 1_700_000_040d)]
    [InlineData("3 different values, 3 as floats, rounded by up to 28", 1e9, 1_000_000_100d, 1_000_000_200d)]
    [InlineData("2 different values, 1 as floats, rounded by up to 1e-46", 0d, 1e-46)]
    [InlineData("2 different values, 1 as floats", 0.1, 0.10000000000000002)]
    [InlineData("", 0.1, 0.2, 1e-7)]
    [InlineData("", 16_777_217d, 16_777_217d)]
    [InlineData("", 1_700_000_000d, 0d)]
    public void DescribeRounding_OfAFeature_SaysWhatFloatsDoNotTellApart(string expected, params double[] values)
    {
        double[] features = [.. values.SelectMany(v => (double[])[1, v])];
        Dataset data = Dataset.FromDoubles("d", features, [.. values.Select((_, i) => i % 2)], 2, ["a", "b"]);

        string said = string.Join('\n', data.DescribeRounding());

        Assert.Equal(expected.Length > 0, said.Length > 0);
        Assert.StartsWith(expected.Length > 0 ? $"feature 1 (counted from 0) has {expected}" : "", said, StringComparison.Ordinal);
    }

    [Fact]
    public void DescribeRounding_OfManyFeatures_IsCut()
    {
        double[] features = [.. Enumerable.Repeat(1e10, 8), .. Enumerable.Repeat(1e10 + 1, 8)];

        IReadOnlyList<string> said = Dataset.FromDoubles("d", features, [0, 1], 8, ["a", "b"]).DescribeRounding();

        Assert.Equal(6, said.Count);
        Assert.Equal("3 more features lose digits as floats", said[^1]);
        Assert.Empty(new Dataset("f", [1, 2], [0, 1], 1, 2).DescribeRounding());
    }
}
