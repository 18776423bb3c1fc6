namespace NormLayers;

/// <summary>Batch normalization as its page derives it: plain loops in double, the reference of <see cref="BatchNorm1D"/>.</summary>
/// <remarks>
/// Source: Ioffe, Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, Algorithm 1 and §3. Tensors are row-major
/// (N, C, L), with L = 1 for (N, C); the index set S of channel c is its m = N·L elements. Tags: see README.md in this folder.
/// </remarks>
public static class BatchNormReference
{
    /// <summary>The mean and the biased variance of each channel.</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="channels">C.</param>
    /// <param name="length">L.</param>
    /// <returns>Mean and variance, (C) each.</returns>
    public static (double[] Mean, double[] Variance) Statistics(double[] x, int channels, int length)
    {
        double m = x.Length / channels;
        double[] mean = new double[channels];
        double[] variance = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            double sum = 0;
            foreach (int i in IndexSet(x.Length, channels, length, c))
            {
                sum += x[i];
            }

            mean[c] = sum / m; // [BN-F1]
            double squares = 0;
            foreach (int i in IndexSet(x.Length, channels, length, c))
            {
                squares += (x[i] - mean[c]) * (x[i] - mean[c]);
            }

            variance[c] = squares / m; // [BN-F2]
        }

        return (mean, variance);
    }

    /// <summary>Normalizes with given statistics: the batch's in training, the running ones in evaluation.</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="mean">Each channel's mean, (C).</param>
    /// <param name="variance">Each channel's variance, (C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <returns>The output y, (N, C, L), and each channel's 1/√(variance + ε), (C).</returns>
    public static (double[] Y, double[] Rstd) Normalize(
        double[] x, int length, double[] mean, double[] variance, double[] gamma, double[] beta, double epsilon)
    {
        int C = mean.Length;
        double[] y = new double[x.Length];
        double[] rstd = new double[C];
        for (int c = 0; c < C; c++)
        {
            rstd[c] = variance[c] + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance[c] + epsilon); // [BN-F3]
            foreach (int i in IndexSet(x.Length, C, length, c))
            {
                double xHat = (x[i] - mean[c]) * rstd[c]; // [BN-F4]
                y[i] = gamma[c] * xHat + beta[c]; // [BN-F5]
            }
        }

        return (y, rstd);
    }

    /// <summary>One step of the running statistics.</summary>
    /// <param name="mean">The batch's mean, (C).</param>
    /// <param name="variance">The batch's biased variance, (C).</param>
    /// <param name="m">The values per channel, ≥ 2.</param>
    /// <param name="newWeight">The weight of the batch, 0 to 1.</param>
    /// <param name="runningMean">Overwritten, (C).</param>
    /// <param name="runningVariance">Overwritten, (C).</param>
    public static void UpdateRunning(
        double[] mean, double[] variance, double m, double newWeight, double[] runningMean, double[] runningVariance)
    {
        for (int c = 0; c < mean.Length; c++)
        {
            runningMean[c] = (1 - newWeight) * runningMean[c] + newWeight * mean[c]; // [BN-F6]
            runningVariance[c] = (1 - newWeight) * runningVariance[c] + newWeight * variance[c] * m / (m - 1); // [BN-F7]
        }
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L).</param>
    /// <param name="dy">The gradient with respect to y, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="mean">The mean that the forward pass used, (C).</param>
    /// <param name="rstd">The 1/√(variance + ε) that the forward pass used, (C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="batchStatistics">Whether mean and variance were computed from x, and so carry gradient themselves.</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x, (N, C, L).</returns>
    public static double[] Backward(
        double[] x, double[] dy, int length, double[] mean, double[] rstd, double[] gamma, bool batchStatistics, double[] dGamma, double[] dBeta)
    {
        int C = mean.Length;
        double m = x.Length / C;
        double[] dx = new double[x.Length];
        for (int c = 0; c < C; c++)
        {
            double sumG = 0;
            double sumGXHat = 0;
            foreach (int i in IndexSet(x.Length, C, length, c))
            {
                double xHat = (x[i] - mean[c]) * rstd[c];
                double g = gamma[c] * dy[i];
                dBeta[c] += dy[i]; // [BN-B1]
                dGamma[c] += dy[i] * xHat; // [BN-B2]
                sumG += g; // [BN-B3]
                sumGXHat += g * xHat; // [BN-B4]
            }

            foreach (int i in IndexSet(x.Length, C, length, c))
            {
                double xHat = (x[i] - mean[c]) * rstd[c];
                double g = gamma[c] * dy[i];
                dx[i] = batchStatistics
                    ? rstd[c] * (g - sumG / m - xHat * sumGXHat / m) // [BN-B5]
                    : rstd[c] * g; // [BN-B6]
            }
        }

        return dx;
    }

    // S of channel c: every n and every l.
    private static IEnumerable<int> IndexSet(int size, int channels, int length, int c)
    {
        for (int start = c * length; start < size; start += channels * length)
        {
            for (int l = 0; l < length; l++)
            {
                yield return start + l;
            }
        }
    }
}
