using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Options, modes and contracts of the layer; its numbers are in Conformance and beside the kernel.</summary>
public sealed class BatchNorm1DTests
{
    private static readonly Shape s_shape = (8, 3, 5);

    [Fact]
    public void Constructor_Defaults_ArePyTorchs()
    {
        BatchNorm1D layer = new(3);
        Assert.Equal(3, layer.Features);
        Assert.Equal(1e-5, layer.Epsilon);
        Assert.True(layer.Training);
        Assert.Equal([1f, 1, 1], layer.Gamma!.Value);
        Assert.Equal([0f, 0, 0], layer.Beta!.Value);
        Assert.Equal([0f, 0, 0], layer.Running!.Mean);
        Assert.Equal([1f, 1, 1], layer.Running.Variance);
        Assert.Equal(0, layer.Running.BatchesSeen);
        Assert.Equal(["gamma", "beta"], layer.Parameters.Select(p => p.Name));
    }

    [Theory]
    [InlineData(true, true, "gamma,beta")]
    [InlineData(true, false, "gamma")]
    [InlineData(false, true, "beta")]
    [InlineData(false, false, "")]
    public void Constructor_OptionalParameters_AreThereOrNot(bool withGamma, bool withBeta, string names)
    {
        BatchNorm1D layer = new(3, withGamma: withGamma, withBeta: withBeta);
        Assert.Equal(names, string.Join(',', layer.Parameters.Select(p => p.Name)));
        Assert.Equal(withGamma, layer.Gamma is not null);
        Assert.Equal(withBeta, layer.Beta is not null);

        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        BatchNorm1D full = new(3);
        Compare.SameBits(Samples.Forward(full, x, s_shape), Samples.Forward(layer, x, s_shape), "y");
        Compare.SameBits(Samples.Backward(full, x, dy), Samples.Backward(layer, x, dy), "dx");
    }

    [Fact]
    public void Constructor_OutOfRange_NamesTheArgument()
    {
        Assert.Equal("features", Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1D(0)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1D(1, epsilon: -1)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1D(1, epsilon: double.NaN)).ParamName);
    }

    // Rows of whole pages are read four at a time in the backward pass, and others eight.
    [Theory]
    [InlineData(5)]
    [InlineData(39)]
    [InlineData(131)]
    public void Backward_RowsOfWholePages_HasTheBitsOfTheSameChannelsBesideMore(int n)
    {
        const int Page = 1024;
        const int More = Page + 16;
        float[] x = Samples.Normal(n * More, 3, 2);
        float[] dy = Samples.Upstream(n * More);
        BatchNorm1D wide = new(More);
        BatchNorm1D layer = new(Page);
        Samples.Forward(wide, x, (n, More));
        Samples.Forward(layer, FirstColumns(x), (n, Page));
        float[] dx = Samples.Backward(wide, x, dy);

        Compare.SameBits(FirstColumns(dx), Samples.Backward(layer, FirstColumns(x), FirstColumns(dy)), "dx");
        Compare.SameBits(wide.Gamma!.Gradient.AsSpan(0, Page), layer.Gamma!.Gradient, "dγ");
        Compare.SameBits(wide.Beta!.Gradient.AsSpan(0, Page), layer.Beta!.Gradient, "dβ");

        float[] FirstColumns(float[] tensor) => [.. Enumerable.Range(0, n).SelectMany(r => tensor.AsSpan(r * More, Page).ToArray())];
    }

    [Fact]
    public void Forward_Training_GivesEachChannelBetaAndGamma()
    {
        BatchNorm1D layer = new(3, epsilon: 0);
        float[] gamma = [2, -0.5f, 1];
        float[] beta = [10, 0, -3];
        gamma.CopyTo(layer.Gamma!.Value, 0);
        beta.CopyTo(layer.Beta!.Value, 0);
        float[] y = Samples.Forward(layer, Samples.Normal(s_shape.Length, 5, 3), s_shape);
        for (int c = 0; c < 3; c++)
        {
            double[] channel = [.. Compare.Widen(y).Where((_, i) => i / 5 % 3 == c)];
            double mean = channel.Average();
            Assert.Equal(beta[c], mean, 1e-5);
            Assert.Equal(gamma[c] * gamma[c], channel.Average(v => (v - mean) * (v - mean)), 1e-5);
        }
    }

    [Fact]
    public void Forward_Evaluation_UsesRunningStatisticsAndChangesNothing()
    {
        BatchNorm1D layer = new(3) { Training = false };
        Samples.Normal(3, 2, 1, seed: 5).CopyTo(layer.Running!.Mean, 0);
        ((float[])[0.5f, 2, 9]).CopyTo(layer.Running.Variance, 0);
        float[] mean = [.. layer.Running.Mean];
        float[] variance = [.. layer.Running.Variance];
        float[] x = Samples.Normal(s_shape.Length);
        float[] y = Samples.Forward(layer, x, s_shape);

        for (int i = 0; i < x.Length; i++)
        {
            int c = i / 5 % 3;
            double expected = (x[i] - (double)mean[c]) / Math.Sqrt(variance[c] + 1e-5);
            Assert.Equal(expected, y[i], Tolerance.Element(expected));
        }

        Compare.SameBits(y, Samples.Forward(layer, x, s_shape), "second pass");
        Compare.SameBits(mean, layer.Running.Mean, "running mean");
        Compare.SameBits(variance, layer.Running.Variance, "running variance");
        Assert.Equal(0, layer.Running.BatchesSeen);
    }

    [Fact]
    public void Passes_EvaluationAfterTraining_TakeNothingFromTheLastBatch()
    {
        BatchNorm1D trained = new(3, momentum: Momentum.NewWeight(1));
        Samples.Forward(trained, Samples.Normal(9, 1e7), (3, 3)); // Means that no double holds.
        BatchNorm1D fresh = new(3) { Training = false };
        trained.Training = false;
        trained.Running!.Mean.CopyTo(fresh.Running!.Mean, 0);
        trained.Running.Variance.CopyTo(fresh.Running.Variance, 0);
        float[] x = [.. fresh.Running.Mean]; // y is 0, or all that was left of the batch.
        Compare.SameBits(Samples.Forward(fresh, x, (1, 3)), Samples.Forward(trained, x, (1, 3)), "y");
        Samples.Backward(fresh, x, [1, 2, 3]);
        Samples.Backward(trained, x, [1, 2, 3]);
        Compare.SameBits(fresh.Gamma!.Gradient, trained.Gamma!.Gradient, "dGamma");
    }

    [Fact]
    public void Forward_OneRowInEvaluation_IsFine()
    {
        BatchNorm1D layer = new(3) { Training = false };
        Assert.All(Samples.Forward(layer, [1, 2, 3], (1, 3)), v => Assert.True(float.IsFinite(v)));
        float[] dx = Samples.Backward(layer, [1, 2, 3], [1, 1, 1]);
        Compare.Within(Enumerable.Repeat(1 / Math.Sqrt(1 + 1e-5), 3).ToArray(), dx, Tolerance.Element(1), "dx");
    }

    [Fact]
    public void Forward_RowInAnyBatch_GivesTheSameBitsInEvaluation()
    {
        BatchNorm1D layer = new(7) { Training = false };
        Samples.Normal(7, seed: 9).CopyTo(layer.Running!.Mean, 0);
        float[] x = Samples.Normal(6 * 7);
        float[] all = Samples.Forward(layer, x, (6, 7));
        for (int n = 0; n < 6; n++)
        {
            Compare.SameBits(all.AsSpan(n * 7, 7), Samples.Forward(layer, x[(n * 7)..(n * 7 + 7)], (1, 7)), $"row {n}");
        }
    }

    [Fact]
    public void Forward_Untracked_IsTheSameInBothModes()
    {
        BatchNorm1D layer = new(3, trackRunningStatistics: false);
        Assert.Null(layer.Running);
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        float[] y = Samples.Forward(layer, x, s_shape);
        float[] dx = Samples.Backward(layer, x, dy);
        layer.Training = false;
        Compare.SameBits(y, Samples.Forward(layer, x, s_shape), "y");
        Compare.SameBits(dx, Samples.Backward(layer, x, dy), "dx");
    }

    [Fact]
    public void FreezeStatistics_Training_NormalizesAsInEvaluationAndLearns()
    {
        BatchNorm1D layer = new(3) { FreezeStatistics = true };
        Samples.Normal(3, 2, 1, seed: 5).CopyTo(layer.Running!.Mean, 0);
        float[] mean = [.. layer.Running.Mean];
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        float[] y = Samples.Forward(layer, x, s_shape);
        float[] dx = Samples.Backward(layer, x, dy);
        float[] dGamma = [.. layer.Gamma!.Gradient];
        Assert.All(dGamma, g => Assert.NotEqual(0, g));
        Compare.SameBits(mean, layer.Running.Mean, "running mean");
        Assert.Equal(0, layer.Running.BatchesSeen);

        layer.FreezeStatistics = false;
        layer.Training = false;
        layer.ZeroGradients();
        Compare.SameBits(Samples.Forward(layer, x, s_shape), y, "y");
        Compare.SameBits(Samples.Backward(layer, x, dy), dx, "dx");
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
    }

    [Fact]
    public void FreezeStatistics_OneRowInTraining_IsFine()
    {
        BatchNorm1D layer = new(3) { FreezeStatistics = true };
        Assert.All(Samples.Forward(layer, [1, 2, 3], (1, 3)), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void FreezeStatistics_Untracked_Throws()
    {
        BatchNorm1D layer = new(3, trackRunningStatistics: false, name: "norm7");
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => layer.FreezeStatistics = true);
        Assert.Equal("norm7: there are no running statistics to freeze (trackRunningStatistics is off).", error.Message);
        Assert.False(layer.FreezeStatistics);
    }

    [Fact]
    public void FreezeParameters_Training_LeavesGradientsAloneAndTracksStatistics()
    {
        BatchNorm1D layer = new(3) { FreezeParameters = true };
        float[] x = Samples.Normal(s_shape.Length, 4);
        float[] dy = Samples.Upstream(s_shape.Length);
        BatchNorm1D free = new(3);
        Samples.Forward(free, x, s_shape);
        Samples.Forward(layer, x, s_shape);
        Compare.SameBits(Samples.Backward(free, x, dy), Samples.Backward(layer, x, dy), "dx");
        Compare.AllEqual(0, layer.Gamma!.Gradient, "dGamma");
        Compare.AllEqual(0, layer.Beta!.Gradient, "dBeta");
        Compare.SameBits(free.Running!.Mean, layer.Running!.Mean, "running mean");
        Assert.Equal(1, layer.Running.BatchesSeen);
        Assert.All(layer.Parameters, p => Assert.True(p.Frozen));

        layer.FreezeParameters = false;
        Samples.Backward(layer, x, dy);
        Compare.SameBits(free.Gamma!.Gradient, layer.Gamma.Gradient, "dGamma");
    }

    [Fact]
    public void Backward_ModeChangedAfterForward_BelongsToThatForward()
    {
        BatchNorm1D layer = new(3);
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        Samples.Forward(layer, x, s_shape);
        float[] expected = Samples.Backward(layer, x, dy);
        layer.Training = false;
        Compare.SameBits(expected, Samples.Backward(layer, x, dy), "dx");
    }

    [Fact]
    public void Backward_Twice_AddsParameterGradientsAndOverwritesDx()
    {
        BatchNorm1D layer = new(3);
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        Samples.Forward(layer, x, s_shape);
        float[] dx = new float[x.Length];
        layer.Backward(x, dy, dx);
        float[] first = [.. dx];
        double[] dGamma = Compare.Widen(layer.Gamma!.Gradient);
        double[] dBeta = Compare.Widen(layer.Beta!.Gradient);
        layer.Backward(x, dy, dx);
        Compare.SameBits(first, dx, "dx");
        Compare.Within(Array.ConvertAll(dGamma, g => 2 * g), layer.Gamma.Gradient, Tolerance.Sum(dGamma.Max(Math.Abs)), "dGamma");
        Compare.Within(Array.ConvertAll(dBeta, g => 2 * g), layer.Beta.Gradient, Tolerance.Sum(dBeta.Max(Math.Abs)), "dBeta");
    }

    [Fact]
    public void Backward_EmptyDx_StillAddsParameterGradients()
    {
        BatchNorm1D layer = new(3);
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        Samples.Forward(layer, x, s_shape);
        layer.Backward(x, dy, []);
        float[] dGamma = [.. layer.Gamma!.Gradient];
        layer.ZeroGradients();
        Compare.AllEqual(0, layer.Gamma.Gradient, "zeroed");
        Samples.Backward(layer, x, dy);
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
    }

    [Fact]
    public void Forward_InPlace_GivesTheSameBits()
    {
        float[] x = Samples.Normal(s_shape.Length, 3);
        float[] y = Samples.Forward(new BatchNorm1D(3), x, s_shape);
        new BatchNorm1D(3).Forward(x, s_shape, x);
        Compare.SameBits(y, x, "y");
    }

    [Fact]
    public void Forward_RankTwo_EqualsRankThreeOfLengthOne()
    {
        float[] x = Samples.Normal(24);
        Compare.SameBits(Samples.Forward(new BatchNorm1D(4), x, (6, 4)), Samples.Forward(new BatchNorm1D(4), x, (6, 4, 1)), "y");
    }

    [Theory]
    [InlineData(0, -1)]
    [InlineData(0, 9)]
    [InlineData(4, 0)]
    public void Forward_EmptyBatch_ChangesNothing(int rows, int length)
    {
        BatchNorm1D layer = new(5);
        Shape shape = length < 0 ? (rows, 5) : (rows, 5, length);
        foreach (bool training in (bool[])[true, false])
        {
            layer.Training = training;
            layer.Forward([], shape, []);
            layer.Backward([], [], []);
        }

        Compare.AllEqual(0, layer.Running!.Mean, "running mean");
        Compare.AllEqual(1, layer.Running.Variance, "running variance");
        Assert.Equal(0, layer.Running.BatchesSeen);
        Compare.AllEqual(0, layer.Gamma!.Gradient, "dGamma");
        Compare.AllEqual(0, layer.Beta!.Gradient, "dBeta");
    }
}
