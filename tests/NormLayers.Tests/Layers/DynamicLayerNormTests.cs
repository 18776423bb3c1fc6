using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Dynamic layer normalization: plain layer normalization at first, then a scale and a shift that each row makes of itself.</summary>
public sealed class DynamicLayerNormTests
{
    private static readonly Shape s_shape = (6, 9);

    [Fact]
    public void Forward_AsItStarts_IsLayerNormBitForBit()
    {
        DynamicLayerNorm layer = new(9, epsilon: 0.01);
        LayerNorm1D plain = new(9, epsilon: 0.01);
        float[] x = Samples.Normal(54, mean: 2);
        Compare.SameBits(Samples.Forward(plain, x, s_shape), Samples.Forward(layer, x, s_shape), "y");
        Assert.All(layer.Parameters, p => Compare.AllEqual(0, p.Value, p.Name));
        Assert.Equal(["scale_weight", "scale_bias", "shift_weight", "shift_bias"], layer.Parameters.Select(p => p.Name));
        Assert.Equal((9, 0.01, false), (layer.Features, layer.Epsilon, layer.IgnoresInputScale));
        Assert.Equal(("dynamiclayernorm", "1 + gamma"), (layer.Name, layer.Conventions["scale"]));

        // Its first gradient tells the maps apart from zero.
        float[] dy = Samples.Upstream(54);
        Compare.SameBits(Samples.Backward(plain, x, dy), Samples.Backward(layer, x, dy), "dx");
        Compare.Within(Compare.Widen(plain.Gamma!.Gradient), layer.ScaleMap.Bias!.Gradient, 1e-5, "the gradient of γ");
        Assert.All(layer.Parameters, p => Assert.Contains(p.Gradient, g => g != 0));
    }

    [Fact]
    public void Forward_Biases_AreGammaMinusOneAndBeta()
    {
        DynamicLayerNorm layer = new(9);
        LayerNorm1D plain = new(9);
        for (int c = 0; c < 9; c++)
        {
            layer.ScaleMap.Bias!.Value[c] = (c % 5 - 1.5f) / 8f;
            plain.Gamma!.Value[c] = 1 + layer.ScaleMap.Bias.Value[c];
            layer.ShiftMap.Bias!.Value[c] = plain.Beta!.Value[c] = c / 4f;
        }

        float[] x = Samples.Normal(54);
        Compare.SameBits(Samples.Forward(plain, x, s_shape), Samples.Forward(layer, x, s_shape), "y");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(46341)]
    [InlineData(65536)]
    [InlineData(int.MaxValue)]
    public void Features_WithoutAnArrayForTheMaps_AreOutOfRange(int features)
    {
        Assert.Throws<ArgumentOutOfRangeException>(nameof(features), () => new DynamicLayerNorm(features));
        Assert.Throws<ArgumentOutOfRangeException>("outputs", () => new Linear(Math.Max(features, 1), features, new RandomSource(1)));
        Assert.Equal(features > 0, NormalizationKind.DynamicLayerNorm.Check(new NormalizationSettings(features)) is not null);
    }

    /// <summary>One row on paper: x = (1, 3), ε = 0, so x̂ = (−1, 1); a = (x₂, 0) and b = (0, 2x₁).</summary>
    [Fact]
    public void Forward_TwoNumbers_AreAsByHand()
    {
        DynamicLayerNorm layer = new(2, epsilon: 0);
        layer.ScaleMap.Weight.Value[1] = 1;
        layer.ShiftMap.Weight.Value[2] = 2;
        Assert.Equal([-4f, 3f], Samples.Forward(layer, [1, 3], (1, 2)));
    }

    [Theory]
    [InlineData(4, 5, 0)]
    [InlineData(3, 1, 0)]
    [InlineData(2, 3, 4)]
    public void Backward_RandomMaps_IsTheDifferenceQuotient(int samples, int second, int third)
    {
        Shape shape = third == 0 ? (samples, second) : (samples, second, third);
        GradientReport report = GradientCheck.Check(Prepared(shape.Last), shape);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(5, report.Tensors.Count);
    }

    [Theory]
    [InlineData(7, 33)]
    [InlineData(200, 130)]
    public void Passes_Rows_MatchTheReferenceAndKeepTheirBits(int rows, int features)
    {
        DynamicLayerNorm layer = Prepared(features);
        ReferenceLayer reference = layer.CreateReference();
        float[] x = Samples.Normal(rows * features, mean: 0.5);
        float[] dy = Samples.Upstream(x.Length);
        float[] y = Samples.Forward(layer, x, (rows, features));
        float[] dx = Samples.Backward(layer, x, dy);
        double[] exactY = reference.Forward(Compare.Widen(x), (rows, features));
        double[] exactDx = reference.Backward(Compare.Widen(dy));
        Compare.Within(exactY, y, 2e-6 * exactY.Max(Math.Abs), "y");
        Compare.Within(exactDx, dx, 2e-6 * exactDx.Max(Math.Abs), "dx");
        foreach ((Parameter own, ReferenceParameter exact) in layer.Parameters.Zip(reference.Parameters))
        {
            Compare.Within(exact.Gradient, own.Gradient, 2e-6 * exact.Gradient.Max(Math.Abs), own.Name);
        }

        // A row alone, rows as tokens, in place, and on one thread.
        Compare.SameBits(y.AsSpan(0, features), Samples.Forward(layer, x[..features], (1, features)), "a row alone");
        Compare.SameBits(y, Samples.Forward(layer, x, (1, rows, features)), "rows as tokens");
        float[] place = [.. x];
        layer.Forward(place, (rows, features), place);
        Compare.SameBits(y, place, "y in place of x");
        float[] gradient = [.. dy];
        Samples.Forward(layer, x, (rows, features));
        layer.ZeroGradients();
        layer.Backward(x, gradient, gradient);
        Compare.SameBits(dx, gradient, "dx in place of dy");
        float[][] gradients = [.. layer.Parameters.Select(p => (float[])p.Gradient.Clone())];
        int limit = Threads.Limit;
        try
        {
            Threads.Limit = 1;
            layer.ZeroGradients();
            Compare.SameBits(y, Samples.Forward(layer, x, (rows, features)), "y of one thread");
            Compare.SameBits(dx, Samples.Backward(layer, x, dy), "dx of one thread");
            Assert.All(layer.Parameters.Zip(gradients), p => Compare.SameBits(p.Second, p.First.Gradient, p.First.Name));
        }
        finally
        {
            Threads.Limit = limit;
        }
    }

    [Fact]
    public void Backward_WithoutDxOrFrozen_LeavesTheRestAsItIs()
    {
        DynamicLayerNorm layer = Prepared(9);
        float[] x = Samples.Normal(54);
        float[] dy = Samples.Upstream(54);
        Samples.Forward(layer, x, s_shape);
        float[] dx = Samples.Backward(layer, x, dy);
        float[][] gradients = [.. layer.Parameters.Select(p => (float[])p.Gradient.Clone())];
        layer.ZeroGradients();
        layer.Parameters[2].Frozen = true;
        layer.Backward(x, dy, []);
        Assert.All([0, 1, 3], i => Compare.SameBits(gradients[i], layer.Parameters[i].Gradient, layer.Parameters[i].Name));
        Compare.AllEqual(0, layer.Parameters[2].Gradient, "frozen");
        Compare.SameBits(dx, Samples.Backward(layer, x, dy), "dx");
    }

    [Fact]
    public void Passes_SteadyState_AllocateNothing()
    {
        DynamicLayerNorm layer = Prepared(9);
        (float[] x, float[] dy, float[] y, float[] dx) = (Samples.Normal(54), Samples.Upstream(54), new float[54], new float[54]);
        void Step()
        {
            layer.Forward(x, s_shape, y);
            layer.Backward(x, dy, dx);
        }

        Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Passes_NaN_StaysInItsRow()
    {
        DynamicLayerNorm layer = Prepared(9);
        float[] x = Samples.Normal(54);
        float[] clean = Samples.Forward(layer, x, s_shape);
        x[20] = float.NaN;
        float[] y = Samples.Forward(layer, x, s_shape);
        Assert.All(Enumerable.Range(18, 9), i => Assert.True(float.IsNaN(y[i])));
        Compare.SameBits(clean.AsSpan(0, 18), y.AsSpan(0, 18), "rows before");
        Compare.SameBits(clean.AsSpan(27), y.AsSpan(27), "rows behind");
    }

    [Fact]
    public void Constructor_OutOfRange_NamesTheArgument()
    {
        Assert.Throws<ArgumentOutOfRangeException>("features", () => new DynamicLayerNorm(0));
        Assert.Throws<ArgumentOutOfRangeException>("epsilon", () => new DynamicLayerNorm(3, epsilon: -1));
        Assert.StartsWith(
            "Expected a shape (N, …, 9) for dynamiclayernorm, got (6, 8).", Assert.Throws<ArgumentException>(() => new DynamicLayerNorm(9).OutputShape((6, 8))).Message, StringComparison.Ordinal);
    }

    private static DynamicLayerNorm Prepared(int features)
    {
        DynamicLayerNorm layer = new(features, epsilon: 0.01);
        ulong seed = 3;
        foreach (Parameter parameter in layer.Parameters)
        {
            Samples.Normal(parameter.Value.Length, 0.1, 1 / Math.Sqrt(features), seed++).CopyTo(parameter.Value, 0);
        }

        return layer;
    }
}
