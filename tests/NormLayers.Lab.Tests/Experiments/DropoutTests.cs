using NormLayers.Lab.Experiments;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Verification;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class DropoutTests
{
    [Fact]
    public void Forward_Training_KeepsAndDividesAShare()
    {
        Dropout layer = new(0.8, new RandomSource(1), "dropout");
        float[] x = [.. Enumerable.Repeat(3f, 10_000)];
        float[] y = new float[x.Length];
        layer.Forward(x, (100, 100), y);
        Assert.Equal((float[])[0, 3 / 0.8f], y.Distinct().Order());
        Assert.InRange(y.Count(v => v > 0), 7800, 8200);
        float[] dx = new float[x.Length];
        layer.Backward(x, x, dx);
        Assert.Equal(y, dx);
        layer.Training = false;
        layer.Forward(x, (100, 100), y);
        Assert.Equal(x, y);
    }

    [Theory]
    [InlineData(0, 0.5, 2)]
    [InlineData(1, 0.5, 3)]
    [InlineData(2, 0.8, 2.25)]
    [InlineData(2, 1, 1)]
    public void Theory_Unit_IsTheClosedForm(double mean, double keep, double expected) => Assert.Equal(expected, DropoutOrder.Theory(mean, keep), 12);

    [Fact]
    public void FitOfLogarithm_Points_IsOneForALogarithmOnly()
    {
        long[] steps = [1, 2, 5, 10, 100, 1000];
        Assert.Equal(1, GhostBatches.FitOfLogarithm([.. steps.Select(s => (s, 3 + 2 * Math.Log(s)))]), 12);
        Assert.True(GhostBatches.FitOfLogarithm([.. steps.Select(s => (s, (double)s))]) < 0.75);
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
