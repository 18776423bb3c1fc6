using NormLayers.Numerics;

namespace NormLayers.Cli.Bench;

/// <summary>The tensors of a case: the same numbers in every process.</summary>
/// <remarks>x has an offset, gamma is not constant and dy has a mean, so that no term of the formulas drops out.</remarks>
internal sealed class NormData
{
    // Long enough to have honest statistics, and quick to draw; a prime, so that columns do not repeat with the rows.
    private const int Period = 100_003;

    public NormData(NormCase timed)
    {
        RandomSource random = new(1);
        X = Normal(random, timed.Shape.Length, 0.5, 1.5);
        Dy = timed.HasBackward ? Normal(random, timed.Shape.Length, 0.3, 1) : [];
        Gamma = Uniform(random, timed.Features, 0.5, 1.5);
        Beta = Uniform(random, timed.Features, -1, 1);
        RunningMean = Uniform(random, timed.Features, 0, 1);
        RunningVariance = Uniform(random, timed.Features, 1, 3);
    }

    public float[] X { get; }

    public float[] Dy { get; }

    public float[] Gamma { get; }

    public float[] Beta { get; }

    /// <summary>The statistics of evaluation.</summary>
    public float[] RunningMean { get; }

    public float[] RunningVariance { get; }

    public static float[] Normal(RandomSource random, int count, double mean, double deviation)
    {
        float[] values = new float[count];
        for (int i = 0; i < Math.Min(count, Period); i++)
        {
            values[i] = (float)(mean + deviation * random.NextNormal());
        }

        for (int start = Period; start < count; start += Period)
        {
            Array.Copy(values, 0, values, start, Math.Min(Period, count - start));
        }

        return values;
    }

    private static float[] Uniform(RandomSource random, int count, double low, double high)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)random.NextDouble(low, high);
        }

        return values;
    }
}
