namespace NormLayers;

/// <summary>Batch normalization as its page derives it: plain loops and sums in double.</summary>
/// <remarks>
/// Source: Ioffe, Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, Algorithm 1 and §3. The index set S of channel c is its m elements of
/// (N, C, …), <see cref="IndexSets.Channels"/>. Shapes: x, dy, y and dx are (N, C, …), row-major; sets has the elements of each S; all else is (C).
/// Tags: see README.md in this folder.
/// </remarks>
public static class BatchNormReference
{
    /// <summary>The mean and the biased variance of x in each channel.</summary>
    public static (double[] Mean, double[] Variance) Statistics(double[] x, int[][] sets)
    {
        (double[] mean, double[] variance) = (new double[sets.Length], new double[sets.Length]);
        for (int c = 0; c < sets.Length; c++)
        {
            (int[] S, double m) = (sets[c], sets[c].Length);
            mean[c] = S.Sum(i => x[i]) / m; // [BN-F1]
            variance[c] = S.Sum(i => (x[i] - mean[c]) * (x[i] - mean[c])) / m; // [BN-F2]
        }

        return (mean, variance);
    }

    /// <summary>y and each channel's 1/√(variance + ε) with given statistics: the batch's in training, the running ones in evaluation.</summary>
    public static (double[] Y, double[] Rstd) Normalize(
        double[] x, int[][] sets, double[] mean, double[] variance, double[] gamma, double[] beta, double epsilon)
    {
        (double[] y, double[] rstd) = (new double[x.Length], new double[sets.Length]);
        for (int c = 0; c < sets.Length; c++)
        {
            rstd[c] = variance[c] + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance[c] + epsilon); // [BN-F3]
            foreach (int i in sets[c])
            {
                double xHat = (x[i] - mean[c]) * rstd[c]; // [BN-F4]
                y[i] = gamma[c] * xHat + beta[c]; // [BN-F5]
            }
        }

        return (y, rstd);
    }

    /// <summary>One step of the running statistics, <b>overwritten</b>, towards the statistics of a batch with m ≥ 2 values per channel.</summary>
    public static void UpdateRunning(double[] mean, double[] variance, double m, double newWeight, double[] runningMean, double[] runningVariance)
    {
        for (int c = 0; c < mean.Length; c++)
        {
            runningMean[c] = (1 - newWeight) * runningMean[c] + newWeight * mean[c]; // [BN-F6]
            runningVariance[c] = (1 - newWeight) * runningVariance[c] + newWeight * variance[c] * m / (m - 1); // [BN-F7]
        }
    }

    /// <summary>The backward pass, dx: <b>adds to</b> dGamma and dBeta. With batch statistics, mean and variance were computed from x and carry gradient themselves.</summary>
    public static double[] Backward(
        double[] x, double[] dy, int[][] sets, double[] mean, double[] rstd, double[] gamma, bool batchStatistics, double[] dGamma, double[] dBeta)
    {
        double[] dx = new double[x.Length];
        for (int c = 0; c < sets.Length; c++)
        {
            (int[] S, double m) = (sets[c], sets[c].Length);
            double XHat(int i) => (x[i] - mean[c]) * rstd[c];
            double G(int i) => gamma[c] * dy[i];
            dBeta[c] += S.Sum(i => dy[i]); // [BN-B1]
            dGamma[c] += S.Sum(i => dy[i] * XHat(i)); // [BN-B2]
            double sumG = S.Sum(G); // [BN-B3]
            double sumGXHat = S.Sum(i => G(i) * XHat(i)); // [BN-B4]
            foreach (int i in S)
            {
                dx[i] = batchStatistics
                    ? rstd[c] * (G(i) - sumG / m - XHat(i) * sumGXHat / m) // [BN-B5]
                    : rstd[c] * G(i); // [BN-B6]
            }
        }

        return dx;
    }
}
