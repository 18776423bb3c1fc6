using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Instance normalization as a layer: the samples of PyTorch's own tests, its errors, its running statistics.</summary>
public sealed class InstanceNormTests
{
    public static TheoryData<int[], double> Samples => new()
    {
        { [5, 5, 5], 0.6 }, { [3, 2, 4], 1e-5 }, { [3, 2, 3, 4], 0.5 }, { [1, 2, 3], 1e-5 },
        { [4, 3, 15], 1e-3 }, { [4, 3, 6, 6], 1e-3 }, { [4, 3, 4, 4, 4], 1e-3 }, { [2, 67, 7, 7], 1e-5 },
    };

    [Theory]
    [MemberData(nameof(Samples))]
    public void Passes_Sample_MatchTheReference(int[] dimensions, double epsilon)
    {
        Shape shape = new(dimensions);
        foreach ((bool gamma, bool beta, bool tracked, bool relu) in ((bool, bool, bool, bool)[])[(false, false, false, false), (true, true, true, false), (true, false, false, true), (false, true, true, true)])
        {
            InstanceNorm layer = new(shape[1], epsilon, Momentum.NewWeight(0.3), gamma, beta, tracked, relu: relu);
            Layers.Fill(layer);
            Layers.AssertMatchesReference(layer, shape);
            layer.Training = false;
            Layers.AssertMatchesReference(layer, shape);
        }
    }

    [Fact]
    public void Defaults_ArePyTorchs()
    {
        InstanceNorm layer = new(3);
        Assert.Null(layer.Gamma);
        Assert.Null(layer.Beta);
        Assert.Null(layer.Running);
        Assert.Equal(1e-5, layer.Epsilon);
        Assert.Equal(Momentum.NewWeight(0.1), layer.Momentum);
    }

    [Fact]
    public void Forward_WrongShape_IsAnErrorThatNamesIt()
    {
        InstanceNorm layer = new(4);
        Assert.StartsWith("Expected a shape (N, 4, …) for instancenorm, got (3, 2, 4).", Assert.Throws<ArgumentException>(() => layer.Forward(new float[24], (3, 2, 4), new float[24])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_OnePosition_IsAnErrorUnlessRunningStatisticsAreUsed()
    {
        float[] x = new float[10];
        foreach (Shape shape in (Shape[])[(1, 10), (1, 10, 1), (1, 10, 1, 1)])
        {
            string message = Assert.Throws<ArgumentException>(() => new InstanceNorm(10).Forward(x, shape, new float[10])).Message;
            Assert.StartsWith("Expected more than 1 position per channel for instancenorm, because training normalizes with an instance's own statistics, got shape", message, StringComparison.Ordinal);
            message = Assert.Throws<ArgumentException>(() => new InstanceNorm(10) { Training = false }.Forward(x, shape, new float[10])).Message;
            Assert.Contains("because the layer tracks no running statistics", message, StringComparison.Ordinal);
            new InstanceNorm(10, trackRunningStatistics: true) { Training = false }.Forward(x, shape, new float[10]);
        }
    }

    // running = 0.7·running + 0.3·(average over n of the instances' means, and of their unbiased variances).
    [Theory]
    [InlineData(5, 3, 4)]
    [InlineData(2, 7, 40)]
    [InlineData(70, 2, 16)]
    public void Training_RunningStatistics_FollowTheAverageOfInstances(int rows, int channels, int length)
    {
        Shape shape = (rows, channels, length);
        InstanceNorm layer = new(channels, momentum: Momentum.NewWeight(0.3), trackRunningStatistics: true);
        (float[] x, _) = Layers.Data(shape);
        layer.Forward(x, shape, new float[x.Length]);
        (_, double[] means, double[] rstds) = InstanceNormReference.Forward(Compare.Widen(x), length, [.. new double[channels].Select(_ => 1.0)], new double[channels], epsilon: 0);
        for (int c = 0; c < channels; c++)
        {
            double mean = Enumerable.Range(0, rows).Average(n => means[n * channels + c]);
            double variance = Enumerable.Range(0, rows).Average(n => Math.Pow(rstds[n * channels + c], -2)) * length / (length - 1);
            Assert.Equal(0.3 * mean, layer.Running!.Mean[c], Tolerance.Sum(0.3 * Math.Max(1, Math.Abs(mean))));
            Assert.Equal(0.7 + 0.3 * variance, layer.Running.Variance[c], Tolerance.Sum(0.7 + 0.3 * variance));
        }

        Assert.Equal(1, layer.Running!.BatchesSeen);
        layer.Training = false;
        float[] before = [.. layer.Running.Mean];
        layer.Forward(x, shape, new float[x.Length]);
        Assert.Equal(before, layer.Running.Mean);
    }

    // PyTorch's general test: momentum 1, ε 0; evaluation of data with mean k·std above the running mean gives a channel mean of k.
    [Fact]
    public void Evaluation_ShiftedByStandardDeviations_MovesTheOutputByAsMany()
    {
        Shape shape = (6, 3, 50);
        InstanceNorm layer = new(3, epsilon: 0, Momentum.NewWeight(1), trackRunningStatistics: true);
        (float[] x, _) = Layers.Data(shape);
        layer.Forward(x, shape, new float[x.Length]);
        layer.Training = false;
        float[] moved = [.. x.Select((v, i) => v + 2 * MathF.Sqrt(layer.Running!.Variance[i / 50 % 3]))];
        float[] y = new float[x.Length];
        layer.Forward(moved, shape, y);
        for (int c = 0; c < 3; c++)
        {
            Assert.Equal(2, y.Where((_, i) => i / 50 % 3 == c).Average(), 1e-4);
        }
    }

    [Fact]
    public void Training_NonFiniteInstance_FollowsThePolicy()
    {
        float[] x = [1, 2, float.NaN, 4, 1, 2, 3, 5];
        float[] y = new float[8];
        InstanceNorm skip = new(2, trackRunningStatistics: true);
        skip.Forward(x, (2, 2, 2), y);
        Assert.Equal([0.1f * 1.5f, 0f], skip.Running!.Mean, (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(1, skip.Running.SkippedUpdates);
        InstanceNorm accept = new(2, trackRunningStatistics: true, nonFinite: NonFiniteStatistics.Accept);
        accept.Forward(x, (2, 2, 2), y);
        Assert.True(float.IsNaN(accept.Running!.Mean[1]) && float.IsFinite(accept.Running.Mean[0]));
        InstanceNorm stop = new(2, trackRunningStatistics: true, nonFinite: NonFiniteStatistics.Throw, name: "in1");
        Assert.StartsWith("in1: the batch's statistics of channel 1 are not finite", Assert.Throws<InvalidOperationException>(() => stop.Forward(x, (2, 2, 2), y)).Message, StringComparison.Ordinal);
        Assert.Equal([0, 0], stop.Running!.Mean);
    }

    [Fact]
    public void NamedState_WithRunningStatistics_HasPyTorchsNames() => Assert.Equal(
        ["weight", "bias", "running_mean", "running_var", "num_batches_tracked", "num_batches_skipped"],
        new InstanceNorm(3, withGamma: true, withBeta: true, trackRunningStatistics: true).NamedState.Select(s => s.Name));

    [Theory]
    [InlineData(4, 6, 7)]
    [InlineData(3, 5, 40)]
    public void Functional_AnyShape_GivesTheLayersBits(int rows, int channels, int length)
    {
        Shape shape = (rows, channels, length);
        InstanceNorm layer = new(channels, withGamma: true, withBeta: true);
        Layers.Fill(layer);
        (float[] expectedY, float[] expectedDx) = Layers.Run(layer, shape);
        (float[] x, float[] dy) = Layers.Data(shape);
        NormStatistics statistics = new();
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        float[] dGamma = new float[channels];
        Functional.InstanceNorm(x, shape, layer.Gamma!.Value, layer.Beta!.Value, 1e-5, y, statistics);
        Functional.InstanceNormBackward(x, dy, shape, layer.Gamma.Value, statistics, dx, dGamma, default);
        Compare.SameBits(expectedY, y, "y");
        Compare.SameBits(expectedDx, dx, "dx");
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
    }

    [Fact]
    public void Functional_ShapeOfOneDimension_IsAnError() => Assert.Throws<ArgumentException>(
        () => Functional.InstanceNorm(new float[3], 3, Functional.Ones, Functional.Zeros, 1e-5, new float[3], new NormStatistics()));

    [Theory]
    [InlineData(3, 2, 5, true)]
    [InlineData(2, 3, 17, true)]
    [InlineData(3, 2, 5, false)]
    public void Gradients_DifferenceQuotients_Agree(int rows, int channels, int length, bool training)
    {
        InstanceNorm layer = new(channels, withGamma: true, withBeta: true, trackRunningStatistics: true) { Training = training };
        Layers.Fill(layer);
        GradientReport report = GradientCheck.Check(layer, (rows, channels, length));
        Assert.True(report.Passed, report.ToString());
    }
}
