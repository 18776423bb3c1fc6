using System.Globalization;
using System.Numerics.Tensors;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Batch normalization: each channel gets mean 0 and variance 1 over the batch, then a learnable scale and shift.</summary>
/// <remarks>
/// <para>y = γ·(x − μ)/√(σ² + ε) + β. In training μ and the biased σ² are the batch's own and the running statistics follow
/// them; in evaluation, or with <see cref="FreezeStatistics"/>, they are the running ones. The derivation, line by line:
/// README.md beside this file.</para>
/// <para>Takes (N, C) and (N, C, L). An empty batch gives an empty output, adds nothing to the gradients and leaves the
/// statistics alone. <c>y</c> may be <c>x</c> where no backward pass follows. NaN and infinity spread within their channel;
/// what they do to the running statistics says <see cref="NonFiniteStatistics"/>. No allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class BatchNorm1D : Layer, INormalization
{
    private readonly List<Parameter> _parameters = [];
    private readonly NonFiniteStatistics _nonFinite;
    private readonly double[] _mean;
    private readonly double[] _low;
    private readonly double[] _variance;
    private readonly double[] _rstd;
    private AlignedBuffer _workspace;
    private AlignedBuffer _output;
    private AlignedBuffer _masked;
    private bool _usedBatchStatistics;

    /// <summary>Creates a layer with γ = 1, β = 0, running mean 0 and running variance 1.</summary>
    /// <param name="features">C, the number of channels: the second dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant channel gives β all the same.</param>
    /// <param name="momentum">How the running statistics follow the batches; null for <see cref="Momentum.Default"/>.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics; without them every mode uses the batch's own.</param>
    /// <param name="nonFinite">What batch statistics that are not finite do to the running ones.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/>, <paramref name="epsilon"/> or <paramref name="nonFinite"/> out of range.</exception>
    public BatchNorm1D(
        int features,
        double epsilon = 1e-5,
        Momentum? momentum = null,
        bool withGamma = true,
        bool withBeta = true,
        bool trackRunningStatistics = true,
        NonFiniteStatistics nonFinite = NonFiniteStatistics.Skip,
        bool relu = false,
        string name = "batchnorm")
        : base(name)
    {
        Throw.IfNotPositive(features, nameof(features));
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        Throw.IfUndefined(nonFinite, nameof(nonFinite));
        Features = features;
        Epsilon = epsilon;
        HasReLU = relu;
        Momentum = momentum ?? Momentum.Default;
        _nonFinite = nonFinite;
        _mean = new double[features];
        _low = new double[features];
        _variance = new double[features];
        _rstd = new double[features];
        if (withGamma)
        {
            _parameters.Add(Gamma = new Parameter("gamma", features, fill: 1));
        }

        if (withBeta)
        {
            _parameters.Add(Beta = new Parameter("beta", features));
        }

        if (trackRunningStatistics)
        {
            Running = new RunningStatistics(features);
        }
    }

    /// <summary>C, the number of channels.</summary>
    public int Features { get; }

    /// <summary>ε, added to the variance under the root.</summary>
    public double Epsilon { get; }

    /// <summary>Whether the output is rectified: y = max(·, 0).</summary>
    public bool HasReLU { get; }

    /// <summary>How the running statistics follow the batches.</summary>
    public Momentum Momentum { get; }

    /// <summary>The scale γ, shape (C); null if the layer has none.</summary>
    public Parameter? Gamma { get; }

    /// <summary>The shift β, shape (C); null if the layer has none.</summary>
    public Parameter? Beta { get; }

    /// <summary>The running statistics; null if the layer tracks none.</summary>
    public RunningStatistics? Running { get; }

    /// <summary>
    /// Whether the running statistics are frozen: training then normalizes with them, as evaluation does, and leaves them
    /// alone. γ and β still learn; to stop those, see <see cref="FreezeParameters"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">Set to true on a layer without running statistics.</exception>
    public bool FreezeStatistics
    {
        get;
        set
        {
            if (value && Running is null)
            {
                Throw.Operation($"{Name}: there are no running statistics to freeze (trackRunningStatistics is off).");
            }

            field = value;
        }
    }

    /// <summary>Whether γ and β are frozen: backward passes leave their gradients, and optimizers their values, alone.</summary>
    public bool FreezeParameters
    {
        get;
        set
        {
            field = value;
            foreach (Parameter parameter in _parameters)
            {
                parameter.Frozen = value;
            }
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override IReadOnlyList<NamedState> NamedState => [.. base.NamedState, .. Running?.NamedState() ?? []];

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of(Epsilon, hasGamma: Gamma is not null, momentum: Running is null ? null : Momentum);

    /// <inheritdoc/>
    public bool IgnoresInputScale => !FreezeStatistics;

    private bool UsesBatchStatistics => Running is null || (Training && !FreezeStatistics);

    // Running means are floats: they have no low part.
    private SetStatistics Statistics => new(_mean, _usedBatchStatistics ? _low : default, _rstd);

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (input.Rank is not (2 or 3) || input[1] != Features)
        {
            Throw.Argument(nameof(input), $"a shape (N, {Features}) or (N, {Features}, L) for {Name}", $"{input}");
        }

        return input;
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(this);

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        _usedBatchStatistics = UsesBatchStatistics;
        if (shape.Length == 0)
        {
            return;
        }

        Planes planes = PlanesOf(shape);
        Span<double> workspace = _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes));
        if (_usedBatchStatistics)
        {
            int m = shape.Length / Features;
            if (m == 1)
            {
                Throw.Argument(nameof(x), $"more than 1 value per channel for {Name}, because {WhyBatchStatistics()}", $"shape {shape}");
            }

            ChannelNorm.Statistics(x, planes, Statistics, _variance, workspace);
            if (Training && Running is not null)
            {
                UpdateRunning(Running, m);
            }
        }
        else
        {
            TensorPrimitives.ConvertChecked<float, double>(Running!.Mean, _mean);
            TensorPrimitives.ConvertChecked<float, double>(Running.Variance, _variance);
        }

        ChannelNorm.Normalize(x, planes, _variance, new Epsilon(Epsilon), OutputTo(y), workspace);
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => BackwardCore(x, default, dy, shape, dx);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (shape.Length == 0)
        {
            return;
        }

        Planes planes = PlanesOf(shape);
        Span<double> workspace = _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes));
        if (HasReLU && y.IsEmpty)
        {
            Span<float> output = _output.FloatsAtLeast(x.Length);
            ChannelNorm.Normalize(x, planes, _variance, new Epsilon(Epsilon), OutputTo(output), workspace);
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
        ChannelNorm.Backward(x, planes, OutputTo(default).Sets, _usedBatchStatistics, gradients, workspace);
    }

    private Planes PlanesOf(Shape shape) => new(shape[0], Features, shape.Rank == 3 ? shape[2] : 1);

    private ChannelOutput OutputTo(Span<float> y) =>
        new() { Sets = new ChannelSets { Statistics = Statistics, Gamma = Gamma?.Value, Beta = Beta?.Value }, Y = y, ReLU = HasReLU };

    private string WhyBatchStatistics() => Training
        ? "training normalizes with the statistics of the batch"
        : "the layer tracks no running statistics and so normalizes with those of the batch in evaluation too";

    private void UpdateRunning(RunningStatistics running, int m)
    {
        bool allOrNone = _nonFinite == NonFiniteStatistics.Throw || (_nonFinite == NonFiniteStatistics.Skip && Momentum.IsCumulative);
        if (allOrNone && FirstNonFinite(m) is { } channel)
        {
            if (_nonFinite == NonFiniteStatistics.Throw)
            {
                Throw.Operation(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Name}: the batch's statistics of channel {channel} are not finite (mean {_mean[channel]}, variance {_variance[channel]})."));
            }

            // The channels share the count that a cumulative average divides by, so a batch goes into all of them or into none.
            running.SkippedUpdates++;
            return;
        }

        double newWeight = Momentum.WeightOfBatch(++running.BatchesSeen);
        int skipped = ChannelNorm.UpdateRunning(_mean, _variance, (newWeight, m), _nonFinite == NonFiniteStatistics.Accept, running);
        if (skipped > 0)
        {
            running.SkippedUpdates++;
        }
    }

    private int? FirstNonFinite(int m)
    {
        // At most doubled, both are far from what no float can hold; a NaN fails the comparison.
        if (TensorPrimitives.MaxMagnitude<double>(_mean) < 1e38 && TensorPrimitives.MaxMagnitude<double>(_variance) < 1e38)
        {
            return null;
        }

        for (int c = 0; c < Features; c++)
        {
            if (!ChannelNorm.FitFloat(_mean[c], _variance[c] * m / (m - 1)))
            {
                return c;
            }
        }

        return null;
    }

    private sealed class Reference : ReferenceLayer
    {
        private readonly ReferenceParameter _gamma;
        private readonly ReferenceParameter _beta;
        private readonly double _epsilon;
        private readonly bool _relu;
        private double[] _y = [];
        private readonly (double[] Mean, double[] Variance)? _running;
        private double[] _x = [];
        private double[] _mean = [];
        private double[] _rstd = [];
        private int _length;

        public Reference(BatchNorm1D layer)
        {
            _gamma = ReferenceParameter.From(layer.Gamma, layer.Features, fill: 1);
            _beta = ReferenceParameter.From(layer.Beta, layer.Features, fill: 0);
            _epsilon = layer.Epsilon;
            _relu = layer.HasReLU;
            Parameters = ReferenceParameter.Present((layer.Gamma, _gamma), (layer.Beta, _beta));
            if (!layer.UsesBatchStatistics)
            {
                _running = (Array.ConvertAll(layer.Running!.Mean, v => (double)v), Array.ConvertAll(layer.Running.Variance, v => (double)v));
            }
        }

        public override IReadOnlyList<ReferenceParameter> Parameters { get; }

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = x;
            _length = shape.Rank == 3 ? shape[2] : 1;
            (_mean, double[] variance) = _running ?? BatchNormReference.Statistics(x, _gamma.Value.Length, _length);
            (_y, _rstd) = BatchNormReference.Normalize(x, _length, _mean, variance, _gamma.Value, _beta.Value, _epsilon);
            return _relu ? Array.ConvertAll(_y, v => v <= 0 ? 0 : v) : _y;
        }

        public override double[] Backward(double[] dy) => BatchNormReference.Backward(
            _x, _relu ? [.. dy.Zip(_y, (d, v) => v <= 0 ? 0 : d)] : dy, _length, _mean, _rstd, _gamma.Value, _running is null, _gamma.Gradient, _beta.Gradient);
    }
}
