namespace NormLayers;

/// <summary>Layer normalization as its page derives it: plain loops in double, the reference of <see cref="LayerNorm1D"/>.</summary>
/// <remarks>
/// Source: Ba, Kiros, Hinton, "Layer Normalization", 2016, arXiv:1607.06450, §3. Tensors are row-major (N, C); the index
/// set S of row n is its C elements. Tags: see README.md in this folder.
/// </remarks>
public static class LayerNormReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <returns>The output y, (N, C), and for the backward pass each row's mean and 1/√(variance + ε), (N).</returns>
    public static (double[] Y, double[] Mean, double[] Rstd) Forward(double[] x, double[] gamma, double[] beta, double epsilon)
    {
        int C = gamma.Length;
        int N = x.Length / C;
        (double[] y, double[] means, double[] rstds) = (new double[x.Length], new double[N], new double[N]);
        for (int n = 0; n < N; n++)
        {
            double[] row = x[(n * C)..((n + 1) * C)];
            double mean = row.Sum() / C; // [LN-F1]
            double variance = row.Sum(v => (v - mean) * (v - mean)) / C; // [LN-F2]
            double rstd = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [LN-F3]
            for (int c = 0; c < C; c++)
            {
                double xHat = (x[n * C + c] - mean) * rstd; // [LN-F4]
                y[n * C + c] = gamma[c] * xHat + beta[c]; // [LN-F5]
            }

            (means[n], rstds[n]) = (mean, rstd);
        }

        return (y, means, rstds);
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="means">Each row's mean from the forward pass, (N).</param>
    /// <param name="rstds">Each row's 1/√(variance + ε) from the forward pass, (N).</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x, (N, C).</returns>
    public static double[] Backward(
        double[] x, double[] dy, double[] gamma, double[] means, double[] rstds, double[] dGamma, double[] dBeta)
    {
        int C = gamma.Length;
        double[] dx = new double[x.Length];
        for (int n = 0; n < means.Length; n++)
        {
            (double mean, double rstd, double sumG, double sumGXHat) = (means[n], rstds[n], 0, 0);
            for (int c = 0; c < C; c++)
            {
                double xHat = (x[n * C + c] - mean) * rstd;
                double g = gamma[c] * dy[n * C + c];
                dBeta[c] += dy[n * C + c]; // [LN-B1]
                dGamma[c] += dy[n * C + c] * xHat; // [LN-B2]
                sumG += g; // [LN-B3]
                sumGXHat += g * xHat; // [LN-B4]
            }

            for (int c = 0; c < C; c++)
            {
                double xHat = (x[n * C + c] - mean) * rstd;
                double g = gamma[c] * dy[n * C + c];
                dx[n * C + c] = rstd * (g - sumG / C - xHat * sumGXHat / C); // [LN-B5]
            }
        }

        return dx;
    }
}
