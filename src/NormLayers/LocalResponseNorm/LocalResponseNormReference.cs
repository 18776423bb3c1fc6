namespace NormLayers;

/// <summary>Local response normalization as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, §3.3; α is divided by the window's
/// size as in PyTorch and ONNX. Tensors are row-major (N, C, …); P holds the C elements of one position, a channel each. Tags: see README.md in this folder.
/// </remarks>
/// <param name="below">How many channels below its own a window reaches.</param>
/// <param name="above">How many above.</param>
/// <param name="alpha">The scale.</param>
/// <param name="beta">The exponent.</param>
/// <param name="k">The offset, ≥ 0.</param>
public sealed class LocalResponseNormReference(int below, int above, double alpha, double beta, double k) : ReferenceLayer
{
    private int[][] _positions = [];
    private (double[] X, double[] Y, double[] S) _last = ([], [], []);

    /// <inheritdoc/>
    public override double[] Forward(double[] x, Shape shape)
    {
        int size = below + 1 + above;
        _positions = IndexSets.Over(1).Of(shape);
        (double[] y, double[] s) = (new double[x.Length], new double[x.Length]);
        foreach (int[] P in _positions)
        {
            for (int c = 0; c < P.Length; c++)
            {
                int i = P[c];
                double squares = Window(P, c, below, above).Sum(j => x[j] * x[j]);
                s[i] = Math.Max(k + alpha / size * squares, 1e-300); // [LRN-F1]
                y[i] = x[i] * Math.Pow(s[i], -beta); // [LRN-F2]
            }
        }

        _last = (x, y, s);
        return y;
    }

    /// <inheritdoc/>
    public override double[] Backward(double[] dy)
    {
        int size = below + 1 + above;
        (double[] x, double[] y, double[] s) = _last;
        double[] dx = new double[x.Length];
        foreach (int[] P in _positions)
        {
            for (int j = 0; j < P.Length; j++)
            {
                int o = P[j];
                double E(int i) => dy[i] * y[i] / s[i]; // [LRN-B1]
                double sum = Window(P, j, above, below).Sum(E); // [LRN-B2]
                dx[o] = dy[o] * Math.Pow(s[o], -beta) - 2 * alpha * beta / size * x[o] * sum; // [LRN-B3]
            }
        }

        return dx;
    }

    private static int[] Window(int[] P, int c, int below, int above) => P[Math.Max(c - below, 0)..Math.Min(c + above + 1, P.Length)];
}
