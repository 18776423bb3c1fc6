namespace NormLayers;

/// <summary>Dynamic tanh as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Zhu, Chen, He, LeCun, Liu, "Transformers without Normalization", 2025, arXiv:2503.10622, §4. Tensors are row-major (N, C). Tags: see
/// README.md in this folder.
/// </remarks>
public static class DyTReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="alpha">The one factor of x.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="beta">The shift, (C).</param>
    /// <returns>The output y, (N, C).</returns>
    public static double[] Forward(double[] x, double alpha, double[] gamma, double[] beta)
    {
        int C = gamma.Length;
        double[] y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int c = i % C;
            double t = Math.Tanh(alpha * x[i]); // [DYT-F1]
            y[i] = gamma[c] * t + beta[c]; // [DYT-F2]
        }

        return y;
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dAlpha"/>, <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="alpha">The one factor of x.</param>
    /// <param name="gamma">The scale, (C).</param>
    /// <param name="dAlpha">The gradient with respect to alpha, added to.</param>
    /// <param name="dGamma">The gradient with respect to gamma, (C), added to.</param>
    /// <param name="dBeta">The gradient with respect to beta, (C), added to.</param>
    /// <returns>dx, the gradient with respect to x, (N, C).</returns>
    public static double[] Backward(double[] x, double[] dy, double alpha, double[] gamma, ref double dAlpha, double[] dGamma, double[] dBeta)
    {
        int C = gamma.Length;
        double[] dx = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int c = i % C;
            double t = Math.Tanh(alpha * x[i]);
            double cosh = Math.Cosh(alpha * x[i]);
            dBeta[c] += dy[i]; // [DYT-B1]
            dGamma[c] += dy[i] * t; // [DYT-B2]
            double h = gamma[c] * dy[i] / (cosh * cosh); // [DYT-B3]
            dAlpha += h * x[i]; // [DYT-B4]
            dx[i] = alpha * h; // [DYT-B5]
        }

        return dx;
    }
}
