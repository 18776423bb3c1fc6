using NormLayers.Lab.Experiments;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Verification;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class DropoutTests
{
    [Fact]
    public void Passes_Training_KeepAndDivideAShare()
    {
        Dropout layer = new(0.8, new RandomSource(1), "dropout");
        RandomSource random = new(5);
        float[] x = [.. Enumerable.Range(0, 10_000).Select(_ => (float)(2 + random.NextDouble()))];
        float[] dy = [.. x.Select(_ => (float)(0.4 + random.NextNormal()))];
        float[] y = new float[x.Length];
        layer.Forward(x, (100, 100), y);
        bool[] kept = [.. y.Select(v => v > 0)];
        Assert.InRange(kept.Count(k => k), 7800, 8200);
        Assert.All(kept.Chunk(100), row => Assert.InRange(row.Count(k => k), 60, 95));
        Assert.Equal(x.Zip(kept, (v, k) => k ? v * (float)(1 / 0.8) : 0), y);
        float[] dx = new float[x.Length];
        layer.Backward(x, dy, dx);
        Assert.Equal(dy.Zip(kept, (g, k) => k ? g * (float)(1 / 0.8) : 0 * g), dx);

        layer.Forward(x, (100, 100), y);
        Assert.InRange(y.Zip(kept).Count(p => p.First > 0 != p.Second), 2900, 3500); // 2·0.8·0.2 of them: drawn anew.
        layer.Training = false;
        layer.Forward(x, (100, 100), y);
        Assert.Equal(x, y);
        layer.Backward(x, dy, dx);
        Assert.Equal(dy, dx);
    }

    [Theory]
    [InlineData(0, 0.5, 2)]
    [InlineData(1, 0.5, 3)]
    [InlineData(2, 0.8, 2.25)]
    [InlineData(2, 1, 1)]
    public void Theory_Unit_IsTheClosedForm(double mean, double keep, double expected) => Assert.Equal(expected, DropoutOrder.Theory(mean, keep), 12);

    [Fact]
    public void FitOfLogarithm_Points_IsTheSquareOfTheCorrelation()
    {
        long[] steps = [1, 2, 5, 10, 100, 1000];
        Assert.Equal(1, GhostBatches.FitOfLogarithm([.. steps.Select(s => (s, 3 + 2 * Math.Log(s)))]), 12);
        Assert.Equal(1, GhostBatches.FitOfLogarithm([.. steps.Select(s => (s, 3 - 2 * Math.Log(s)))]), 12);
        Assert.Equal(0.709348983707, GhostBatches.FitOfLogarithm([.. steps.Select(s => (s, (double)s))]), 1e-12);
    }

    [Fact]
    public void Residual_Block_AddsItsInput()
    {
        RandomSource random = new(2);
        Residual block = new(new Sequential(new LayerNorm1D(4, name: "norm"), new Linear(4, 4, random, name: "linear")), "block");
        float[] x = [1, 2, 3, 5];
        float[] inner = new float[4];
        float[] y = new float[4];
        new Sequential(new LayerNorm1D(4, name: "norm"), new Linear(4, 4, new RandomSource(2), name: "linear")).Forward(x, (1, 4), inner);
        block.Forward(x, (1, 4), y);
        Assert.Equal(x.Zip(inner, (a, b) => b + a), y);
        Assert.True(GradientCheck.Check(new Sequential(block), (3, 4)).Passed);
    }
}
