using System.Globalization;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>DyT and local response normalization on hostile data: they compute in double and round once, so they may be half a u off, and hardly more.</summary>
/// <remarks>The reference is in double too, and some 10⁻⁸u off. Sums are held to 2u, as everywhere (docs/numerics.md).</remarks>
public sealed class HostileFormsTests
{
    private const double Rounded = 0.501;

    public static TheoryData<string> Data => [.. HostileData.All.Where(d => d.Sizes.Count > 0).Select(d => d.Name)];

    [Theory]
    [MemberData(nameof(Data))]
    public void DyT_HostileData_IsRoundedOnce(string name)
    {
        HostileData data = HostileData.All.Single(d => d.Name == name);
        RandomSource random = new(1);
        double[] worst = new double[4];
        foreach (int size in data.Sizes)
        {
            DyT layer = new(size);
            Draw(layer.Gamma!.Value, () => data.GammaScale * (0.5 + random.NextDouble()));
            Draw(layer.Beta!.Value, () => data.WithBeta ? random.NextNormal() : 0);
            float alpha = layer.Alpha.Value[0];
            float[] x = [.. data.Draw(size, random), .. data.Draw(size, random), .. data.Draw(size, random)];
            float[] dy = Draw(new float[x.Length], () => 0.4 + random.NextNormal());
            ReferenceLayer reference = layer.CreateReference()!;
            double[] exactY = [.. reference.Forward(Compare.Widen(x), (3, size))];
            double[] exactDx = reference.Backward(Compare.Widen(dy));
            (float[] y, float[] dx) = (Samples.Forward(layer, x, (3, size)), Samples.Backward(layer, x, dy));
            double alphaTerm = 0;
            for (int i = 0; i < x.Length; i++)
            {
                double t = Math.Tanh((double)alpha * x[i]);
                Note(ref worst[0], y[i], exactY[i], t * layer.Gamma.Value[i % size], layer.Beta.Value[i % size]);
                Note(ref worst[1], dx[i], exactDx[i]);
                alphaTerm = Math.Max(alphaTerm, Math.Abs(exactDx[i] / alpha * x[i]));
            }

            for (int c = 0; c < size; c++)
            {
                double[] dys = [dy[c], dy[size + c], dy[2 * size + c]];
                Note(ref worst[2], layer.Beta.Gradient[c], dys.Sum(), dys);
                double[] terms = [.. dys.Select((d, n) => d * Math.Tanh((double)alpha * x[n * size + c]))];
                Note(ref worst[2], layer.Gamma.Gradient[c], terms.Sum(), terms);
            }

            Note(ref worst[3], layer.Alpha.Gradient[0], reference.Parameters.Single(p => p.Gradient.Length == 1 && p.Name == layer.Alpha.Name).Gradient[0], alphaTerm);
        }

        AssertWithin(name, worst, [Rounded, Rounded, 2, 2]);
    }

    [Theory]
    [MemberData(nameof(Data))]
    public void LocalResponseNorm_HostileData_IsRoundedOnce(string name)
    {
        HostileData data = HostileData.All.Single(d => d.Name == name);
        RandomSource random = new(1);
        double[] worst = new double[2];
        foreach (Shape shape in data.Sizes.SelectMany(size => (Shape[])[(3, size), (2, 5, size)]))
        {
            foreach ((double beta, double k) in (ReadOnlySpan<(double, double)>)[(0.75, 1), (0.5, 1e-5), (0.6, 2)])
            {
                LocalResponseNorm layer = new(3, alpha: 0.8, beta, k);
                float[] x = [.. Enumerable.Range(0, shape.Length / shape.Last).SelectMany(_ => data.Draw(shape.Last, random))];
                float[] dy = Draw(new float[x.Length], () => 0.4 + random.NextNormal());
                ReferenceLayer reference = layer.CreateReference();
                double[] exactY = [.. reference.Forward(Compare.Widen(x), shape)];
                double[] exactDx = reference.Backward(Compare.Widen(dy));
                (float[] y, float[] dx) = (Samples.Forward(layer, x, shape), Samples.Backward(layer, x, dy));
                for (int i = 0; i < x.Length; i++)
                {
                    double power = x[i] == 0 ? 0 : exactY[i] / x[i];
                    Note(ref worst[0], y[i], exactY[i]);
                    Note(ref worst[1], dx[i], exactDx[i], dy[i] * power, exactDx[i] - dy[i] * power);
                }
            }
        }

        AssertWithin(name, worst, [Rounded, Rounded]);
    }

    // In u: an ulp at the larger of the result and its largest term.
    private static void Note(ref double worst, float actual, double exact, params ReadOnlySpan<double> terms)
    {
        double size = Math.Abs(exact);
        foreach (double term in terms)
        {
            size = Math.Max(size, Math.Abs(term));
        }

        double error = Math.Abs(actual - exact) / Tolerance.Ulp(size);
        worst = double.IsNaN(error) || double.IsNaN(worst) ? double.NaN : Math.Max(worst, error);
    }

    private static void AssertWithin(string name, double[] worst, double[] bounds)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {string.Join(", ", worst.Select(w => w.ToString("0.0000", CultureInfo.InvariantCulture)))}"));
        Assert.All(worst.Zip(bounds), pair => Assert.True(pair.First <= pair.Second, $"{name}: {pair.First}u of {pair.Second}u"));
    }

    private static float[] Draw(float[] values, Func<double> draw)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)draw();
        }

        return values;
    }
}
