using System.Diagnostics;

namespace NormLayers;

/// <summary>Batch normalization on float tensors (N, C, L): stateless, no allocation, no checks beyond debug assertions.</summary>
/// <remarks>
/// <para>Forward: [BN-F1] mean and [BN-F2] variance by the corrected two-pass method in double (the residual of the first
/// sweep's mean is taken out of both), [BN-F3] rstd in double, [BN-F4] + [BN-F5] fused in one sweep; [BN-F6] + [BN-F7]
/// running statistics. Reads x three times in memory order, writes y once; y may be x.</para>
/// <para>Backward: [BN-B1] + [BN-B2] in one sweep; [BN-B3] and [BN-B4] need none, since gamma is one number in a channel:
/// they are gamma·B1 and gamma·B2. [BN-B5], or [BN-B6] when the statistics were constants, in a second sweep. Reads x and
/// dy twice, writes dx once; dx may be dy.</para>
/// <para>Numerics: x is centred before it is squared or scaled, every sum is a chain in double in memory order, and each
/// float result is rounded once. A constant channel gives exactly beta.</para>
/// </remarks>
internal static class BatchNormKernel
{
    /// <summary>Overwrites <paramref name="mean"/> and the biased <paramref name="variance"/> with those of the batch.</summary>
    /// <param name="x">The input, (N, C, L), not empty.</param>
    /// <param name="length">L.</param>
    /// <param name="mean">Each channel's mean, (C).</param>
    /// <param name="variance">Each channel's biased variance, (C).</param>
    /// <param name="residual">Overwritten, (C).</param>
    public static void Statistics(ReadOnlySpan<float> x, int length, Span<double> mean, Span<double> variance, Span<double> residual)
    {
        int C = mean.Length;
        Debug.Assert(x.Length > 0 && x.Length % (C * length) == 0, "Lengths differ.");
        double m = x.Length / C;
        mean.Clear();
        variance.Clear();
        residual.Clear();
        for (int i = 0; i < x.Length;)
        {
            for (int c = 0; c < C; c++)
            {
                for (int l = 0; l < length; l++)
                {
                    mean[c] += x[i++];
                }
            }
        }

        for (int c = 0; c < C; c++)
        {
            mean[c] /= m; // [BN-F1]
        }

        for (int i = 0; i < x.Length;)
        {
            for (int c = 0; c < C; c++)
            {
                for (int l = 0; l < length; l++)
                {
                    double centred = x[i++] - mean[c];
                    residual[c] += centred;
                    variance[c] += centred * centred;
                }
            }
        }

        for (int c = 0; c < C; c++)
        {
            double r = residual[c] / m;
            mean[c] += r;
            variance[c] = Math.Max(0, variance[c] / m - r * r); // [BN-F2]
        }
    }

    /// <summary>Overwrites <paramref name="rstd"/> and <paramref name="y"/>.</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="mean">Each channel's mean, (C).</param>
    /// <param name="variance">Each channel's variance, (C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="beta">The shift, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="rstd">Each channel's 1/√(variance + ε), (C).</param>
    /// <param name="y">The output, (N, C, L); may be x.</param>
    public static void Normalize(
        ReadOnlySpan<float> x,
        int length,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> variance,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<double> rstd,
        Span<float> y)
    {
        int C = mean.Length;
        Debug.Assert(x.Length % (C * length) == 0 && y.Length == x.Length, "Lengths differ.");
        for (int c = 0; c < C; c++)
        {
            rstd[c] = variance[c] + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance[c] + epsilon); // [BN-F3]
        }

        for (int i = 0; i < x.Length;)
        {
            for (int c = 0; c < C; c++)
            {
                double scale = gamma.IsEmpty ? 1 : gamma[c];
                double shift = beta.IsEmpty ? 0 : beta[c];
                for (int l = 0; l < length; l++, i++)
                {
                    double xHat = (x[i] - mean[c]) * rstd[c]; // [BN-F4]
                    y[i] = (float)(scale * xHat + shift); // [BN-F5]
                }
            }
        }
    }

    /// <summary>
    /// One step of the running statistics, a channel at a time; a channel whose batch statistics do not fit a finite float is
    /// left as it was unless <paramref name="acceptNonFinite"/>.
    /// </summary>
    /// <param name="mean">The batch's mean, (C).</param>
    /// <param name="variance">The batch's biased variance, (C).</param>
    /// <param name="m">The values per channel, ≥ 2.</param>
    /// <param name="newWeight">The weight of the batch, 0 to 1.</param>
    /// <param name="acceptNonFinite">Whether NaN and infinity may be written.</param>
    /// <param name="runningMean">Overwritten, (C).</param>
    /// <param name="runningVariance">Overwritten, (C).</param>
    /// <returns>The number of channels left as they were.</returns>
    public static int UpdateRunning(
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> variance,
        double m,
        double newWeight,
        bool acceptNonFinite,
        Span<float> runningMean,
        Span<float> runningVariance)
    {
        int skipped = 0;
        for (int c = 0; c < mean.Length; c++)
        {
            if (acceptNonFinite || FitFloat(mean[c], variance[c], m))
            {
                runningMean[c] = (float)((1 - newWeight) * runningMean[c] + newWeight * mean[c]); // [BN-F6]
                runningVariance[c] = (float)((1 - newWeight) * runningVariance[c] + newWeight * (variance[c] * m / (m - 1))); // [BN-F7]
            }
            else
            {
                skipped++;
            }
        }

        return skipped;
    }

    /// <summary>Whether a channel's mean and its unbiased variance, which is the one that is tracked, are finite floats.</summary>
    /// <param name="mean">The batch's mean.</param>
    /// <param name="variance">The batch's biased variance.</param>
    /// <param name="m">The values per channel, ≥ 2.</param>
    public static bool FitFloat(double mean, double variance, double m) =>
        float.IsFinite((float)mean) && float.IsFinite((float)(variance * m / (m - 1)));

    /// <summary>Overwrites <paramref name="dx"/>; <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L).</param>
    /// <param name="dy">The gradient with respect to y, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="mean">The mean that the forward pass used, (C).</param>
    /// <param name="rstd">The 1/√(variance + ε) that the forward pass used, (C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="batchStatistics">Whether mean and variance were computed from x, and so carry gradient themselves.</param>
    /// <param name="dx">Overwritten, (N, C, L); may be dy; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="workspace">Overwritten, 2·C.</param>
    public static void Backward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        ReadOnlySpan<float> gamma,
        bool batchStatistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        Span<double> workspace)
    {
        int C = mean.Length;
        Debug.Assert(x.Length % (C * length) == 0 && dy.Length == x.Length && workspace.Length >= 2 * C, "Lengths differ.");
        double m = x.Length / C;
        Span<double> sumDy = workspace[..C];
        Span<double> sumDyXHat = workspace.Slice(C, C);
        sumDy.Clear();
        sumDyXHat.Clear();
        for (int i = 0; i < x.Length;)
        {
            for (int c = 0; c < C; c++)
            {
                for (int l = 0; l < length; l++, i++)
                {
                    double xHat = (x[i] - mean[c]) * rstd[c];
                    sumDy[c] += dy[i]; // [BN-B1]
                    sumDyXHat[c] += dy[i] * xHat; // [BN-B2]
                }
            }
        }

        for (int i = 0; i < dx.Length;)
        {
            for (int c = 0; c < C; c++)
            {
                double scale = gamma.IsEmpty ? 1 : gamma[c];
                double meanG = scale * sumDy[c] / m; // [BN-B3]
                double meanGXHat = scale * sumDyXHat[c] / m; // [BN-B4]
                for (int l = 0; l < length; l++, i++)
                {
                    double xHat = (x[i] - mean[c]) * rstd[c];
                    double g = scale * dy[i];
                    dx[i] = (float)(batchStatistics
                        ? rstd[c] * (g - meanG - xHat * meanGXHat) // [BN-B5]
                        : rstd[c] * g); // [BN-B6]
                }
            }
        }

        for (int c = 0; c < dGamma.Length; c++)
        {
            dGamma[c] = (float)(dGamma[c] + sumDyXHat[c]);
        }

        for (int c = 0; c < dBeta.Length; c++)
        {
            dBeta[c] = (float)(dBeta[c] + sumDy[c]);
        }
    }
}
