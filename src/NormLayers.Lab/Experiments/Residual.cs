using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>A residual block: y = x + f(x).</summary>
/// <param name="inner">f, whose output has its input's shape.</param>
/// <param name="name">The layer's name.</param>
internal sealed class Residual(Sequential inner, string name) : Layer(name)
{
    public override IReadOnlyList<Parameter> Parameters => inner.Parameters;

    public override bool Training
    {
        get => inner.Training;
        set => inner.Training = value;
    }

    protected override bool MayBeInPlace => false;

    public override Shape OutputShape(Shape shape) => inner.OutputShape(shape);

    protected override void ReplaceBuffers() => inner = inner.Share();

    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        inner.Forward(x, shape, y);
        for (int i = 0; i < y.Length; i++)
        {
            y[i] += x[i];
        }
    }

    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        inner.Backward(x, dy, dx);
        for (int i = 0; i < dx.Length; i++)
        {
            dx[i] += dy[i];
        }
    }
}
