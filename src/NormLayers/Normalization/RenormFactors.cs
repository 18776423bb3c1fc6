using System.Numerics.Tensors;

namespace NormLayers.Normalization;

/// <summary>Batch renormalization's R and D of each channel from the batch's statistics and the running ones.</summary>
internal static class RenormFactors
{
    /// <summary>Overwrites R and D of the batch's statistics, (C), within limits of R_max ≥ 1 and D_max ≥ 0, and <paramref name="deviation"/>, (C), with √(variance + ε).</summary>
    /// <remarks>The running mean and the running deviation, ≥ 0, are (C) too, and ε is finite and ≥ 0. What is not finite stays NaN, and what overflows is at its limit.</remarks>
    public static void Compute(
        NormStatistics statistics, ReadOnlySpan<float> runningMean, ReadOnlySpan<float> runningDeviation, double epsilon, (double RMax, double DMax) limits, Span<double> deviation)
    {
        Span<double> R = statistics.Corrections.R;
        Span<double> D = statistics.Corrections.D;

        // s = sqrt(variance + epsilon) [BRN-F2]
        TensorPrimitives.Add(statistics.Variances, epsilon, deviation);
        TensorPrimitives.Sqrt(deviation, deviation);

        // R = clip(s / runningDeviation, 1 / rMax, rMax) [BRN-F3]; D = clip((mean - runningMean) / runningDeviation, -dMax, dMax) [BRN-F4]
        TensorPrimitives.ConvertChecked(runningDeviation, R);
        TensorPrimitives.ConvertChecked(runningMean, D);
        TensorPrimitives.Subtract(statistics.Mean, D, D);
        TensorPrimitives.Divide(D, R, D);
        TensorPrimitives.Divide(deviation, R, R);
        TensorPrimitives.Clamp(R, 1 / limits.RMax, limits.RMax, R);
        TensorPrimitives.Clamp(D, -limits.DMax, limits.DMax, D);

        // A running deviation of 0 corrects nothing.
        for (int c = runningDeviation.IndexOf(0); c >= 0 && c < R.Length; c++)
        {
            (R[c], D[c]) = runningDeviation[c] == 0 ? (1, 0) : (R[c], D[c]);
        }
    }
}
