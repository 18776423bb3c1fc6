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
/// <para>Takes (N, C, …) of any rank ≥ 2: the dimensions behind C are positions. An empty batch gives an empty output, adds nothing to the gradients and leaves the
/// statistics alone. <c>y</c> may be <c>x</c> where no backward pass follows. NaN and infinity spread within their channel;
/// what they do to the running statistics says <see cref="NonFiniteStatistics"/>. No allocation after the largest batch has been seen.</para>
/// </remarks>
public class BatchNorm : NormalizationLayer
{
    private readonly NonFiniteStatistics _nonFinite;
    private readonly NormStatistics _statistics = new();
    private AlignedBuffer _workspace;
    private bool _usedBatchStatistics;

    /// <summary>Creates a layer with y = x̂ (γ = 1, or 0 where the scale is 1 + γ, and β = 0), running mean 0 and running variance 1.</summary>
    /// <param name="features">C, the number of channels: the second dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant channel gives β all the same.</param>
    /// <param name="momentum">How the running statistics follow the batches; null for <see cref="Momentum.Default"/>.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics; without them every mode uses the batch's own.</param>
    /// <param name="nonFinite">What batch statistics that are not finite do to the running ones.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/>, <paramref name="epsilon"/> or <paramref name="nonFinite"/> out of range.</exception>
    public BatchNorm(
        int features,
        double epsilon = 1e-5,
        Momentum? momentum = null,
        bool withGamma = true,
        bool withBeta = true,
        bool trackRunningStatistics = true,
        NonFiniteStatistics nonFinite = NonFiniteStatistics.Skip,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "batchnorm")
        : base(name, new Affine(Throw.IfNotPositive(features, nameof(features)), withGamma, withBeta, onePlusGamma), epsilon, relu)
    {
        Throw.IfUndefined(nonFinite, nameof(nonFinite));
        Features = features;
        Momentum = momentum ?? Momentum.Default;
        _nonFinite = nonFinite;
        Running = trackRunningStatistics ? new RunningStatistics(features) : null;
    }

    /// <summary>C, the number of channels.</summary>
    public int Features { get; }

    /// <summary>How the running statistics follow the batches.</summary>
    public Momentum Momentum { get; }

    /// <summary>The running statistics; null if the layer tracks none.</summary>
    public override RunningStatistics? Running { get; }

    /// <summary>
    /// Whether the running statistics are frozen: training then normalizes with them, as evaluation does, and leaves them
    /// alone. γ and β still learn; to stop those, see <see cref="NormalizationLayer.FreezeParameters"/>.
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

    /// <inheritdoc/>
    public override IReadOnlyList<NamedState> NamedState => [.. base.NamedState, .. Running?.NamedState() ?? []];

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of(Epsilon, Gamma is not null, OnePlusGamma, Running is null ? null : Momentum);

    /// <inheritdoc/>
    public override bool IgnoresInputScale => !FreezeStatistics;

    private bool UsesBatchStatistics => Running is null || (Training && !FreezeStatistics);

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (!TakesRank(input.Rank) || input[1] != Features)
        {
            Throw.Argument(nameof(input), $"a shape {ExpectedShape} for {Name}", $"{input}");
        }

        return input;
    }

    private protected virtual string ExpectedShape => $"(N, {Features}, …)";

    private protected virtual bool TakesRank(int rank) => rank >= 2;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new NormReference(IndexSets.Channels, IndexSets.Channels)
    {
        Epsilon = Epsilon,
        Gamma = Affine.WideGamma,
        Beta = Affine.WideBeta,
        OnePlusGamma = OnePlusGamma,
        ReLU = HasReLU,
        Given = UsesBatchStatistics ? null : (Array.ConvertAll(Running!.Mean, v => (double)v), Array.ConvertAll(Running.Variance, v => (double)v)),
    };

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        _usedBatchStatistics = UsesBatchStatistics;
        SetStatistics statistics = _statistics.Resize(Features).Sets;
        if (shape.Length == 0)
        {
            return;
        }

        if (!_usedBatchStatistics)
        {
            TensorPrimitives.ConvertChecked<float, double>(Running!.Mean, statistics.Mean);
            TensorPrimitives.ConvertChecked<float, double>(Running.Variance, _statistics.Variances);
            statistics.Low.Clear();
            Normalize(x, shape, y);
            return;
        }

        int m = shape.Length / Features;
        if (m == 1)
        {
            Throw.Argument(nameof(x), $"more than 1 value per channel for {Name}, because {WhyBatchStatistics()}", $"shape {shape}");
        }

        Planes planes = Planes.Of(shape);
        ChannelNorm.Statistics(x, planes, statistics, _statistics.Variances, _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes)));
        if (Training && Running is not null)
        {
            UpdateRunning(Running, m);
        }

        Normalize(x, shape, y);
    }

    private protected override void Normalize(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        Planes planes = Planes.Of(shape);
        ChannelOutput output = new() { Sets = Sets, Y = y, ReLU = HasReLU };
        ChannelNorm.Normalize(x, planes, _statistics.Variance, new Epsilon(Epsilon), output, _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes)));
    }

    private protected override void Backward(ReadOnlySpan<float> x, Shape shape, Gradients gradients)
    {
        Planes planes = Planes.Of(shape);
        ChannelNorm.Backward(x, planes, Sets, _usedBatchStatistics, gradients, _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes)));
    }

    private ChannelSets Sets => new() { Statistics = _statistics.Sets, Gamma = Affine.Scale, Beta = Affine.Shift };

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
                    $"{Name}: the batch's statistics of channel {channel} are not finite (mean {_statistics.Mean[channel]}, variance {_statistics.Variance[channel]})."));
            }

            // The channels share the count that a cumulative average divides by, so a batch goes into all of them or into none.
            running.SkippedUpdates++;
            return;
        }

        double newWeight = Momentum.WeightOfBatch(++running.BatchesSeen);
        int skipped = ChannelNorm.UpdateRunning(_statistics.Mean, _statistics.Variance, (newWeight, m), _nonFinite == NonFiniteStatistics.Accept, running);
        if (skipped > 0)
        {
            running.SkippedUpdates++;
        }
    }

    private int? FirstNonFinite(int m)
    {
        // At most doubled, both are far from what no float can hold; a NaN fails the comparison.
        if (TensorPrimitives.MaxMagnitude(_statistics.Mean) < 1e38 && TensorPrimitives.MaxMagnitude(_statistics.Variance) < 1e38)
        {
            return null;
        }

        for (int c = 0; c < Features; c++)
        {
            if (!ChannelNorm.FitFloat(_statistics.Mean[c], _statistics.Variance[c] * m / (m - 1)))
            {
                return c;
            }
        }

        return null;
    }
}
