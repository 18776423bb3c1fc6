using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>
/// Noise whose mean and spread change at every step, in training mode: y = s·x + m, with s and m drawn anew for each element.
/// The constants are from Santurkar et al. (2018).
/// </summary>
/// <param name="random">Where the noise comes from; drawn from at each forward pass in training mode.</param>
/// <param name="name">The layer's name.</param>
internal sealed class ActivationNoise(RandomSource random, string name) : Layer(name)
{
    private const double LargestShift = 0.5;
    private const double LargestScale = 1.25;
    private const double ElementSpread = 0.1;

    private float[] _scales = [];

    public override Shape OutputShape(Shape shape) => shape;

    protected override void ReplaceBuffers() => _scales = [];

    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        if (!Training)
        {
            x.CopyTo(y);
            return;
        }

        if (_scales.Length < x.Length)
        {
            _scales = new float[x.Length];
        }

        double shift = random.NextDouble(-LargestShift, LargestShift);
        double scale = random.NextDouble(1, LargestScale);
        for (int i = 0; i < x.Length; i++)
        {
            _scales[i] = (float)(scale + ElementSpread * random.NextNormal());
            y[i] = _scales[i] * x[i] + (float)random.NextDouble(shift - ElementSpread, shift + ElementSpread);
        }
    }

    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
        {
            dx[i] = Training ? _scales[i] * dy[i] : dy[i];
        }
    }
}
