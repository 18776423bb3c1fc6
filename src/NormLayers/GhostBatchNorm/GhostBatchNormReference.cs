namespace NormLayers;

/// <summary>Ghost batch normalization as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Hoffer, Hubara, Soudry, "Train longer, generalize better", 2017, arXiv:1705.08741, Algorithm 1. Tensors are row-major (N, C, …); an index
/// set S is one channel of one chunk, and statistics are (K, C) for K chunks. Tags: see README.md in this folder.
/// </remarks>
public static class GhostBatchNormReference
{
    /// <summary>A set for each channel of each chunk.</summary>
    /// <param name="chunkSize">The samples of a chunk; a last one that would have one value a channel joins the chunk before.</param>
    public static IndexSets Sets(int chunkSize) => IndexSets.By((shape, i) =>
    {
        int sample = shape.Length / shape[0];
        (int n, int c) = (i / sample, i % sample / (sample / shape[1]));
        bool isLeftAlone = sample == shape[1] && chunkSize > 1 && n > 0 && n == shape[0] - 1 && n % chunkSize == 0;
        return (isLeftAlone ? n - 1 : n) / chunkSize * shape[1] + c;
    });

    /// <summary>The forward pass in training.</summary>
    /// <param name="x">The input, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C, …).</param>
    /// <param name="chunkSize">The samples of a chunk.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="running">The weight of a chunk, and the running mean and variance, (C), overwritten.</param>
    /// <returns>The output y, and for the backward pass each set's mean and 1/√(variance + ε), (K, C).</returns>
    public static (double[] Y, double[] Mean, double[] Rstd) Forward(
        double[] x, Shape shape, int chunkSize, double[] gamma, double[] beta, double epsilon, (double NewWeight, double[] Mean, double[] Variance) running)
    {
        (double newWeight, double[] runningMean, double[] runningVariance) = running;
        int[][] sets = Sets(chunkSize).Of(shape);
        (double[] y, double[] means, double[] rstds) = (new double[x.Length], new double[sets.Length], new double[sets.Length]);
        for (int s = 0; s < sets.Length; s++)
        {
            (int[] S, int c, double m) = (sets[s], s % gamma.Length, sets[s].Length);
            double sum = S.Sum(i => x[i]);
            double mean = sum / m; // [GBN-F1]
            double squares = S.Sum(i => (x[i] - mean) * (x[i] - mean));
            double variance = squares / m; // [GBN-F2]
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
    /// <param name="shape">(N, C, …).</param>
    /// <param name="chunkSize">The samples of a chunk.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="statistics">Each set's mean and 1/√(variance + ε) from the forward pass, (K, C).</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x.</returns>
    public static double[] Backward(
        double[] x, double[] dy, Shape shape, int chunkSize, double[] gamma, (double[] Mean, double[] Rstd) statistics, double[] dGamma, double[] dBeta)
    {
        int[][] sets = Sets(chunkSize).Of(shape);
        double[] dx = new double[x.Length];
        for (int s = 0; s < sets.Length; s++)
        {
            (int[] S, int c, double m) = (sets[s], s % gamma.Length, sets[s].Length);
            (double mean, double rstd, double sumG, double sumGXHat) = (statistics.Mean[s], statistics.Rstd[s], 0, 0);
            foreach (int i in S)
            {
                double xHat = (x[i] - mean) * rstd;
                double g = gamma[c] * dy[i];
                dBeta[c] += dy[i]; // [GBN-B1]
                dGamma[c] += dy[i] * xHat; // [GBN-B2]
                sumG += g; // [GBN-B3]
                sumGXHat += g * xHat; // [GBN-B4]
            }

            foreach (int i in S)
            {
                double xHat = (x[i] - mean) * rstd;
                double g = gamma[c] * dy[i];
                dx[i] = rstd * (g - sumG / m - xHat * sumGXHat / m); // [GBN-B5]
            }
        }

        return dx;
    }
}
