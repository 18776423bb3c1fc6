using System.Diagnostics;

namespace NormLayers;

/// <summary>Layer normalization on float rows: stateless, no allocation, no checks beyond debug assertions.</summary>
/// <remarks>
/// <para>Forward: [LN-F1] mean and [LN-F2] variance by the corrected two-pass method in double (the residual of the first
/// sweep's mean is taken out of both), [LN-F3] rstd in double, [LN-F4] + [LN-F5] fused in one sweep. Reads x three times,
/// writes y once; y may be x.</para>
/// <para>Backward: [LN-B1] … [LN-B4] in one sweep, [LN-B5] in a second. Reads x and dy twice, writes dx once; dx may be dy.</para>
/// <para>Numerics: x is centred before it is squared or scaled, every sum is a chain in double in index order, and each
/// float result is rounded once. A constant row gives exactly beta; rows of one element give dGamma = dx = 0.</para>
/// </remarks>
internal static class LayerNormKernel
{
    /// <summary>Overwrites <paramref name="y"/>, and <paramref name="mean"/> and <paramref name="rstd"/> for the backward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="beta">The shift, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="features">C.</param>
    /// <param name="y">The output, (N, C); may be x.</param>
    /// <param name="mean">Each row's mean, (N).</param>
    /// <param name="rstd">Each row's 1/√(variance + ε), (N).</param>
    public static void Forward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        int features,
        Span<float> y,
        Span<double> mean,
        Span<double> rstd)
    {
        int C = features;
        Debug.Assert(x.Length == mean.Length * C && y.Length == x.Length && rstd.Length == mean.Length, "Lengths differ.");
        for (int n = 0; n < mean.Length; n++)
        {
            ReadOnlySpan<float> row = x.Slice(n * C, C);
            Span<float> output = y.Slice(n * C, C);

            (double m, double variance) = Moments(row);
            double r = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [LN-F3]
            for (int c = 0; c < C; c++)
            {
                double xHat = (row[c] - m) * r; // [LN-F4]
                output[c] = (float)(Scale(gamma, c) * xHat + Shift(beta, c)); // [LN-F5]
            }

            mean[n] = m;
            rstd[n] = r;
        }
    }

    /// <summary>Overwrites <paramref name="dx"/>; <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="mean">Each row's mean from the forward pass, (N).</param>
    /// <param name="rstd">Each row's 1/√(variance + ε) from the forward pass, (N).</param>
    /// <param name="features">C.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="workspace">Overwritten, 2·C.</param>
    public static void Backward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        int features,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        Span<double> workspace)
    {
        int C = features;
        Debug.Assert(x.Length == mean.Length * C && dy.Length == x.Length && workspace.Length >= 2 * C, "Lengths differ.");
        Span<double> sumDy = workspace[..C];
        Span<double> sumDyXHat = workspace.Slice(C, C);
        sumDy.Clear();
        sumDyXHat.Clear();
        for (int n = 0; n < mean.Length; n++)
        {
            ReadOnlySpan<float> row = x.Slice(n * C, C);
            ReadOnlySpan<float> upstream = dy.Slice(n * C, C);
            (double m, double r) = (mean[n], rstd[n]);
            double sumG = 0;
            double sumGXHat = 0;
            for (int c = 0; c < C; c++)
            {
                double xHat = (row[c] - m) * r;
                double g = Scale(gamma, c) * upstream[c];
                sumDy[c] += upstream[c]; // [LN-B1]
                sumDyXHat[c] += upstream[c] * xHat; // [LN-B2]
                sumG += g; // [LN-B3]
                sumGXHat += g * xHat; // [LN-B4]
            }

            if (dx.IsEmpty)
            {
                continue;
            }

            Span<float> downstream = dx.Slice(n * C, C);
            for (int c = 0; c < C; c++)
            {
                double xHat = (row[c] - m) * r;
                double g = Scale(gamma, c) * upstream[c];
                downstream[c] = (float)(r * (g - sumG / C - xHat * (sumGXHat / C))); // [LN-B5]
            }
        }

        Accumulate(sumDyXHat, dGamma);
        Accumulate(sumDy, dBeta);
    }

    private static (double Mean, double Variance) Moments(ReadOnlySpan<float> row)
    {
        double sum = 0;
        foreach (float value in row)
        {
            sum += value;
        }

        double mean = sum / row.Length; // [LN-F1]
        double residual = 0;
        double squares = 0;
        foreach (float value in row)
        {
            double centred = value - mean;
            residual += centred;
            squares += centred * centred;
        }

        residual /= row.Length;
        return (mean + residual, Math.Max(0, squares / row.Length - residual * residual)); // [LN-F2]
    }

    private static double Scale(ReadOnlySpan<float> gamma, int c) => gamma.IsEmpty ? 1 : gamma[c];

    private static double Shift(ReadOnlySpan<float> beta, int c) => beta.IsEmpty ? 0 : beta[c];

    private static void Accumulate(ReadOnlySpan<double> sums, Span<float> gradient)
    {
        for (int c = 0; c < gradient.Length; c++)
        {
            gradient[c] = (float)(gradient[c] + sums[c]);
        }
    }
}
