using System.Globalization;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

/// <summary>The errors of GELU, SiLU, sigmoid and softmax over many values, as docs/numerics.md has them.</summary>
public sealed class ActivationErrorTests
{
    // In ulp: a rounding's half. And in y a relative error of up to 1.3·10⁻¹⁰, which is 0.0022; in dx three of up to 1.2·10⁻¹⁰, 0.006.
    private const double OfY = 0.503;
    private const double OfDx = 0.507;

    [Fact]
    public void Gelu_NormalDistribution_IsWithinItsBound()
    {
        double[] x = [.. Enumerable.Range(1, 3740).Select(i => -i / 100.0)];
        double[] y = new Gelu().CreateReference().Forward(x, x.Length);
        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal(1, y[i] / x[i] / NormalTail(-x[i]), 1.3e-10);
        }
    }

    [Theory]
    [InlineData("gelu")]
    [InlineData("silu")]
    [InlineData("sigmoid")]
    public void Pass_ManyValues_IsWithinHalfAnUlpAndLittleMore(string name)
    {
        // Dense about the zeros of both slopes, where dx's terms cancel.
        float[] x = [.. Enumerable.Range(-80000, 160001).Select(i => i / 1000f), .. Enumerable.Range(0, 20001).Select(i => -1.3f + i * 3e-5f)];
        float[] dy = Samples.Upstream(x.Length);
        Layer layer = name == "gelu" ? new Gelu() : name == "silu" ? new SiLU() : new Sigmoid();
        float[] y = Samples.Forward(layer, x, x.Length);
        float[] dx = Samples.Backward(layer, x, dy);
        (double Y, double[] Slope)[] exact = Array.ConvertAll(x, v => Exact(name, v));

        Check([.. exact.Select(e => (e.Y, e.Y))], y, OfY, "y");
        Check([.. exact.Zip(dy, (e, d) => (d * e.Slope.Sum(), d * e.Slope.MaxBy(Math.Abs)))], dx, OfDx, "dx");
    }

    [Fact]
    public void Softmax_ManyRows_IsWithinHalfAnUlpAndLittleMore()
    {
        RandomSource random = new(5);
        foreach (int columns in (int[])[1, 2, 5, 8, 17, 64, 100, 1000, 4099, 100_003])
        {
            for (int row = 0; row < Math.Clamp(100_000 / columns, 3, 2000); row++)
            {
                float[] x = Samples.Normal(columns, mean: 100 * random.NextNormal(), deviation: random.NextDouble(0.1, 20), seed: random.NextBits());
                float[] dy = Samples.Upstream(columns, seed: random.NextBits());
                Softmax layer = new();
                float[] actualY = Samples.Forward(layer, x, (1, columns));
                float[] dx = Samples.Backward(layer, x, dy);
                double max = x.Max();
                double[] e = Array.ConvertAll(x, v => Math.Exp(v - max));
                double sum = e.Sum();
                double[] y = Array.ConvertAll(e, v => v / sum);
                double dot = y.Zip(dy, (v, d) => v * d).Sum();
                double dotOfMagnitudes = y.Zip(dy, (v, d) => v * Math.Abs(d)).Sum();

                Check([.. y.Select(v => (v, v))], actualY, OfY, $"y of {columns}");
                Check([.. y.Zip(dy, (v, d) => (v * (d - dot), v * Math.Max(Math.Abs(d), dotOfMagnitudes)))], dx, OfDx, $"dx of {columns}");
            }
        }
    }

    // Within a part of an ulp of the larger of the result and its largest term.
    private static void Check((double Result, double Term)[] exact, float[] actual, double ulps, string what)
    {
        double[] units = Array.ConvertAll(exact, e => Tolerance.Ulp(Math.Max(Math.Abs(e.Result), Math.Abs(e.Term))));
        double[] results = Array.ConvertAll(exact, e => e.Result);
        double[] errors = [.. results.Zip(actual, (r, a) => Math.Abs(r - a))];
        double worst = errors.Zip(units, (e, u) => e / u).Max();
        double ofItself = errors.Zip(results, (e, r) => e / Tolerance.Ulp(Math.Abs(r))).Max();
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {worst:0.0000} ulp of the largest term, {ofItself:0.0} of itself"));
        Compare.Within(results, actual, Array.ConvertAll(units, u => ulps * u), what);
    }

    // y, and the terms of dy/dx.
    private static (double Y, double[] Slope) Exact(string name, double x)
    {
        double s = name == "gelu" ? x > 0 ? 1 - NormalTail(x) : NormalTail(-x) : 1 / (1 + Math.Exp(-x));
        double rest = 1 / (1 + Math.Exp(x));
        return name switch
        {
            "gelu" => (x * s, [s, x * Density(x)]),
            "silu" => (x * s, [s, x * s * rest]),
            _ => (s, [s * rest]),
        };
    }

    private static double Density(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    // ½·erfc(q/√2): the series of erf, and from 3 on the continued fraction of erfc.
    private static double NormalTail(double q)
    {
        if (q < 3)
        {
            double sum = 0;
            double term = q;
            for (int n = 1; term > 1e-18; n++)
            {
                sum += term;
                term *= q * q / (2 * n + 1);
            }

            return 0.5 - Density(q) * sum;
        }

        double fraction = q;
        for (int k = 300; k > 0; k--)
        {
            fraction = q + k / fraction;
        }

        return Density(q) / fraction;
    }
}
