using NormLayers.Numerics;

namespace NormLayers.Tests.Checks;

/// <summary>One forward and one backward pass to be run, with all their inputs.</summary>
internal sealed record Problem
{
    /// <summary>N.</summary>
    public required int Rows { get; init; }

    /// <summary>C.</summary>
    public required int Channels { get; init; }

    /// <summary>L, 1 for layer normalization.</summary>
    public int Length { get; init; } = 1;

    public required float[] X { get; init; }

    public required float[] Dy { get; init; }

    public Shape Shape => Length == 1 ? (Rows, Channels) : (Rows, Channels, Length);

    /// <summary>The scale (C); empty means that there is none.</summary>
    public float[] Gamma { get; init; } = [];

    /// <summary>The shift (C); empty means zeros.</summary>
    public float[] Beta { get; init; } = [];

    public double Epsilon { get; init; } = 1e-5;

    /// <summary>Which elements count; null for all.</summary>
    public bool[]? Mask { get; init; }

    /// <summary>The gradients that stand there before the backward pass adds to them, (C).</summary>
    public required float[] EarlierDGamma { get; init; }

    /// <summary>As <see cref="EarlierDGamma"/>.</summary>
    public required float[] EarlierDBeta { get; init; }

    /// <summary>Whether batch normalization uses the statistics of the batch (and updates the running ones).</summary>
    public bool Training { get; init; } = true;

    public Momentum Momentum { get; init; } = Momentum.NewWeight(0.2);

    /// <summary>Which batch since the last reset it is, counted from 1.</summary>
    public int Batch { get; init; } = 1;

    public required float[] RunningMean { get; init; }

    public required float[] RunningVariance { get; init; }

    /// <summary>Whether y is written over x and dx over dy.</summary>
    public bool InPlace { get; init; }

    public bool WantsDx { get; init; } = true;

    public bool WantsParameterGradients { get; init; } = true;

    /// <summary>The elements of one index set, masked ones included.</summary>
    public int SetSize(Family family) => X.Length / (family.Sets.NumberOf(Shape)[^1] + 1);

    /// <summary>
    /// Normal x with a mean and a spread that differ by channel, dy with mean 0.4, gamma and beta not constant, gradients
    /// and running statistics not at their start: nothing that a wrong pass could hide behind.
    /// </summary>
    public static Problem Random(int rows, int channels, int length = 1, double offset = 0.5, double spread = 1, ulong seed = 1)
    {
        RandomSource random = new(seed + (ulong)(rows * 1000003L + channels * 1009L + length));
        float[] Draw(int count, double mean, double deviation)
        {
            float[] values = new float[count];
            for (int i = 0; i < count; i++)
            {
                values[i] = (float)(mean + deviation * random.NextNormal());
            }

            return values;
        }

        float[] gamma = Draw(channels, 1.2, 0.4);
        float[] x = Draw(rows * channels * length, offset, spread);
        return new Problem
        {
            Rows = rows,
            Channels = channels,
            Length = length,
            X = x,
            Dy = Draw(x.Length, 0.4, 1),
            Gamma = gamma,
            Beta = Draw(channels, -0.3, 0.5),
            EarlierDGamma = Draw(channels, 0.7, 0.2),
            EarlierDBeta = Draw(channels, -0.6, 0.2),
            RunningMean = Draw(channels, offset, 0.3 * spread),
            RunningVariance = Array.ConvertAll(Draw(channels, 1.5, 0.1), v => (float)(v * spread * spread)),
        };
    }

    /// <summary>A buffer whose old content must not be read: NaN spoils whatever it is added to.</summary>
    public static float[] Dirty(int length)
    {
        float[] buffer = new float[length];
        Array.Fill(buffer, float.NaN);
        return buffer;
    }

    /// <summary>The same without what a family does not have: β, and digits of γ that 1 + γ would lose.</summary>
    public Problem For(Family family) => this with
    {
        Beta = family.HasBeta ? Beta : [],
        Gamma = family.OnePlusGamma ? Array.ConvertAll(Gamma, v => MathF.Round(v * 4096) / 4096) : Gamma,
    };

    /// <summary>The rows from <paramref name="start"/> on as a problem of their own.</summary>
    public Problem Slice(int start, int count) => this with
    {
        Rows = count,
        X = X.AsSpan(start * Channels * Length, count * Channels * Length).ToArray(),
        Dy = Dy.AsSpan(start * Channels * Length, count * Channels * Length).ToArray(),
    };

    public override string ToString()
    {
        static string List(float[] values) =>
            $"[{string.Join(", ", values.Take(40).Select(v => v.ToString("r", System.Globalization.CultureInfo.InvariantCulture)))}{(values.Length > 40 ? ", …" : "")}]";

        return $"({Rows}, {Channels}, {Length}) epsilon {Epsilon}, training {Training}, x {List(X)}, dy {List(Dy)}, gamma {List(Gamma)}, beta {List(Beta)}";
    }
}
