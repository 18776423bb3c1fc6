namespace NormLayers;

/// <summary>Group normalization as its page derives it: plain loops and averages in double, the reference of <see cref="GroupNorm"/>.</summary>
/// <remarks>
/// Source: Wu, He, "Group Normalization", 2018, arXiv:1803.08494, §3.1. Tensors are row-major (N, C, L), with L = 1 for (N, C); the index set S of
/// group g of sample n is its m = C/G·L contiguous elements. Tags: see README.md in this folder.
/// </remarks>
public static class GroupNormReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="groups">G.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <returns>The output y, (N, C, L), and for the backward pass each group's mean and 1/√(variance + ε), (N·G).</returns>
    public static (double[] Y, double[] Mean, double[] Rstd) Forward(double[] x, int length, int groups, double[] gamma, double[] beta, double epsilon)
    {
        int m = gamma.Length / groups * length;
        (double[] y, double[] means, double[] rstds) = (new double[x.Length], new double[x.Length / m], new double[x.Length / m]);
        for (int s = 0; s < means.Length; s++)
        {
            double[] set = x[(s * m)..((s + 1) * m)];
            double mean = set.Average(); // [GN-F1]
            double variance = set.Average(v => (v - mean) * (v - mean)); // [GN-F2]
            double rstd = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [GN-F3]
            for (int i = s * m; i < (s + 1) * m; i++)
            {
                int c = i / length % gamma.Length;
                double xHat = (x[i] - mean) * rstd; // [GN-F4]
                y[i] = gamma[c] * xHat + beta[c]; // [GN-F5]
            }

            (means[s], rstds[s]) = (mean, rstd);
        }

        return (y, means, rstds);
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L).</param>
    /// <param name="dy">The gradient with respect to y, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="means">Each group's mean from the forward pass, (N·G).</param>
    /// <param name="rstds">Each group's 1/√(variance + ε) from the forward pass, (N·G).</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x, (N, C, L).</returns>
    public static double[] Backward(
        double[] x, double[] dy, int length, double[] gamma, double[] means, double[] rstds, double[] dGamma, double[] dBeta)
    {
        int m = x.Length / means.Length;
        double[] dx = new double[x.Length];
        for (int s = 0; s < means.Length; s++)
        {
            (double mean, double rstd, double sumG, double sumGXHat) = (means[s], rstds[s], 0, 0);
            for (int i = s * m; i < (s + 1) * m; i++)
            {
                int c = i / length % gamma.Length;
                double xHat = (x[i] - mean) * rstd;
                double g = gamma[c] * dy[i];
                dBeta[c] += dy[i]; // [GN-B1]
                dGamma[c] += dy[i] * xHat; // [GN-B2]
                sumG += g; // [GN-B3]
                sumGXHat += g * xHat; // [GN-B4]
            }

            for (int i = s * m; i < (s + 1) * m; i++)
            {
                double xHat = (x[i] - mean) * rstd;
                double g = gamma[i / length % gamma.Length] * dy[i];
                dx[i] = rstd * (g - sumG / m - xHat * sumGXHat / m); // [GN-B5]
            }
        }

        return dx;
    }
}
