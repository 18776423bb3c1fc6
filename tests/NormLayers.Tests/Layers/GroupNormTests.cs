using NormLayers.Network;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Group normalization as a layer: the samples of PyTorch's own tests, its errors, the layers that it contains, and what it promises of bits and memory.</summary>
public sealed class GroupNormTests
{
    // Functional samples and module samples of PyTorch (groups, shape, ε), and its numbers of groups and shapes for the general test.
    public static TheoryData<int, int[], double> Samples => new()
    {
        { 2, [1, 6, 3], 0.5 }, { 1, [1, 3], 1e-5 }, { 1, [5, 5, 5], 0.5 }, { 1, [1, 2], 1e-5 },
        { 3, [20, 6, 10, 10], 1e-5 }, { 6, [20, 6, 10, 10], 1e-5 }, { 1, [20, 6, 10, 10], 1e-5 },
        { 3, [4, 6, 5], 1e-3 }, { 3, [4, 6, 2, 3], 1e-3 }, { 3, [4, 6, 28, 28], 1e-3 }, { 3, [4, 12], 1e-3 }, { 1, [150, 6], 1e-3 },
        { 5, [4, 5, 5], 1e-3 }, { 1, [4, 10], 1e-3 }, { 3, [2, 51, 28, 28], 1e-3 }, { 3, [4, 3, 2, 3], 1e-3 }, { 1, [4, 3, 2, 3], 1e-3 },
        { 2, [1, 2, 3, 4], 0 }, { 3, [2, 3, 10], 0 }, { 1, [3, 1, 1, 1, 2], 0.1 }, { 3, [2, 6, 4, 2, 2], 0 }, { 32, [1, 256, 1, 1], 0 },
        { 3, [2, 30, 9, 9], 1e-5 }, { 3, [2, 9, 7, 11, 15], 1e-5 },
    };

    [Theory]
    [MemberData(nameof(Samples))]
    public void Passes_Sample_MatchTheReference(int groups, int[] dimensions, double epsilon)
    {
        Shape shape = new(dimensions);
        foreach ((bool gamma, bool beta, bool onePlus, bool relu) in ((bool, bool, bool, bool)[])[(true, true, false, false), (true, false, true, false), (false, true, false, true), (false, false, false, false)])
        {
            GroupNorm layer = new(groups, shape[1], epsilon, gamma, beta, relu, onePlus);
            Layers.Fill(layer);
            Layers.AssertMatchesReference(layer, shape);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void Backward_InfiniteGradient_StaysInItsGroupAndItsChannel(int positions)
    {
        Shape shape = (1, 4, positions);
        float[] x = Support.Samples.Normal(shape.Length);
        float[] dy = Support.Samples.Upstream(shape.Length);
        GroupNorm expected = new(2, 4);
        GroupNorm layer = new(2, 4);
        _ = Support.Samples.Forward(expected, x, shape);
        _ = Support.Samples.Forward(layer, x, shape);
        float[] dxExpected = Support.Samples.Backward(expected, x, dy);

        dy[0] = float.PositiveInfinity;
        float[] dx = Support.Samples.Backward(layer, x, dy);

        int half = shape.Length / 2;
        Assert.All(dx[..half], v => Assert.False(float.IsFinite(v)));
        Compare.SameBits(dxExpected.AsSpan(half), dx.AsSpan(half), "dx of the other group");
        Assert.Equal(float.PositiveInfinity, layer.Beta!.Gradient[0]);
        Assert.False(float.IsFinite(layer.Gamma!.Gradient[0]));
        Compare.SameBits(expected.Beta!.Gradient.AsSpan(1), layer.Beta.Gradient.AsSpan(1), "the other channels' dBeta");
        Compare.SameBits(expected.Gamma!.Gradient.AsSpan(1), layer.Gamma.Gradient.AsSpan(1), "the other channels' dGamma");
    }

    [Fact]
    public void Passes_EmptyBatch_WriteNothing()
    {
        foreach ((Layer layer, Shape shape) in ((Layer, Shape)[])[(new GroupNorm(1, 2), (0, 2)), (new GroupNorm(2, 4), (0, 4, 2, 2)), (new InstanceNorm(3, trackRunningStatistics: true), (0, 3, 5))])
        {
            layer.Forward([], shape, []);
            layer.Backward([], [], []);
            Assert.All(layer.Parameters, p => Assert.All(p.Gradient, g => Assert.Equal(0, g)));
        }
    }

    [Theory]
    [InlineData(3, 2)]
    [InlineData(2, 3)]
    [InlineData(10, 1)]
    [InlineData(4, 6)]
    [InlineData(32, 100)]
    public void Constructor_GroupsThatDoNotDivideTheChannels_IsAnError(int groups, int channels)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new GroupNorm(groups, channels));
        Assert.Equal($"Expected a number of groups that divides the {channels} channels, got {groups}. (Parameter 'groups')", error.Message);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(-2, 4)]
    [InlineData(2, 0)]
    public void Constructor_NoGroupsOrChannels_IsAnError(int groups, int channels) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroupNorm(groups, channels));

    [Fact]
    public void Constructor_OnePlusGammaWithoutGamma_IsAnError() =>
        Assert.Throws<ArgumentException>(() => new GroupNorm(1, 2, withGamma: false, onePlusGamma: true));

    [Fact]
    public void Forward_WrongShape_IsAnErrorThatNamesIt()
    {
        GroupNorm layer = new(2, 4);
        Assert.StartsWith("Expected a shape (N, 4, …) for groupnorm, got (4).", Assert.Throws<ArgumentException>(() => layer.Forward(new float[4], 4, new float[4])).Message, StringComparison.Ordinal);
        Assert.StartsWith("Expected a shape (N, 4, …) for groupnorm, got (2, 5, 4).", Assert.Throws<ArgumentException>(() => layer.Forward(new float[40], (2, 5, 4), new float[40])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Forward_OneValuePerGroup_IsAnError(int rows)
    {
        float[] x = new float[10 * rows];
        foreach (bool training in (bool[])[true, false])
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => new GroupNorm(10, 10) { Training = training }.Forward(x, (rows, 10, 1), new float[x.Length]));
            Assert.StartsWith("Expected more than 1 value per group for groupnorm, because one is its own mean, got shape", error.Message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>(() => Functional.GroupNorm(x, (rows, 10), 10, Functional.Ones, Functional.Zeros, 1e-5, new float[x.Length], new NormStatistics()));
    }

    [Theory]
    [InlineData(4, 6, 7)]
    [InlineData(3, 5, 40)]
    [InlineData(2, 3, 30_000)]
    public void AsManyGroupsAsChannels_InstanceNorm_SameBits(int rows, int channels, int length)
    {
        GroupNorm group = new(channels, channels);
        InstanceNorm instance = new(channels, withGamma: true, withBeta: true);
        Layers.Fill(group);
        Layers.Fill(instance);
        Layers.AssertSameBits(group, instance, (rows, channels, length));
    }

    // γ of a channel for all of its elements: over (C, L) layer normalization has the same sets and, with such a γ, the same function.
    [Theory]
    [InlineData(4, 6, 7)]
    [InlineData(3, 5, 40)]
    [InlineData(1, 64, 2000)]
    public void OneGroup_LayerNormOverChannelsAndPositions_AgreesWithinBothBounds(int rows, int channels, int length)
    {
        GroupNorm group = new(1, channels);
        Layers.Fill(group);
        LayerNorm1D layer = new(channels * length);
        for (int i = 0; i < channels * length; i++)
        {
            layer.Gamma!.Value[i] = group.Gamma!.Value[i / length];
            layer.Beta!.Value[i] = group.Beta!.Value[i / length];
        }

        (float[] y, float[] dx) = Layers.Run(group, (rows, channels, length));
        (float[] y2, float[] dx2) = Layers.Run(layer, (rows, channels * length));
        double[] magnitudes = Layers.Magnitudes(group, (rows, channels, length), out double[] dxMagnitudes);
        Compare.Within(Compare.Widen(y2), y, Array.ConvertAll(magnitudes, m => 2 * Tolerance.Element(m)), "y");
        Compare.Within(Compare.Widen(dx2), dx, Array.ConvertAll(dxMagnitudes, m => 2 * Tolerance.Element(m)), "dx");
    }

    [Theory]
    [InlineData(3, 4, 6, 7)]
    [InlineData(2, 4, 6, 20)]
    [InlineData(2, 30, 4, 1)]
    [InlineData(1, 2, 8, 9000)]
    public void Functional_AnyShape_GivesTheLayersBits(int groups, int rows, int channels, int length)
    {
        Shape shape = (rows, channels, length);
        foreach (bool relu in (bool[])[false, true])
        {
            GroupNorm layer = new(groups, channels, relu: relu);
            Layers.Fill(layer);
            (float[] expectedY, float[] expectedDx) = Layers.Run(layer, shape);
            (float[] x, float[] dy) = Layers.Data(shape);
            NormStatistics statistics = new();
            float[] y = [.. x];
            float[] dx = [.. dy];
            float[] dGamma = new float[channels];
            float[] dBeta = new float[channels];
            Functional.GroupNorm(y, shape, groups, layer.Gamma!.Value, layer.Beta!.Value, 1e-5, y, statistics, relu);
            Functional.GroupNormBackward(x, dx, shape, groups, layer.Gamma.Value, statistics, dx, dGamma, dBeta, relu ? y : default);
            Compare.SameBits(expectedY, y, "y");
            Compare.SameBits(expectedDx, dx, "dx");
            Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
            Compare.SameBits(layer.Beta.Gradient, dBeta, "dBeta");
        }
    }

    [Theory]
    [InlineData(2, 4, 6, 7)]
    [InlineData(3, 50, 6, 50)]
    [InlineData(1, 2, 8, 9000)]
    public void ReLU_InTheLayer_HasTheBitsOfOneBehindIt(int groups, int rows, int channels, int length)
    {
        Shape shape = (rows, channels, length);
        GroupNorm with = new(groups, channels, relu: true);
        GroupNorm without = new(groups, channels);
        Layers.Fill(with);
        Layers.Fill(without);
        Layers.AssertSameBits(new Sequential([without, new ReLU("relu")]), with, shape);
    }

    [Theory]
    [InlineData(3, 4, 6, 7)]
    [InlineData(2, 4, 6, 20)]
    [InlineData(4, 7, 8, 1)]
    public void Passes_AfterTheFirst_AllocateNothing(int groups, int rows, int channels, int length)
    {
        GroupNorm layer = new(groups, channels);
        Shape shape = (rows, channels, length);
        (float[] x, float[] dy) = Layers.Data(shape);
        float[] y = new float[x.Length];
        void Run()
        {
            layer.Forward(x, shape, y);
            layer.Backward(x, dy, y);
        }

        Run();
        Assert.Equal(0, Allocations.Of(Run));
    }

    [Fact]
    public void Frozen_Parameters_KeepTheirGradients()
    {
        GroupNorm layer = new(2, 4) { FreezeParameters = true };
        Layers.Run(layer, (3, 4, 5));
        Assert.All(layer.Parameters, p => Assert.All(p.Gradient, g => Assert.Equal(0, g)));
    }

    [Theory]
    [InlineData(2, 3, 6, 1)]
    [InlineData(3, 2, 6, 4)]
    [InlineData(2, 2, 4, 17)]
    public void Gradients_DifferenceQuotients_Agree(int groups, int rows, int channels, int length)
    {
        foreach (bool onePlus in (bool[])[false, true])
        {
            GroupNorm layer = new(groups, channels, onePlusGamma: onePlus);
            Layers.Fill(layer);
            GradientReport report = GradientCheck.Check(layer, (rows, channels, length));
            Assert.True(report.Passed, report.ToString());
        }
    }
}
