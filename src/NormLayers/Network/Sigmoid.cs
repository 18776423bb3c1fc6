using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>The logistic sigmoid y = 1/(1 + e⁻ˣ), element by element, on any shape. NaN stays NaN.</summary>
/// <remarks>
/// Exponentials are in double and the same everywhere, so that the bits are. <c>y</c> may be <c>x</c> where no backward pass
/// follows: that one needs x.
/// </remarks>
public sealed class Sigmoid : Layer
{
    /// <summary>Creates a sigmoid.</summary>
    /// <param name="name">The layer's name.</param>
    public Sigmoid(string name = "sigmoid")
        : base(name)
    {
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => input;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference();

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = (float)(1 / (1 + Elementary.Exp(-x[i])));
        }
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
        {
            // y·(1 − y) of an even function: with e⁻|ˣ| nothing cancels and nothing overflows.
            double exponential = Elementary.Exp(-Math.Abs((double)x[i]));
            double sum = 1 + exponential;
            dx[i] = (float)(dy[i] * exponential / (sum * sum));
        }
    }

    private sealed class Reference : ReferenceLayer
    {
        private double[] _y = [];

        public override double[] Forward(double[] x, Shape shape) => _y = Array.ConvertAll(x, v => 1 / (1 + Elementary.Exp(-v)));

        public override double[] Backward(double[] dy) => [.. dy.Zip(_y, (d, y) => d * y * (1 - y))];
    }
}
