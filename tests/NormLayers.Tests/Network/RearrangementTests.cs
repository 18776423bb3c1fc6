using NormLayers.Network;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Network;

public sealed class RearrangementTests
{
    private static readonly MlpOptions s_options = new() { InputFeatures = 25, Classes = 3, HiddenFeatures = [8, 6], Patches = new PatchOptions(3, 2) };

    [Fact]
    public void Patches_OverlappingSquares_AreCopiedRowByRow()
    {
        Rearrangement layer = Rearrangement.Patches(9, new PatchOptions(2, 1));
        Assert.Equal((Shape)(2, 4, 4), layer.OutputShape((2, 9)));
        float[] x = [.. Enumerable.Range(0, 18).Select(i => (float)i)];
        Assert.Equal(
            (float[])[0, 1, 3, 4, 1, 2, 4, 5, 3, 4, 6, 7, 4, 5, 7, 8, 9, 10, 12, 13, 10, 11, 13, 14, 12, 13, 15, 16, 13, 14, 16, 17],
            Samples.Forward(layer, x, (2, 9)));
    }

    [Fact]
    public void SwapAxes_Twice_GivesTheInput()
    {
        float[] x = Samples.Normal(2 * 3 * 5);
        float[] swapped = Samples.Forward(Rearrangement.SwapAxes(3, 5), x, (2, 3, 5));
        Assert.Equal(x[1], swapped[3]);
        Assert.Equal(x[15 + 2 * 5 + 4], swapped[15 + 4 * 3 + 2]);
        Assert.Equal(x, Samples.Forward(Rearrangement.SwapAxes(5, 3), swapped, (2, 5, 3)));
        Assert.Equal(x, Samples.Forward(Rearrangement.Flatten(3, 5), x, (2, 3, 5)));
    }

    [Theory]
    [InlineData(20, 4, 2, "20 features are none")]
    [InlineData(9, 4, 2, "a patch of 4x4 does not fit an image of 3x3")]
    [InlineData(9, 0, 2, "a size and a stride of 1 or more")]
    [InlineData(9, 2, 0, "a size and a stride of 1 or more")]
    public void Patches_ImagesThatCannotBeCut_AreRefused(int features, int size, int stride, string expected)
    {
        PatchOptions patches = new(size, stride);
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => patches.PositionsOf(features)).Message, StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => Mlp.Create(s_options with { InputFeatures = features, Patches = patches })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OutputShape_OtherShapes_AreRefused()
    {
        foreach (Shape shape in (Shape[])[(2, 9, 1), (2, 8), 9, (2, 3, 3)])
        {
            Assert.Throws<ArgumentException>(() => Rearrangement.Patches(9, new PatchOptions(2, 1)).OutputShape(shape));
        }

        Assert.Throws<ArgumentException>(() => Rearrangement.SwapAxes(3, 5).OutputShape((2, 5, 3)));
    }

    [Fact]
    public void Check_EveryForm_Passes()
    {
        Assert.True(GradientCheck.Check(Rearrangement.Patches(16, new PatchOptions(3, 1)), (2, 16)).Passed);
        Assert.True(GradientCheck.Check(Rearrangement.SwapAxes(3, 4), (2, 3, 4)).Passed);
        Assert.True(GradientCheck.Check(Rearrangement.Flatten(3, 4), (2, 3, 4)).Passed);
    }

    public static TheoryData<string> Modes => [.. NormalizationKind.All.Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Create_NetworkOfPatches_HasRightGradients(string mode)
    {
        Sequential network = Mlp.Create(s_options with { Normalization = NormalizationKind.Find(mode)! });
        Assert.Equal((Shape)(5, 3), network.OutputShape((5, 25)));
        GradientReport report = GradientCheck.Check(network, (5, 25));
        Assert.True(report.Passed, report.ToString());
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Create_EveryMode_StartsFromTheSameWeights(string mode)
    {
        float[][] weights = WeightsOf(NormalizationKind.None);
        Assert.Equal([8 * 9, 6 * 8, 3 * 4 * 6], weights.Select(w => w.Length));
        float[][] own = WeightsOf(NormalizationKind.Find(mode)!);
        Assert.Equal(weights.Length, own.Length);
        foreach ((float[] expected, float[] actual) in weights.Zip(own))
        {
            Compare.SameBits(expected, actual, "weights");
        }

        static float[][] WeightsOf(NormalizationKind kind) =>
            [.. Mlp.Create(s_options with { Normalization = kind }).Layers.Where(l => l is Linear or NormalizedLinear).Select(l => l.Parameters.Single(p => p.Shape.Rank == 2 && p.Shape.Last > 1).Value)];
    }

    [Fact]
    public void Create_InstanceNorm_NormalizesTheFourPositionsOfEachFeature()
    {
        Sequential network = Mlp.Create(s_options with { Normalization = NormalizationKind.InstanceNorm });
        Assert.Equal(
            "patches,linear1,channels1,norm1,relu1,features1,linear2,channels2,norm2,relu2,features2,flatten,linear3",
            string.Join(',', network.Layers.Select(l => l.Name)));
        Samples.Forward(network, Samples.Normal(3 * 25), (3, 25));
        float[] features = network.Activations(1).ToArray();
        float[] normalized = network.Activations(3).ToArray();
        for (int instance = 0; instance < 3 * 8; instance++)
        {
            (int n, int feature) = (instance / 8, instance % 8);
            double[] x = [.. Enumerable.Range(0, 4).Select(l => (double)features[(4 * n + l) * 8 + feature])];
            double deviation = Math.Sqrt(x.Sum(v => (v - x.Average()) * (v - x.Average())) / 4 + 1e-5);
            Compare.Within([.. x.Select(v => (v - x.Average()) / deviation)], normalized.AsSpan(4 * instance, 4), 1e-6, $"feature {feature} of sample {n}");
        }
    }
}
