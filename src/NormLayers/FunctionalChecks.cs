using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers;

/// <content>No γ and no β by name, and the checks of arguments.</content>
public static partial class Functional
{
    private static readonly float[] s_marks = new float[2];

    /// <summary>Given as γ: there is none, as if it were 1 everywhere.</summary>
    /// <remarks>
    /// An empty span that is known by its address. A null array turns into an empty span without a word, so an empty γ is refused: it may be
    /// a look-up that failed.
    /// </remarks>
    public static ReadOnlySpan<float> Ones => s_marks.AsSpan(0, 0);

    /// <summary>Given as β: there is none, as if it were 0 everywhere. See <see cref="Ones"/>.</summary>
    public static ReadOnlySpan<float> Zeros => s_marks.AsSpan(1, 0);

    private static void CheckGamma(ReadOnlySpan<float> gamma, int features) => CheckAffine(gamma, features, Ones, "gamma", nameof(Ones));

    private static void CheckBeta(ReadOnlySpan<float> beta, int features) => CheckAffine(beta, features, Zeros, "beta", nameof(Zeros));

    private static void CheckAffine(ReadOnlySpan<float> values, int features, ReadOnlySpan<float> mark, string name, string markName)
    {
        if (values.IsEmpty && Unsafe.AreSame(ref MemoryMarshal.GetReference(values), ref MemoryMarshal.GetReference(mark)))
        {
            return;
        }

        if (values.Length != features)
        {
            Throw.Argument(name, $"{features} elements, or Functional.{markName} for none", values.IsEmpty ? "an empty span (null becomes one, too)" : $"{values.Length}");
        }
    }

    private static void CheckChannels(ReadOnlySpan<float> x, Shape shape, ReadOnlySpan<float> gamma, double epsilon)
    {
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        Throw.IfWithoutChannels(shape, nameof(shape));
        Throw.IfLengthDiffers(x.Length, shape, nameof(x));
        CheckGamma(gamma, shape[1]);
    }

    private static void CheckRows(
        ReadOnlySpan<float> x, int features, ReadOnlySpan<float> gamma, double epsilon,
        [CallerArgumentExpression(nameof(x))] string name = "", [CallerArgumentExpression(nameof(epsilon))] string epsilonName = "")
    {
        Throw.IfNotPositive(features, nameof(features));
        Throw.IfNegativeOrNotFinite(epsilon, epsilonName);
        if (x.Length % features != 0)
        {
            Throw.Argument(name, $"whole rows of {features} elements", $"{x.Length} elements");
        }

        CheckGamma(gamma, features);
    }

    private static void CheckResidual(ReadOnlySpan<float> x, ReadOnlySpan<float> residual, Span<float> sum, Span<float> y)
    {
        Throw.IfLengthDiffers(residual.Length, x.Length, nameof(residual));
        CheckOutput(x, sum, nameof(sum));
        CheckOutput(residual, sum, nameof(sum));
        Throw.IfLengthDiffers(y.Length, x.Length, nameof(y));
        if (y.Overlaps(x) || y.Overlaps(residual) || y.Overlaps(sum))
        {
            Throw.Argument(nameof(y), "memory apart from x, residual and sum", "memory that overlaps one of them");
        }
    }

    private static void CheckStatistics(NormStatistics statistics, int count)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        if (statistics.Count != count)
        {
            Throw.Argument(nameof(statistics), $"statistics of {count} rows or channels", $"those of {statistics.Count}");
        }
    }

    private static void CheckGradients(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> y,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        int parameters,
        [CallerArgumentExpression(nameof(gamma))] string gammaName = "",
        [CallerArgumentExpression(nameof(dGamma))] string dGammaName = "",
        [CallerArgumentExpression(nameof(dBeta))] string dBetaName = "")
    {
        Throw.IfLengthDiffers(dy.Length, x.Length, nameof(dy));
        if (!y.IsEmpty)
        {
            Throw.IfLengthDiffers(y.Length, x.Length, nameof(y));
        }

        if (!dx.IsEmpty || !y.IsEmpty)
        {
            CheckOutput(dy, dx, nameof(dx));
        }

        CheckGradient(dGamma, parameters, dGammaName);
        CheckGradient(dBeta, parameters, dBetaName);
        new Output<float>(dGamma, dGammaName).IsApartFrom(dy, nameof(dy)).IsApartFrom<float>(dBeta, dBetaName);
        new Output<float>(dBeta, dBetaName).IsApartFrom(dy, nameof(dy));
        CheckApart(dx, nameof(dx), x, y, gamma, gammaName);
        CheckApart(dGamma, dGammaName, x, y, gamma, gammaName);
        CheckApart(dBeta, dBetaName, x, y, gamma, gammaName);
        new Output<float>(dx, nameof(dx)).IsApartFrom<float>(dGamma, dGammaName).IsApartFrom<float>(dBeta, dBetaName);

        static void CheckApart(
            Span<float> written, string name, ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> gamma, string gammaName) =>
            new Output<float>(written, name).IsApartFrom(x, nameof(x)).IsApartFrom(y, nameof(y)).IsApartFrom(gamma, gammaName);
    }

    private static void CheckGradient(Span<float> gradient, int parameters, string name)
    {
        if (!gradient.IsEmpty)
        {
            Throw.IfLengthDiffers(gradient.Length, parameters, name);
        }
    }

    private static void CheckApart(Span<float> written, string name, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta) =>
        new Output<float>(written, name).IsApartFrom(gamma, nameof(gamma)).IsApartFrom(beta, nameof(beta));

    private static void CheckOutput(ReadOnlySpan<float> x, Span<float> y, string name = "y")
    {
        Throw.IfLengthDiffers(y.Length, x.Length, name);
        Throw.IfOverlapsInPart(x, y, "input", name);
    }

    // The statistics of channels that a function is given, and that y must not overwrite.
    private static void CheckRunning(
        ReadOnlySpan<float> mean, ReadOnlySpan<float> spread, int channels, Span<float> y, string expected,
        [CallerArgumentExpression(nameof(mean))] string meanName = "", [CallerArgumentExpression(nameof(spread))] string spreadName = "")
    {
        Throw.IfLengthDiffers(mean.Length, channels, meanName);
        Throw.IfLengthDiffers(spread.Length, channels, spreadName);
        CheckSpread(spread, expected, spreadName);
        new Output<float>(y, nameof(y)).IsApartFrom(mean, meanName).IsApartFrom(spread, spreadName);
    }

    // A NaN fails the first comparison: the minimum of numbers with NaN is NaN.
    private static void CheckSpread(ReadOnlySpan<float> spread, string expected, string name)
    {
        if (spread.IsEmpty || TensorPrimitives.Min(spread) >= 0)
        {
            return;
        }

        for (int c = 0; c < spread.Length; c++)
        {
            if (!(spread[c] >= 0))
            {
                Throw.Argument(name, expected, System.FormattableString.Invariant($"{spread[c]} in channel {c}"));
            }
        }
    }

    /// <summary>What a function writes, tested against everything else that it reads or writes.</summary>
    private readonly ref struct Output<T>(ReadOnlySpan<T> written, string name)
        where T : unmanaged
    {
        private readonly ReadOnlySpan<T> _written = written;

        public Output<T> IsApartFrom<U>(ReadOnlySpan<U> other, string otherName)
            where U : unmanaged
        {
            if (Numerics.MemoryOverlap.Exists(_written, other))
            {
                Throw.Argument(name, $"memory apart from {otherName}", "memory that overlaps it");
            }

            return this;
        }
    }
}
