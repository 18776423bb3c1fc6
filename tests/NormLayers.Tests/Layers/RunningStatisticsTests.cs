using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

public sealed class RunningStatisticsTests
{
    private const int Rows = 6;
    private const int Channels = 3;

    [Fact]
    public void Forward_DefaultMomentum_TakesATenthOfMeanAndUnbiasedVariance()
    {
        BatchNorm1D layer = new(Channels);
        float[] x = Samples.Normal(Rows * Channels, 4, 2);
        Samples.Forward(layer, x, (Rows, Channels));
        (double[] mean, double[] variance) = UnbiasedStatistics(x);
        Compare.Within(Array.ConvertAll(mean, m => 0.1 * m), layer.Running!.Mean, Tolerance.Running(new double[3], mean, 0.1), "mean");
        Compare.Within(Array.ConvertAll(variance, v => 0.9 + 0.1 * v), layer.Running.Variance, Tolerance.Running([1, 1, 1], variance, 0.1), "variance");
        Assert.Equal(1, layer.Running.BatchesSeen);
    }

    [Fact]
    public void Forward_OldWeight_IsTheSameAsItsNewWeight()
    {
        BatchNorm1D ours = new(Channels, momentum: Momentum.NewWeight(0.25));
        BatchNorm1D keras = new(Channels, momentum: Momentum.OldWeight(0.75));
        for (ulong seed = 1; seed <= 3; seed++)
        {
            float[] x = Samples.Normal(Rows * Channels, 4, 2, seed);
            Samples.Forward(ours, x, (Rows, Channels));
            Samples.Forward(keras, x, (Rows, Channels));
        }

        Compare.SameBits(ours.Running!.Mean, keras.Running!.Mean, "mean");
        Compare.SameBits(ours.Running.Variance, keras.Running.Variance, "variance");
        Assert.Equal(3, ours.Running.BatchesSeen);
    }

    [Fact]
    public void Forward_NewWeightZeroAndOne_KeepsOrReplaces()
    {
        float[] x = Samples.Normal(Rows * Channels, 4, 2);
        (double[] mean, double[] variance) = UnbiasedStatistics(x);
        BatchNorm1D keeping = new(Channels, momentum: Momentum.NewWeight(0));
        Samples.Forward(keeping, x, (Rows, Channels));
        Compare.AllEqual(0, keeping.Running!.Mean, "mean");
        Compare.AllEqual(1, keeping.Running.Variance, "variance");
        Assert.Equal(1, keeping.Running.BatchesSeen);

        BatchNorm1D replacing = new(Channels, momentum: Momentum.NewWeight(1));
        Samples.Forward(replacing, x, (Rows, Channels));
        Compare.Within(mean, replacing.Running!.Mean, Tolerance.Sum(mean.Max()), "mean");
        Compare.Within(variance, replacing.Running.Variance, Tolerance.Sum(variance.Max()), "variance");
    }

    [Fact]
    public void Forward_Cumulative_IsTheMeanOfTheBatchesSinceTheReset()
    {
        BatchNorm1D layer = new(Channels, momentum: Momentum.Cumulative);
        float[] a = Samples.Normal(Rows * Channels, 4, 2, seed: 1);
        float[] b = Samples.Normal(Rows * Channels, -1, 3, seed: 2);
        (double[] meanA, double[] varianceA) = UnbiasedStatistics(a);
        (double[] meanB, double[] varianceB) = UnbiasedStatistics(b);

        float[] first = Samples.Forward(layer, a, (Rows, Channels));
        Compare.Within(meanA, layer.Running!.Mean, Tolerance.Sum(8), "mean of a");
        layer.Running.Reset();
        Assert.Equal(0, layer.Running.BatchesSeen);
        Compare.AllEqual(0, layer.Running.Mean, "mean after reset");
        Compare.AllEqual(1, layer.Running.Variance, "variance after reset");
        Samples.Forward(layer, b, (Rows, Channels));
        Compare.Within(varianceB, layer.Running.Variance, Tolerance.Sum(16), "variance of b");
        layer.Running.Reset();
        Compare.SameBits(first, Samples.Forward(layer, a, (Rows, Channels)), "output of a");
        Samples.Forward(layer, b, (Rows, Channels));

        Compare.Within([.. meanA.Zip(meanB, (p, q) => (p + q) / 2)], layer.Running.Mean, 2 * Tolerance.Sum(8), "mean of both");
        Compare.Within([.. varianceA.Zip(varianceB, (p, q) => (p + q) / 2)], layer.Running.Variance, 2 * Tolerance.Sum(16), "variance of both");
        Assert.Equal(2, layer.Running.BatchesSeen);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(1e30f)]
    public void Forward_NonFiniteStatisticsSkipped_KeepTheChannelAndCount(float bad)
    {
        BatchNorm1D layer = new(Channels);
        float[] x = Bad(bad);
        Samples.Forward(layer, x, (Rows, Channels));
        Assert.Equal(0, layer.Running!.Mean[1]);
        Assert.Equal(1, layer.Running.Variance[1]);
        Assert.NotEqual(0, layer.Running.Mean[0]);
        Assert.NotEqual(1, layer.Running.Variance[2]);
        Assert.Equal(1, layer.Running.BatchesSeen);
        Assert.Equal(1, layer.Running.SkippedUpdates);
        layer.Running.Reset();
        Assert.Equal(0, layer.Running.SkippedUpdates);
    }

    [Fact]
    public void Forward_NonFiniteStatisticsAccepted_AreWritten()
    {
        BatchNorm1D layer = new(Channels, nonFinite: NonFiniteStatistics.Accept);
        Samples.Forward(layer, Bad(float.NaN), (Rows, Channels));
        Assert.True(float.IsNaN(layer.Running!.Mean[1]));
        Assert.True(float.IsNaN(layer.Running.Variance[1]));
        Assert.True(float.IsFinite(layer.Running.Mean[0]));
        Assert.Equal(0, layer.Running.SkippedUpdates);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(1e30f)]
    public void Forward_NonFiniteStatisticsThrowing_ChangesNothing(float bad)
    {
        BatchNorm1D layer = new(Channels, nonFinite: NonFiniteStatistics.Throw, name: "norm2");
        InvalidOperationException error =
            Assert.Throws<InvalidOperationException>(() => layer.Forward(Bad(bad), (Rows, Channels), new float[Rows * Channels]));
        Assert.StartsWith("norm2: the batch's statistics of channel 1 are not finite", error.Message, StringComparison.Ordinal);
        Compare.AllEqual(0, layer.Running!.Mean, "mean");
        Compare.AllEqual(1, layer.Running.Variance, "variance");
        Assert.Equal(0, layer.Running.BatchesSeen);
        Assert.Throws<InvalidOperationException>(() => layer.Backward(Bad(bad), Bad(bad), default));
    }

    [Fact]
    public void Forward_VarianceJustBeyondAFloat_IsTreatedAlikeByEveryPolicy()
    {
        // Two values ±1.5e19: the biased variance 2.25e38 fits a float, the unbiased 4.5e38, which is what is tracked, does not.
        float[] x = [1.5e19f, -1.5e19f];
        BatchNorm1D skipping = new(1);
        Samples.Forward(skipping, x, (2, 1));
        Assert.Equal(1, skipping.Running!.SkippedUpdates);
        Assert.Equal(1, skipping.Running.Variance[0]);
        BatchNorm1D throwing = new(1, nonFinite: NonFiniteStatistics.Throw);
        Assert.Throws<InvalidOperationException>(() => throwing.Forward(x, (2, 1), new float[2]));
    }

    [Fact]
    public void Forward_NaNInOneChannel_StaysInItsChannel()
    {
        BatchNorm1D layer = new(Channels);
        float[] x = Bad(float.NaN);
        float[] y = Samples.Forward(layer, x, (Rows, Channels));
        float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal(i % Channels == 1, float.IsNaN(y[i]));
            Assert.Equal(i % Channels == 1, float.IsNaN(dx[i]));
        }
    }

    // Too large to be computed with in float, and yet a float.
    [Theory]
    [InlineData(NonFiniteStatistics.Skip)]
    [InlineData(NonFiniteStatistics.Throw)]
    [InlineData(NonFiniteStatistics.Accept)]
    public void Forward_MeanNearTheLargestFloat_IsTakenIn(NonFiniteStatistics nonFinite)
    {
        BatchNorm1D layer = new(2, momentum: Momentum.NewWeight(1), nonFinite: nonFinite);

        layer.Forward([3e38f, 1, 3e38f, 3], (2, 2), new float[4]);

        Assert.Equal([3e38f, 2], layer.Running!.Mean);
        Assert.Equal([0, 2], layer.Running.Variance);
        Assert.Equal(0, layer.Running.SkippedUpdates);
    }

    [Fact]
    public void Constructor_NoFeatures_Throws() =>
        Assert.Equal("features", Assert.Throws<ArgumentOutOfRangeException>(() => new RunningStatistics(0)).ParamName);

    private static float[] Bad(float value)
    {
        float[] x = Samples.Normal(Rows * Channels, 4, 2);
        x[Channels + 1] = value;
        return x;
    }

    private static (double[] Mean, double[] Variance) UnbiasedStatistics(float[] x)
    {
        (double[] mean, double[] variance) = BatchNormReference.Statistics(Compare.Widen(x), IndexSets.Channels.Of((Rows, Channels)));
        return (mean, Array.ConvertAll(variance, v => v * Rows / (Rows - 1)));
    }

    [Fact]
    public void Forward_NonFiniteBatchInACumulativeAverage_IsLeftOutOfEveryChannel()
    {
        BatchNorm1D layer = new(2, momentum: Momentum.Cumulative);
        float[] y = new float[4];
        layer.Forward([float.NaN, 3, 1, 5], (2, 2), y);
        layer.Forward([9, 1, 11, 5], (2, 2), y);

        Assert.Equal([10f, 3f], layer.Running!.Mean);
        Assert.Equal([2f, 8f], layer.Running.Variance);
        Assert.Equal((1, 1), (layer.Running.BatchesSeen, layer.Running.SkippedUpdates));
    }

    [Fact]
    public void Counters_Negative_AreRefused()
    {
        BatchNorm layer = new(2, momentum: Momentum.Cumulative);
        RunningStatistics running = layer.Running!;
        Assert.Throws<ArgumentOutOfRangeException>(() => running.BatchesSeen = -1);
        Assert.Throws<ArgumentOutOfRangeException>(() => running.SkippedUpdates = -1);
        foreach (NamedState state in layer.NamedState.Where(s => s.Counters is not null))
        {
            Assert.Throws<ArgumentException>(() => state.CopyFrom(new NamedState(state.Name, [-3])));
        }

        NamedState variance = layer.NamedState.Single(s => s.Name == "running_var");
        ArgumentException error = Assert.Throws<ArgumentException>(() => variance.CopyFrom(new NamedState(variance.Name, 2, [1f, -0.5f])));
        Assert.StartsWith("Expected values ≥ 0 in 'running_var', got -0.5 at position 1.", error.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0), (running.BatchesSeen, running.SkippedUpdates));
        Assert.Equal([1, 1], running.Variance);
    }
}
