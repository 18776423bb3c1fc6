using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Options and contracts of the layer; its numbers are in Conformance and beside the kernel.</summary>
public sealed class LayerNorm1DTests
{
    private static readonly Shape s_shape = (6, 5);

    [Fact]
    public void Constructor_Defaults_ArePyTorchs()
    {
        LayerNorm1D layer = new(3);
        Assert.Equal(3, layer.Features);
        Assert.Equal(1e-5, layer.Epsilon);
        Assert.Equal([1f, 1, 1], layer.Gamma!.Value);
        Assert.Equal([0f, 0, 0], layer.Beta!.Value);
        Assert.Equal(["gamma", "beta"], layer.Parameters.Select(p => p.Name));
    }

    [Theory]
    [InlineData(true, true, "gamma,beta")]
    [InlineData(true, false, "gamma")]
    [InlineData(false, true, "beta")]
    [InlineData(false, false, "")]
    public void Constructor_OptionalParameters_AreThereOrNot(bool withGamma, bool withBeta, string names)
    {
        LayerNorm1D layer = new(5, withGamma: withGamma, withBeta: withBeta);
        Assert.Equal(names, string.Join(',', layer.Parameters.Select(p => p.Name)));
        Assert.Equal(withGamma, layer.Gamma is not null);
        Assert.Equal(withBeta, layer.Beta is not null);

        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        LayerNorm1D full = new(5);
        Compare.SameBits(Samples.Forward(full, x, s_shape), Samples.Forward(layer, x, s_shape), "y");
        Compare.SameBits(Samples.Backward(full, x, dy), Samples.Backward(layer, x, dy), "dx");
        if (withGamma)
        {
            Compare.SameBits(full.Gamma!.Gradient, layer.Gamma!.Gradient, "dGamma");
        }

        if (withBeta)
        {
            Compare.SameBits(full.Beta!.Gradient, layer.Beta!.Gradient, "dBeta");
        }
    }

    [Fact]
    public void Constructor_OutOfRange_NamesTheArgument()
    {
        Assert.Equal("features", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerNorm1D(0)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerNorm1D(1, epsilon: -1e-30)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerNorm1D(1, epsilon: double.PositiveInfinity)).ParamName);
    }

    [Fact]
    public void Forward_EpsilonZero_GivesEachRowMeanZeroAndVarianceOne()
    {
        float[] y = Samples.Forward(new LayerNorm1D(50, epsilon: 0), Samples.Normal(150, 7, 3), (3, 50));
        for (int n = 0; n < 3; n++)
        {
            double[] row = Compare.Widen(y.AsSpan(n * 50, 50));
            Assert.Equal(0, row.Average(), 1e-6);
            Assert.Equal(1, row.Average(v => v * v), 1e-6);
        }
    }

    [Fact]
    public void Forward_EitherMode_GivesTheSameBits()
    {
        LayerNorm1D layer = new(5);
        float[] x = Samples.Normal(s_shape.Length);
        float[] y = Samples.Forward(layer, x, s_shape);
        layer.Training = false;
        Compare.SameBits(y, Samples.Forward(layer, x, s_shape), "y");
    }

    [Fact]
    public void Forward_AnyRank_IsTheSameAsRows()
    {
        float[] x = Samples.Normal(2 * 3 * 4 * 5);
        float[] rows = Samples.Forward(new LayerNorm1D(5), x, (24, 5));
        Compare.SameBits(rows, Samples.Forward(new LayerNorm1D(5), x, (2, 12, 5)), "rank 3");
        Compare.SameBits(rows, Samples.Forward(new LayerNorm1D(5), x, (2, 3, 4, 5)), "rank 4");
        Compare.SameBits(rows.AsSpan(0, 5), Samples.Forward(new LayerNorm1D(5), x[..5], 5), "rank 1");
    }

    [Fact]
    public void Forward_RowInAnyBatch_GivesTheSameBits()
    {
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        LayerNorm1D layer = new(5);
        float[] y = Samples.Forward(layer, x, s_shape);
        float[] dx = Samples.Backward(layer, x, dy);
        for (int n = 0; n < 6; n++)
        {
            Range row = (n * 5)..(n * 5 + 5);
            Compare.SameBits(y[row], Samples.Forward(layer, x[row], (1, 5)), $"y of row {n}");
            Compare.SameBits(dx[row], Samples.Backward(layer, x[row], dy[row]), $"dx of row {n}");
        }
    }

    [Fact]
    public void Forward_InPlace_GivesTheSameBits()
    {
        float[] x = Samples.Normal(s_shape.Length, 3);
        float[] y = Samples.Forward(new LayerNorm1D(5), x, s_shape);
        new LayerNorm1D(5).Forward(x, s_shape, x);
        Compare.SameBits(y, x, "y");
    }

    [Fact]
    public void ForwardAndBackward_EmptyBatch_ChangeNothing()
    {
        LayerNorm1D layer = new(5);
        layer.Forward([], (0, 5), []);
        layer.Backward([], [], []);
        layer.Forward([], (3, 0, 5), []);
        Compare.AllEqual(0, layer.Gamma!.Gradient, "dGamma");
        Compare.AllEqual(0, layer.Beta!.Gradient, "dBeta");
    }

    [Fact]
    public void Backward_SmallerBatchAfterLarger_ForgetsTheLarger()
    {
        LayerNorm1D used = new(5);
        float[] large = Samples.Normal(s_shape.Length);
        Samples.Forward(used, large, s_shape);
        Samples.Backward(used, large, large);
        used.ZeroGradients();
        LayerNorm1D fresh = new(5);
        float[] x = Samples.Normal(10, seed: 4);
        float[] dy = Samples.Upstream(10);
        Compare.SameBits(Samples.Forward(fresh, x, (2, 5)), Samples.Forward(used, x, (2, 5)), "y");
        Compare.SameBits(Samples.Backward(fresh, x, dy), Samples.Backward(used, x, dy), "dx");
        Compare.SameBits(fresh.Gamma!.Gradient, used.Gamma!.Gradient, "dGamma");
    }

    [Fact]
    public void Backward_Twice_AddsParameterGradientsAndOverwritesDx()
    {
        LayerNorm1D layer = new(5);
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
        Compare.Within(Array.ConvertAll(dBeta, g => 2 * g), layer.Beta!.Gradient, Tolerance.Sum(dBeta.Max(Math.Abs)), "dBeta");
    }

    [Fact]
    public void Backward_FrozenParameter_KeepsItsGradient()
    {
        LayerNorm1D layer = new(5);
        layer.Gamma!.Frozen = true;
        float[] x = Samples.Normal(s_shape.Length);
        Samples.Forward(layer, x, s_shape);
        Samples.Backward(layer, x, Samples.Upstream(x.Length));
        Compare.AllEqual(0, layer.Gamma.Gradient, "dGamma");
        Assert.All(layer.Beta!.Gradient, g => Assert.NotEqual(0, g));
    }

    [Fact]
    public void Backward_EmptyDx_StillAddsParameterGradients()
    {
        LayerNorm1D layer = new(5);
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        Samples.Forward(layer, x, s_shape);
        layer.Backward(x, dy, []);
        float[] dGamma = [.. layer.Gamma!.Gradient];
        layer.ZeroGradients();
        Samples.Backward(layer, x, dy);
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
        Assert.All(dGamma, g => Assert.NotEqual(0, g));
    }

    [Fact]
    public void Forward_NaNOrInfinity_StaysInItsRow()
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity])
        {
            LayerNorm1D layer = new(5);
            float[] x = Samples.Normal(s_shape.Length);
            x[7] = bad;
            float[] y = Samples.Forward(layer, x, s_shape);
            float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
            for (int i = 0; i < x.Length; i++)
            {
                Assert.Equal(i / 5 == 1, float.IsNaN(y[i]));
                Assert.Equal(i / 5 == 1, float.IsNaN(dx[i]));
            }
        }
    }

    [Fact]
    public void Forward_WrongShape_NamesExpectedAndActual()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new LayerNorm1D(5).Forward(new float[12], (2, 6), new float[12]));
        Assert.StartsWith("Expected a shape whose last dimension is 5 for layernorm, got (2, 6).", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_WrongBufferLength_NamesTheBuffer()
    {
        LayerNorm1D layer = new(5);
        ArgumentException x = Assert.Throws<ArgumentException>(() => layer.Forward(new float[9], (2, 5), new float[10]));
        Assert.Equal("Expected 10 elements for shape (2, 5), got 9. (Parameter 'x')", x.Message);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => layer.Forward(new float[10], (2, 5), new float[9])).ParamName);
    }

    [Fact]
    public void Backward_BeforeForward_SaysSo()
    {
        LayerNorm1D layer = new(5, name: "norm1");
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => layer.Backward(new float[10], new float[10], default));
        Assert.Equal("norm1: Backward needs a Forward before it, and none succeeded.", error.Message);
    }
}
