namespace NormLayers;

/// <summary>Weight normalization and weight standardization as their page derives them: plain loops in double.</summary>
/// <remarks>
/// Sources: Salimans, Kingma, "Weight Normalization", 2016, arXiv:1602.07868, §2; Qiao et al., "Micro-Batch Training with Batch-Channel
/// Normalization and Weight Standardization", 2019, arXiv:1903.10520. Weights are row-major (outputs, m); the index set S of output o is row o. Tags: see README.md in this folder.
/// </remarks>
public static class WeightNormReference
{
    /// <summary>The weights w of g and v, and their gradients: <b>adds to</b> <paramref name="dG"/> and <paramref name="dV"/>.</summary>
    /// <param name="v">The directions, (outputs, m).</param>
    /// <param name="g">The lengths, (outputs).</param>
    /// <param name="dw">The gradient with respect to w, (outputs, m).</param>
    /// <param name="dG">The gradient with respect to g, (outputs), added to.</param>
    /// <param name="dV">The gradient with respect to v, (outputs, m), added to.</param>
    /// <returns>w, (outputs, m).</returns>
    public static double[] WeightNorm(double[] v, double[] g, double[] dw, double[] dG, double[] dV)
    {
        double[] w = new double[v.Length];
        int m = v.Length / g.Length;
        for (int o = 0; o < g.Length; o++)
        {
            double squares = Enumerable.Range(o * m, m).Sum(i => v[i] * v[i]);
            double sumDwV = Enumerable.Range(o * m, m).Sum(i => dw[i] * v[i]);
            double norm = Math.Sqrt(squares); // [WN-F1]
            for (int i = o * m; i < (o + 1) * m; i++)
            {
                w[i] = g[o] / norm * v[i]; // [WN-F2]
            }

            dG[o] += sumDwV / norm; // [WN-B1]
            for (int i = o * m; i < (o + 1) * m; i++)
            {
                dV[i] += g[o] / norm * (dw[i] - sumDwV / norm * v[i] / norm); // [WN-B2]
            }
        }

        return w;
    }

    /// <summary>The standardized weights, and the gradient of w: <b>adds to</b> <paramref name="dw"/>.</summary>
    /// <param name="w">The weights, (outputs, m).</param>
    /// <param name="outputs">The number of rows.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="dWHat">The gradient with respect to the standardized weights, (outputs, m).</param>
    /// <param name="dw">The gradient with respect to w, (outputs, m), added to.</param>
    /// <returns>The standardized weights, (outputs, m).</returns>
    public static double[] Standardize(double[] w, int outputs, double epsilon, double[] dWHat, double[] dw)
    {
        double[] wHat = new double[w.Length];
        int m = w.Length / outputs;
        for (int o = 0; o < outputs; o++)
        {
            (int from, int to, double sumD, double sumDWHat) = (o * m, (o + 1) * m, 0, 0);
            double sum = w[from..to].Sum();
            double mean = sum / m; // [WS-F1]
            double squares = w[from..to].Sum(v => (v - mean) * (v - mean));
            double variance = squares / m; // [WS-F2]
            double rstd = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [WS-F3]
            for (int i = from; i < to; i++)
            {
                wHat[i] = (w[i] - mean) * rstd; // [WS-F4]
                sumD += dWHat[i]; // [WS-B1]
                sumDWHat += dWHat[i] * wHat[i]; // [WS-B2]
            }

            for (int i = from; i < to; i++)
            {
                dw[i] += rstd * (dWHat[i] - sumD / m - wHat[i] * sumDWHat / m); // [WS-B3]
            }
        }

        return wHat;
    }
}
