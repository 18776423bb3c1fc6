namespace NormLayers.Network;

/// <summary>The rectifier y = max(x, 0), element by element, on any shape. NaN stays NaN; the gradient at 0 is 0.</summary>
/// <remarks><c>y</c> may be <c>x</c>, also where a backward pass follows: it asks only where x was positive.</remarks>
public sealed class ReLU : Layer
{
    /// <summary>Creates a rectifier.</summary>
    /// <param name="name">The layer's name.</param>
    public ReLU(string name = "relu")
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
            y[i] = x[i] <= 0 ? 0 : x[i];
        }
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
        {
            dx[i] = x[i] <= 0 ? 0 : dy[i];
        }
    }

    private sealed class Reference : ReferenceLayer
    {
        private double[] _x = [];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = x;
            return Array.ConvertAll(x, v => v <= 0 ? 0 : v);
        }

        public override double[] Backward(double[] dy) => [.. dy.Zip(_x, (d, v) => v <= 0 ? 0 : d)];
    }
}
