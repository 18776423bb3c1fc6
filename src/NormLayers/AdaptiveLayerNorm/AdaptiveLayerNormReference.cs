namespace NormLayers;

/// <summary>Adaptive layer normalization as its page derives it: plain loops in double, the reference of <see cref="AdaptiveLayerNorm"/>.</summary>
/// <remarks>
/// Source: Peebles, Xie, "Scalable Diffusion Models with Transformers", 2023, arXiv:2212.09748, §3.2. Tensors are row-major (N, T, C), scale and shift (N, C);
/// the index set S of a token is its C elements. Tags: see README.md in this folder.
/// </remarks>
public static class AdaptiveLayerNormReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, T, C).</param>
    /// <param name="features">C.</param>
    /// <param name="scale">The scale minus 1 of each sample, (N, C).</param>
    /// <param name="shift">The shift of each sample, (N, C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <returns>The output y, (N, T, C), and for the backward pass each token's mean and 1/√(variance + ε), (N·T).</returns>
    public static (double[] Y, double[] Mean, double[] Rstd) Forward(double[] x, int features, double[] scale, double[] shift, double epsilon)
    {
        (int C, int T) = (features, x.Length / Math.Max(1, scale.Length));
        (double[] y, double[] means, double[] rstds) = (new double[x.Length], new double[x.Length / C], new double[x.Length / C]);
        for (int t = 0; t < means.Length; t++)
        {
            double[] token = x[(t * C)..((t + 1) * C)];
            double mean = token.Sum() / C; // [ADA-F1]
            double variance = token.Sum(v => (v - mean) * (v - mean)) / C; // [ADA-F2]
            double rstd = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [ADA-F3]
            for (int i = t * C; i < (t + 1) * C; i++)
            {
                (int n, int c) = (t / T, i % C);
                double xHat = (x[i] - mean) * rstd; // [ADA-F4]
                y[i] = (1 + scale[n * C + c]) * xHat + shift[n * C + c]; // [ADA-F5]
            }

            (means[t], rstds[t]) = (mean, rstd);
        }

        return (y, means, rstds);
    }

    /// <summary>The backward pass.</summary>
    /// <param name="x">The input of the forward pass, (N, T, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, T, C).</param>
    /// <param name="features">C.</param>
    /// <param name="scale">The scale minus 1 of each sample, (N, C).</param>
    /// <param name="means">Each token's mean from the forward pass, (N·T).</param>
    /// <param name="rstds">Each token's 1/√(variance + ε) from the forward pass, (N·T).</param>
    /// <returns>The gradients with respect to x, (N, T, C), and to scale and shift, (N, C).</returns>
    public static (double[] Dx, double[] DScale, double[] DShift) Backward(
        double[] x, double[] dy, int features, double[] scale, double[] means, double[] rstds)
    {
        (int C, int T) = (features, x.Length / Math.Max(1, scale.Length));
        (double[] dx, double[] dScale, double[] dShift) = (new double[x.Length], new double[scale.Length], new double[scale.Length]);
        for (int t = 0; t < means.Length; t++)
        {
            (double mean, double rstd, double sumG, double sumGXHat) = (means[t], rstds[t], 0, 0);
            for (int i = t * C; i < (t + 1) * C; i++)
            {
                (int n, int c) = (t / T, i % C);
                double xHat = (x[i] - mean) * rstd;
                double g = (1 + scale[n * C + c]) * dy[i];
                dShift[n * C + c] += dy[i]; // [ADA-B1]
                dScale[n * C + c] += dy[i] * xHat; // [ADA-B2]
                sumG += g; // [ADA-B3]
                sumGXHat += g * xHat; // [ADA-B4]
            }

            for (int i = t * C; i < (t + 1) * C; i++)
            {
                double xHat = (x[i] - mean) * rstd;
                double g = (1 + scale[t / T * C + i % C]) * dy[i];
                dx[i] = rstd * (g - sumG / C - xHat * sumGXHat / C); // [ADA-B5]
            }
        }

        return (dx, dScale, dShift);
    }
}
