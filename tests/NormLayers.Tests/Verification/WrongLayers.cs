namespace NormLayers.Tests.Verification;

/// <summary>y = a·x² + b, element by element with a and b of one row's length, with one gradient that can be falsified.</summary>
internal sealed class QuadraticReference(int features) : ReferenceLayer
{
    private double[] _x = [];

    /// <summary>The tensor whose gradient is falsified: <c>a</c>, <c>b</c> or <c>input</c>.</summary>
    public string? Wrong { get; init; }

    /// <summary>The element that is falsified.</summary>
    public int WrongIndex { get; init; }

    /// <summary>What becomes of the right gradient.</summary>
    public Func<double, double> Distort { get; init; } = g => g;

    public override IReadOnlyList<ReferenceParameter> Parameters { get; } =
    [
        new("a", [.. Enumerable.Range(1, features).Select(i => 0.5 * i)], new double[features]),
        new("b", new double[features], new double[features]),
    ];

    public override double[] Forward(double[] x, Shape shape)
    {
        _x = x;
        return [.. x.Select((v, i) => Parameters[0].Value[i % features] * v * v + Parameters[1].Value[i % features])];
    }

    public override double[] Backward(double[] dy)
    {
        double[] dx = new double[dy.Length];
        for (int i = 0; i < dy.Length; i++)
        {
            Parameters[0].Gradient[i % features] += dy[i] * _x[i] * _x[i];
            Parameters[1].Gradient[i % features] += dy[i];
            dx[i] = 2 * Parameters[0].Value[i % features] * _x[i] * dy[i];
        }

        double[]? wrong = Wrong == "input" ? dx : Parameters.SingleOrDefault(p => p.Name == Wrong)?.Gradient;
        wrong?[WrongIndex] = Distort(wrong[WrongIndex]);
        return dx;
    }
}

/// <summary>A user's float layer without a reference in double: y = s·x with one s for each feature.</summary>
internal sealed class ScaleLayer(int features) : Layer("scale")
{
    private readonly Parameter _scale = new("scale", features, fill: 1.5f);

    /// <summary>What becomes of the right dx.</summary>
    public Func<float, float> Distort { get; init; } = g => g;

    public override IReadOnlyList<Parameter> Parameters => [_scale];

    public override Shape OutputShape(Shape shape) => shape;

    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = _scale.Value[i % features] * x[i];
        }
    }

    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        for (int i = 0; i < x.Length; i++)
        {
            _scale.Gradient[i % features] += dy[i] * x[i];
            dx[i] = Distort(_scale.Value[i % features] * dy[i]);
        }
    }
}
