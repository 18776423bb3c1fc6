namespace NormLayers;

/// <summary>ScaleNorm as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Nguyen, Salazar, "Transformers without Tears", 2019, arXiv:1910.05895, §2.2. Tensors are row-major (N, C); the index set S of row n
/// is its C elements. Tags: see README.md in this folder.
/// </remarks>
public static class ScaleNormReference
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="C">The elements of a row.</param>
    /// <param name="g">The one scale.</param>
    /// <param name="epsilon">ε, the least length that is divided by, ≥ 0.</param>
    /// <returns>The output y, (N, C), and for the backward pass each row's length, (N).</returns>
    public static (double[] Y, double[] Norm) Forward(double[] x, int C, double g, double epsilon)
    {
        double[] y = new double[x.Length];
        double[] norms = new double[x.Length / C];
        for (int n = 0; n < norms.Length; n++)
        {
            double squares = 0;
            for (int c = 0; c < C; c++)
            {
                squares += x[n * C + c] * x[n * C + c];
            }

            double norm = Math.Sqrt(squares); // [SN-F1]
            double r = Math.Max(norm, epsilon) == 0 ? 0 : 1 / Math.Max(norm, epsilon); // [SN-F2]
            for (int c = 0; c < C; c++)
            {
                double u = x[n * C + c] * r; // [SN-F3]
                y[n * C + c] = g * u; // [SN-F4]
            }

            norms[n] = norm;
        }

        return (y, norms);
    }

    /// <summary>The backward pass: <b>adds to</b> <paramref name="dG"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="g">The one scale.</param>
    /// <param name="norms">Each row's length from the forward pass, (N).</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="dG">The gradient with respect to g, added to.</param>
    /// <returns>dx, the gradient with respect to x, (N, C).</returns>
    public static double[] Backward(double[] x, double[] dy, double g, double[] norms, double epsilon, ref double dG)
    {
        double[] dx = new double[x.Length];
        for (int n = 0; n < norms.Length; n++)
        {
            int C = x.Length / norms.Length;
            double r = Math.Max(norms[n], epsilon) == 0 ? 0 : 1 / Math.Max(norms[n], epsilon);
            double sumHU = 0;
            for (int c = 0; c < C; c++)
            {
                double u = x[n * C + c] * r;
                double h = g * dy[n * C + c];
                dG += dy[n * C + c] * u; // [SN-B1]
                sumHU += h * u; // [SN-B2]
            }

            for (int c = 0; c < C; c++)
            {
                double u = x[n * C + c] * r;
                double h = g * dy[n * C + c];
                dx[n * C + c] = r * (h - u * (norms[n] <= epsilon ? 0 : sumHU)); // [SN-B3]
            }
        }

        return dx;
    }
}
