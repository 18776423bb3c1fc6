namespace NormLayers;

/// <summary>Local response normalization as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, §3.3; α is divided by the window's
/// size as in PyTorch and ONNX. x holds the C channels of one sample at one position. Tags: see README.md in this folder.
/// </remarks>
/// <param name="below">How many channels below its own a window reaches.</param>
/// <param name="above">How many above.</param>
/// <param name="alpha">The scale.</param>
/// <param name="beta">The exponent.</param>
/// <param name="k">The offset, ≥ 0.</param>
public sealed class LocalResponseNormReference(int below, int above, double alpha, double beta, double k)
{
    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, (C).</param>
    /// <returns>The output y, (C), and for the backward pass the windows' denominators s, (C).</returns>
    public (double[] Y, double[] S) Forward(double[] x)
    {
        int size = below + 1 + above;
        double[] y = new double[x.Length];
        double[] s = new double[x.Length];
        for (int c = 0; c < x.Length; c++)
        {
            double squares = 0;
            for (int j = Math.Max(c - below, 0); j <= Math.Min(c + above, x.Length - 1); j++)
            {
                squares += x[j] * x[j];
            }

            s[c] = Math.Max(k + alpha / size * squares, 1e-300); // [LRN-F1]
            y[c] = x[c] * Math.Pow(s[c], -beta); // [LRN-F2]
        }

        return (y, s);
    }

    /// <summary>The backward pass.</summary>
    /// <param name="x">The input of the forward pass, (C).</param>
    /// <param name="dy">The gradient with respect to y, (C).</param>
    /// <param name="y">The output of the forward pass, (C).</param>
    /// <param name="s">The denominators from the forward pass, (C).</param>
    /// <returns>dx, the gradient with respect to x, (C).</returns>
    public double[] Backward(double[] x, double[] dy, double[] y, double[] s)
    {
        int size = below + 1 + above;
        double[] e = new double[x.Length];
        double[] dx = new double[x.Length];
        for (int c = 0; c < x.Length; c++)
        {
            e[c] = dy[c] * y[c] / s[c]; // [LRN-B1]
        }

        for (int j = 0; j < x.Length; j++)
        {
            double sum = 0;
            for (int c = Math.Max(j - above, 0); c <= Math.Min(j + below, x.Length - 1); c++)
            {
                sum += e[c]; // [LRN-B2]
            }

            dx[j] = dy[j] * Math.Pow(s[j], -beta) - 2 * alpha * beta / size * x[j] * sum; // [LRN-B3]
        }

        return dx;
    }
}
