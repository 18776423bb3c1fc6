using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Layer normalization over the last dimension: each row gets mean 0 and variance 1, then a learnable scale and shift.</summary>
/// <remarks>
/// <para>y = γ·(x − μ)/√(σ² + ε) + β with μ and the biased σ² of the row itself, so training and evaluation are the same
/// and no row depends on another. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimension is <see cref="Features"/>, with no rows too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN and infinity spread within their row only. No allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class LayerNorm1D : Layer, INormalization
{
    private readonly List<Parameter> _parameters = [];
    private AlignedBuffer _workspace;
    private AlignedBuffer _output;
    private AlignedBuffer _masked;
    private double[] _mean = [];
    private double[] _low = [];
    private double[] _rstd = [];
    private int _rows;

    /// <summary>Creates a layer with γ = 1 and β = 0.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant row gives β all the same.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public LayerNorm1D(int features, double epsilon = 1e-5, bool withGamma = true, bool withBeta = true, bool relu = false, string name = "layernorm")
        : base(name)
    {
        Throw.IfNotPositive(features, nameof(features));
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        Features = features;
        Epsilon = epsilon;
        HasReLU = relu;
        if (withGamma)
        {
            _parameters.Add(Gamma = new Parameter("gamma", features, fill: 1));
        }

        if (withBeta)
        {
            _parameters.Add(Beta = new Parameter("beta", features));
        }
    }

    /// <summary>C, the last dimension of the input.</summary>
    public int Features { get; }

    /// <summary>ε, added to the variance under the root.</summary>
    public double Epsilon { get; }

    /// <summary>Whether the output is rectified: y = max(·, 0).</summary>
    public bool HasReLU { get; }

    /// <inheritdoc/>
    public bool IgnoresInputScale => true;

    RunningStatistics? INormalization.Running => null;

    /// <summary>The scale γ, shape (C); null if the layer has none.</summary>
    public Parameter? Gamma { get; }

    /// <summary>The shift β, shape (C); null if the layer has none.</summary>
    public Parameter? Beta { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of(Epsilon, hasGamma: Gamma is not null);

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        Throw.IfLastDiffers(input, Features, Name, nameof(input));
        return input;
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(this);

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        _rows = x.Length / Features;
        if (_mean.Length < _rows)
        {
            _mean = new double[_rows];
            _low = new double[_rows];
            _rstd = new double[_rows];
        }

        RowNorm.Forward<MeanAndVariance>(Tensors(x, y), new Epsilon(Epsilon), Statistics);
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => BackwardCore(x, default, dy, shape, dx);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (HasReLU && y.IsEmpty)
        {
            Span<float> output = _output.FloatsAtLeast(x.Length);
            RowNorm.Forward<MeanAndVariance>(Tensors(x, output), new Epsilon(Epsilon), default);
            y = output;
        }

        Gradients gradients = new()
        {
            Dy = dy,
            Dx = dx,
            DGamma = Parameter.GradientOf(Gamma),
            DBeta = Parameter.GradientOf(Beta),
            Output = HasReLU ? y : default,
            Masked = HasReLU && dx.IsEmpty ? _masked.FloatsAtLeast(dy.Length) : dx,
        };
        RowNorm.Backward<MeanAndVariance>(
            Tensors(x, default), new Epsilon(Epsilon), Statistics, gradients, _workspace.AtLeast(RowNorm.WorkspaceLength(_rows, Features)));
    }

    private SetStatistics Statistics => new(_mean.AsSpan(0, _rows), _low.AsSpan(0, _rows), _rstd.AsSpan(0, _rows));

    private RowTensors Tensors(ReadOnlySpan<float> x, Span<float> y) =>
        new() { X = x, Y = y, Features = Features, Gamma = Gamma?.Value, Beta = Beta?.Value, ReLU = HasReLU };

    private sealed class Reference : ReferenceLayer
    {
        private readonly ReferenceParameter _gamma;
        private readonly ReferenceParameter _beta;
        private readonly double _epsilon;
        private readonly bool _relu;
        private double[] _y = [];
        private double[] _x = [];
        private double[] _mean = [];
        private double[] _rstd = [];

        public Reference(LayerNorm1D layer)
        {
            _gamma = ReferenceParameter.From(layer.Gamma, layer.Features, fill: 1);
            _beta = ReferenceParameter.From(layer.Beta, layer.Features, fill: 0);
            _epsilon = layer.Epsilon;
            _relu = layer.HasReLU;
            Parameters = ReferenceParameter.Present((layer.Gamma, _gamma), (layer.Beta, _beta));
        }

        public override IReadOnlyList<ReferenceParameter> Parameters { get; }

        public override double[] Forward(double[] x, Shape shape)
        {
            (_y, _mean, _rstd) = LayerNormReference.Forward(x, _gamma.Value, _beta.Value, _epsilon);
            _x = x;
            return _relu ? Array.ConvertAll(_y, v => v <= 0 ? 0 : v) : _y;
        }

        public override double[] Backward(double[] dy) =>
            LayerNormReference.Backward(_x, _relu ? [.. dy.Zip(_y, (d, v) => v <= 0 ? 0 : d)] : dy, _gamma.Value, _mean, _rstd, _gamma.Gradient, _beta.Gradient);
    }
}
