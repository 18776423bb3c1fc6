using NormLayers.Normalization;

namespace NormLayers;

/// <content>Batch renormalization.</content>
public static partial class Functional
{
    /// <summary>Batch renormalization as in training: y = γ·(R·(x − μ)/s + D) + β. Running statistics are read, and are the caller's to move.</summary>
    /// <remarks>
    /// The backward pass is <see cref="BatchNormBackward"/>, with R and D in <paramref name="statistics"/>. In evaluation it is batch normalization with
    /// the squares of the running deviations as variances, and ε = 0.
    /// </remarks>
    /// <param name="runningMean">The running mean, (C).</param>
    /// <param name="runningDeviation">The running √(variance + ε), (C); a channel where it is 0 is not corrected.</param>
    /// <param name="limits">R_max ≥ 1 and D_max ≥ 0: the limits of a step are <see cref="RenormLimits.At"/>.</param>
    /// <param name="statistics">Overwritten with the channels' statistics, R and D among them.</param>
    /// <inheritdoc cref="BatchNormTraining" path="/param[@name!='statistics']"/>
    /// <exception cref="ArgumentException">A shape of one dimension or with one value per channel, a length that does not fit, a negative or NaN deviation, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limits"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void BatchRenormTraining(
        ReadOnlySpan<float> x, Shape shape, ReadOnlySpan<float> runningMean, ReadOnlySpan<float> runningDeviation, (double RMax, double DMax) limits, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta,
        double epsilon, Span<float> y, NormStatistics statistics, bool relu = false, ReadOnlySpan<bool> mask = default)
    {
        CheckChannels(x, shape, gamma, epsilon);
        int C = shape[1];
        CheckRunning(runningMean, runningDeviation, C, y, "deviations ≥ 0");
        if (!(limits.RMax >= 1 && limits.DMax >= 0))
        {
            Throw.OutOfRange(nameof(limits), "R_max ≥ 1 and D_max ≥ 0", limits);
        }

        Batch batch = TakeStatistics(x, shape, 0, gamma, beta, y, statistics, mask, corrected: true);
        if (!batch.IsEmpty)
        {
            RenormFactors.Compute(statistics, runningMean, runningDeviation, epsilon, limits, _workspace.AtLeast(C)[..C]);
        }

        NormalizeChunks(batch, gamma, beta, epsilon, statistics, relu);
    }
}
