namespace NormLayers;

/// <summary>Instance normalization as its page derives it: plain loops and averages in double, the reference of <see cref="InstanceNorm"/>.</summary>
/// <remarks>
/// Source: Ulyanov, Vedaldi, Lempitsky, "Instance Normalization", 2016, arXiv:1607.08022. Tensors are row-major (N, C, L); the index set S of
/// channel c of sample n is its m = L contiguous elements. Tags: see README.md in this folder.
/// </remarks>
public static class InstanceNormReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <returns>The output y, (N, C, L), and for the backward pass each instance's mean and 1/√(variance + ε), (N·C).</returns>
    public static (double[] Y, double[] Mean, double[] Rstd) Forward(double[] x, int length, double[] gamma, double[] beta, double epsilon)
    {
        int m = length;
        (double[] y, double[] means, double[] rstds) = (new double[x.Length], new double[x.Length / m], new double[x.Length / m]);
        for (int s = 0; s < means.Length; s++)
        {
            int c = s % gamma.Length;
            double[] set = x[(s * m)..((s + 1) * m)];
            double mean = set.Average(); // [IN-F1]
            double variance = set.Average(v => (v - mean) * (v - mean)); // [IN-F2]
            double rstd = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [IN-F3]
            for (int i = s * m; i < (s + 1) * m; i++)
            {
                double xHat = (x[i] - mean) * rstd; // [IN-F4]
                y[i] = gamma[c] * xHat + beta[c]; // [IN-F5]
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
    /// <param name="means">Each instance's mean from the forward pass, (N·C).</param>
    /// <param name="rstds">Each instance's 1/√(variance + ε) from the forward pass, (N·C).</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x, (N, C, L).</returns>
    public static double[] Backward(
        double[] x, double[] dy, int length, double[] gamma, double[] means, double[] rstds, double[] dGamma, double[] dBeta)
    {
        int m = length;
        double[] dx = new double[x.Length];
        for (int s = 0; s < means.Length; s++)
        {
            (int c, double mean, double rstd) = (s % gamma.Length, means[s], rstds[s]);
            int[] S = [.. Enumerable.Range(s * m, m)];
            double XHat(int i) => (x[i] - mean) * rstd;
            double G(int i) => gamma[c] * dy[i];
            dBeta[c] += S.Sum(i => dy[i]); // [IN-B1]
            dGamma[c] += S.Sum(i => dy[i] * XHat(i)); // [IN-B2]
            double sumG = S.Sum(G); // [IN-B3]
            double sumGXHat = S.Sum(i => G(i) * XHat(i)); // [IN-B4]
            foreach (int i in S)
            {
                dx[i] = rstd * (G(i) - sumG / m - XHat(i) * sumGXHat / m); // [IN-B5]
            }
        }

        return dx;
    }
}
