namespace NormLayers;

/// <summary>RMS normalization as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Zhang, Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467, §3. Tensors are row-major (N, C); the index
/// set S of row n is its C elements. Tags: see README.md in this folder.
/// </remarks>
public static class RmsNormReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="epsilon">ε, ≥ 0, added to the mean square under the root.</param>
    /// <param name="epsilonOutsideRoot">Whether ε is added to the root mean square instead.</param>
    /// <returns>The output y, (N, C), and for the backward pass each row's mean square and rstd, (N).</returns>
    public static (double[] Y, double[] MeanSquare, double[] Rstd) Forward(double[] x, double[] gamma, double epsilon, bool epsilonOutsideRoot = false)
    {
        int C = gamma.Length;
        int N = x.Length / C;
        (double[] y, double[] meanSquares, double[] rstds) = (new double[x.Length], new double[N], new double[N]);
        for (int n = 0; n < N; n++)
        {
            double squares = 0;
            for (int c = 0; c < C; c++)
            {
                squares += x[n * C + c] * x[n * C + c];
            }

            double meanSquare = squares / C; // [RMS-F1]
            double root = epsilonOutsideRoot ? Math.Sqrt(meanSquare) + epsilon : Math.Sqrt(meanSquare + epsilon);
            double rstd = root == 0 ? 0 : 1 / root; // [RMS-F2]
            for (int c = 0; c < C; c++)
            {
                double xHat = x[n * C + c] * rstd; // [RMS-F3]
                y[n * C + c] = gamma[c] * xHat; // [RMS-F4]
            }

            (meanSquares[n], rstds[n]) = (meanSquare, rstd);
        }

        return (y, meanSquares, rstds);
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dGamma"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="meanSquares">Each row's mean square from the forward pass, (N).</param>
    /// <param name="rstds">Each row's rstd from the forward pass, (N).</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="epsilonOutsideRoot">ε, if it was added to the root mean square; else 0.</param>
    /// <returns>dx, the gradient with respect to x, (N, C).</returns>
    public static double[] Backward(
        double[] x, double[] dy, double[] gamma, double[] meanSquares, double[] rstds, double[] dGamma, double epsilonOutsideRoot = 0)
    {
        int C = gamma.Length;
        double[] dx = new double[x.Length];
        for (int n = 0; n < rstds.Length; n++)
        {
            double sumGXHat = 0;
            for (int c = 0; c < C; c++)
            {
                double xHat = x[n * C + c] * rstds[n];
                dGamma[c] += dy[n * C + c] * xHat; // [RMS-B1]
                sumGXHat += gamma[c] * dy[n * C + c] * xHat; // [RMS-B2]
            }

            sumGXHat *= meanSquares[n] > 0 ? 1 + epsilonOutsideRoot / Math.Sqrt(meanSquares[n]) : 1; // 1 with ε under the root
            for (int c = 0; c < C; c++)
            {
                double xHat = x[n * C + c] * rstds[n];
                dx[n * C + c] = rstds[n] * (gamma[c] * dy[n * C + c] - xHat * sumGXHat / C); // [RMS-B3]
            }
        }

        return dx;
    }
}
