namespace NormLayers;

/// <summary>Ghost batch normalization as its page derives it: plain loops and sums in double.</summary>
/// <remarks>
/// Source: Hoffer, Hubara, Soudry, "Train longer, generalize better", 2017, arXiv:1705.08741, Algorithm 1. An index set S is one channel of one chunk of
/// (N, C, …), <see cref="IndexSets.Chunks"/>, and statistics are (K, C) for K chunks. Tags: see README.md in this folder.
/// </remarks>
public static class GhostBatchNormReference
{
    /// <summary>The forward pass in training.</summary>
    /// <param name="x">The input.</param>
    /// <param name="sets">The elements of each index set, (K, C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="running">The weight of a chunk, and the running mean and variance, (C), overwritten.</param>
    /// <returns>The output y, and for the backward pass each set's mean and 1/√(variance + ε), (K, C).</returns>
    public static (double[] Y, double[] Mean, double[] Rstd) Forward(
        double[] x, int[][] sets, double[] gamma, double[] beta, double epsilon, (double NewWeight, double[] Mean, double[] Variance) running)
    {
        (double newWeight, double[] runningMean, double[] runningVariance) = running;
        (double[] y, double[] means, double[] rstds) = (new double[x.Length], new double[sets.Length], new double[sets.Length]);
        for (int s = 0; s < sets.Length; s++)
        {
            (int[] S, int c, double m) = (sets[s], s % gamma.Length, sets[s].Length);
            double mean = S.Sum(i => x[i]) / m; // [GBN-F1]
            double variance = S.Sum(i => (x[i] - mean) * (x[i] - mean)) / m; // [GBN-F2]
            double rstd = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [GBN-F3]
            foreach (int i in S)
            {
                double xHat = (x[i] - mean) * rstd; // [GBN-F4]
                y[i] = gamma[c] * xHat + beta[c]; // [GBN-F5]
            }

            runningMean[c] = (1 - newWeight) * runningMean[c] + newWeight * mean; // [GBN-F6]
            runningVariance[c] = (1 - newWeight) * runningVariance[c] + newWeight * variance * m / (m - 1); // [GBN-F7]
            (means[s], rstds[s]) = (mean, rstd);
        }

        return (y, means, rstds);
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass.</param>
    /// <param name="dy">The gradient with respect to y.</param>
    /// <param name="sets">The elements of each index set, (K, C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="statistics">Each set's mean and 1/√(variance + ε) from the forward pass, (K, C).</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x.</returns>
    public static double[] Backward(
        double[] x, double[] dy, int[][] sets, double[] gamma, (double[] Mean, double[] Rstd) statistics, double[] dGamma, double[] dBeta)
    {
        double[] dx = new double[x.Length];
        for (int s = 0; s < sets.Length; s++)
        {
            (int[] S, int c, double m) = (sets[s], s % gamma.Length, sets[s].Length);
            (double mean, double rstd) = (statistics.Mean[s], statistics.Rstd[s]);
            double XHat(int i) => (x[i] - mean) * rstd;
            double G(int i) => gamma[c] * dy[i];
            dBeta[c] += S.Sum(i => dy[i]); // [GBN-B1]
            dGamma[c] += S.Sum(i => dy[i] * XHat(i)); // [GBN-B2]
            double sumG = S.Sum(G); // [GBN-B3]
            double sumGXHat = S.Sum(i => G(i) * XHat(i)); // [GBN-B4]
            foreach (int i in S)
            {
                dx[i] = rstd * (G(i) - sumG / m - XHat(i) * sumGXHat / m); // [GBN-B5]
            }
        }

        return dx;
    }
}
