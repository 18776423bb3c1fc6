using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Dynamic tanh's numbers against its page's reference, whose tanh and cosh are the runtime's.</summary>
public sealed class DyTTests
{
    // One rounding of the result, and a few of double beside it.
    private const double OneRounding = 0.51;
    private const double InDouble = 1e-14;

    public static TheoryData<float> Alphas => [0.5f, -1.3f, 0.01f, 20, 1e-30f, 1e30f, 0];

    [Theory]
    [MemberData(nameof(Alphas))]
    public void Passes_EveryRowLength_AreRoundedOnce(float alpha)
    {
        foreach (int features in Enumerable.Range(1, 40).Concat([64, 130]))
        {
            int rows = 1 + features % 7;
            float[] x = Samples.Normal(rows * features, 0.5, 2, (ulong)features);
            float[] dy = Samples.Upstream(x.Length);
            DyT layer = new(features, alpha);
            Samples.Normal(features, 1.2, 0.4, 3).CopyTo(layer.Gamma!.Value, 0);
            Samples.Normal(features, -0.3, 0.5, 4).CopyTo(layer.Beta!.Value, 0);
            (double[] gamma, double[] beta) = (Compare.Widen(layer.Gamma.Value), Compare.Widen(layer.Beta.Value));
            (double dAlpha, double[] dGamma, double[] dBeta) = (0, new double[features], new double[features]);
            double[] y = DyTReference.Forward(Compare.Widen(x), alpha, gamma, beta);
            double[] dx = DyTReference.Backward(Compare.Widen(x), Compare.Widen(dy), alpha, gamma, ref dAlpha, dGamma, dBeta);

            double[] allowed = [.. y.Select((v, i) => OneRounding * Tolerance.Ulp(v) + InDouble * (Math.Abs(gamma[i % features]) + Math.Abs(beta[i % features])))];
            Compare.Within(y, Samples.Forward(layer, x, (rows, features)), allowed, $"y of {features}");
            Compare.Within(dx, Samples.Backward(layer, x, dy), Array.ConvertAll(dx, v => OneRounding * Tolerance.Ulp(v)), $"dx of {features}");
            Compare.Within(dGamma, layer.Gamma.Gradient, Array.ConvertAll(dGamma, v => OneRounding * Tolerance.Ulp(v) + 1e-12), $"dGamma of {features}");
            Compare.Within(dBeta, layer.Beta.Gradient, Array.ConvertAll(dBeta, v => OneRounding * Tolerance.Ulp(v) + 1e-12), $"dBeta of {features}");
            Compare.Within([dAlpha], layer.Alpha.Gradient, OneRounding * Tolerance.Ulp(dAlpha) + 1e-12 * x.Length, $"dAlpha of {features}");
        }
    }

    [Fact]
    public void Backward_Saturated_KeepsItsDigits()
    {
        // Where 1 − tanh² has lost all its digits.
        float[] x = [10, -15, 20, 40, -45];
        DyT layer = new(5, alpha: 1, withGamma: false, withBeta: false);
        Samples.Forward(layer, x, (1, 5));
        double[] exact = Array.ConvertAll(x, v => 1 / (Math.Cosh(v) * Math.Cosh(v)));
        Compare.Within(exact, Samples.Backward(layer, x, [1, 1, 1, 1, 1]), Array.ConvertAll(exact, v => OneRounding * Tolerance.Ulp(v)), "dx");
    }

    [Fact]
    public void Forward_ElementInAnyPlace_HasTheSameBits()
    {
        float[] x = Samples.Normal(67, 0, 3);
        float[] row = Samples.Forward(new DyT(67), x, (1, 67));
        Compare.SameBits(Samples.Forward(new DyT(1), x, (67, 1)), row, "y");
    }

    [Fact]
    public void Passes_NaNAndInfinity_StayInTheirElement()
    {
        DyT layer = new(10);
        float[] x = Samples.Normal(20);
        (x[3], x[12], x[15]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity);
        float[] y = Samples.Forward(layer, x, (2, 10));
        float[] dx = Samples.Backward(layer, x, Samples.Upstream(20));
        Assert.Equal([3], Enumerable.Range(0, 20).Where(i => float.IsNaN(y[i])));
        Assert.Equal([3], Enumerable.Range(0, 20).Where(i => float.IsNaN(dx[i])));
        Assert.Equal((1f, -1f, 0f, 0f), (y[12], y[15], dx[12], dx[15]));
        Assert.True(float.IsNaN(layer.Alpha.Gradient[0]));
    }

    [Theory]
    [InlineData(true, true, "gamma,beta,alpha")]
    [InlineData(true, false, "gamma,alpha")]
    [InlineData(false, true, "beta,alpha")]
    [InlineData(false, false, "alpha")]
    public void Constructor_OptionalParameters_AreThereOrNot(bool withGamma, bool withBeta, string names)
    {
        DyT layer = new(5, withGamma: withGamma, withBeta: withBeta);
        Assert.Equal(names, string.Join(',', layer.Parameters.Select(p => p.Name)));
        float[] x = Samples.Normal(15);
        DyT full = new(5);
        Compare.SameBits(Samples.Forward(full, x, (3, 5)), Samples.Forward(layer, x, (3, 5)), "y");
        Compare.SameBits(Samples.Backward(full, x, x), Samples.Backward(layer, x, x), "dx");
        Compare.SameBits(full.Alpha.Gradient, layer.Alpha.Gradient, "dAlpha");
        Assert.False(layer.IgnoresInputScale);
    }
}
