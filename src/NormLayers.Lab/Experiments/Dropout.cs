using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>Inverted dropout: in training each element is kept with a probability p and divided by it, or set to 0; in evaluation nothing happens.</summary>
/// <param name="keep">p, above 0 and at most 1.</param>
/// <param name="random">Drawn from once an element at each forward pass in training mode.</param>
/// <param name="name">The layer's name.</param>
internal sealed class Dropout(double keep, RandomSource random, string name) : Layer(name)
{
    private float[] _factors = [];

    public override Shape OutputShape(Shape shape) => shape;

    protected override void ReplaceBuffers() => _factors = [];

    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        if (_factors.Length < x.Length)
        {
            _factors = new float[x.Length];
        }

        for (int i = 0; i < x.Length; i++)
        {
            _factors[i] = !Training ? 1 : random.NextDouble() < keep ? (float)(1 / keep) : 0;
            y[i] = _factors[i] * x[i];
        }
    }

    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
        {
            dx[i] = _factors[i] * dy[i];
        }
    }
}
