namespace NormLayers.Benchmarks.Loops;

/// <summary>Layer or RMS normalization as float loops, as engines that train write it: the whole backward pass, or one without a term.</summary>
/// <param name="features">C.</param>
/// <param name="epsilon">ε.</param>
/// <param name="centres">Whether a mean is subtracted: layer normalization, with β.</param>
/// <param name="complete">Whether dx has all its terms; else it lacks mean(g), or in RMS normalization, which has none, x̂·mean(g·x̂).</param>
internal sealed class LoopLayer(int features, double epsilon, bool centres, bool complete) : Layer("loop")
{
    private readonly Parameter _gamma = new("gamma", features, fill: 1);
    private readonly Parameter _beta = new("beta", features, fill: 0);

    public override IReadOnlyList<Parameter> Parameters => centres ? [_gamma, _beta] : [_gamma];

    public override Shape OutputShape(Shape shape) => shape;

    public override ReferenceLayer? CreateReference() => null;

    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        (centres ? OwnLoops.TwoLoops : (Loop)OwnLoops.PlainRms)(x, _gamma.Value, _beta.Value, (float)epsilon, y);

    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        int C = shape.Last;
        for (int start = 0; start < x.Length; start += C)
        {
            (float mean, float squares, float meanG, float meanGXHat) = (0, 0, 0, 0);
            for (int c = 0; c < C && centres; c++)
            {
                mean += x[start + c];
            }

            mean /= C;

            for (int c = 0; c < C; c++)
            {
                squares += (x[start + c] - mean) * (x[start + c] - mean);
            }

            float r = 1 / MathF.Sqrt(squares / C + (float)epsilon);
            for (int c = 0; c < C; c++)
            {
                float xHat = (x[start + c] - mean) * r;
                float g = _gamma.Value[c] * dy[start + c];
                meanG += centres && complete ? g : 0;
                meanGXHat += centres || complete ? g * xHat : 0;
                _gamma.Gradient[c] += dy[start + c] * xHat;
                _beta.Gradient[c] += dy[start + c];
            }

            for (int c = 0; c < C; c++)
            {
                float xHat = (x[start + c] - mean) * r;
                dx[start + c] = r * (_gamma.Value[c] * dy[start + c] - meanG / C - xHat * (meanGXHat / C));
            }
        }
    }
}
