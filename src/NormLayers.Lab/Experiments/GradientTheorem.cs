using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>
/// The gradient that batch normalization lets through, in closed form for ε = 0: with the gradient g at its output,
/// ‖∇x‖² = (γ²/σ²)(‖g‖² − ⟨1, g⟩²/m − ⟨g, x̂⟩²/m) for each channel.
/// </summary>
internal static class GradientTheorem
{
    /// <summary>The squared norm by the closed form, in double.</summary>
    /// <param name="x">The channel's inputs.</param>
    /// <param name="g">The gradient at its outputs.</param>
    /// <param name="gamma">The channel's scale.</param>
    public static double Expect(ReadOnlySpan<double> x, ReadOnlySpan<double> g, double gamma)
    {
        double mean = 0;
        foreach (double v in x)
        {
            mean += v / x.Length;
        }

        (double variance, double squares, double sum, double alongOutput) = (0, 0, 0, 0);
        for (int i = 0; i < x.Length; i++)
        {
            variance += (x[i] - mean) * (x[i] - mean) / x.Length;
            squares += g[i] * g[i];
            sum += g[i];
            alongOutput += g[i] * (x[i] - mean);
        }

        return gamma * gamma / variance * (squares - (sum * sum + alongOutput * alongOutput / variance) / x.Length);
    }

    /// <summary>The greatest relative difference between the layer's squared gradient norm of a channel and the closed form.</summary>
    /// <param name="samples">m, the samples of a batch.</param>
    /// <param name="features">The channels.</param>
    /// <param name="random">Draws inputs, gradients and scales.</param>
    /// <param name="epsilon">The layer's ε; the closed form is for 0.</param>
    public static double WorstDifference(int samples, int features, RandomSource random, double epsilon = 0)
    {
        BatchNorm1D norm = new(features, epsilon);
        float[] x = Draw(samples * features, 3, random);
        float[] dy = Draw(samples * features, 1, random);
        Draw(features, 1, random).CopyTo(norm.Gamma!.Value, 0);
        float[] dx = new float[x.Length];
        norm.Forward(x, (samples, features), new float[x.Length]);
        norm.Backward(x, dy, dx);
        double worst = 0;
        for (int channel = 0; channel < features; channel++)
        {
            double expected = Expect(Column(x, channel, features), Column(dy, channel, features), norm.Gamma.Value[channel]);
            double measured = Column(dx, channel, features).Sum(v => v * v);
            worst = Math.Max(worst, Math.Abs(measured / expected - 1));
        }

        return worst;
    }

    private static double[] Column(float[] values, int column, int columns) => [.. values.Where((_, i) => i % columns == column).Select(v => (double)v)];

    private static float[] Draw(int count, double deviation, RandomSource random)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(deviation * random.NextNormal() + 1);
        }

        return values;
    }
}
