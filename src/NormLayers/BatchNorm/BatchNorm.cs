using System.Runtime.CompilerServices;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Batch normalization: each channel gets mean 0 and variance 1 over the batch, then a learnable scale and shift.</summary>
/// <remarks>
/// <para>y = γ·(x − μ)/√(σ² + ε) + β. In training μ and the biased σ² are the batch's own and the running statistics follow
/// them; in evaluation, or with <see cref="FreezeStatistics"/>, they are the running ones. The derivation, line by line:
/// README.md beside this file.</para>
/// <para>Takes (N, C, …) of any rank ≥ 2: the dimensions behind C are positions. An empty batch gives an empty output, adds nothing to the gradients and leaves the
/// statistics alone. <c>y</c> may be <c>x</c> where no backward pass follows. NaN and infinity spread within their channel;
/// what they do to the running statistics says <see cref="NonFiniteStatistics"/>. A mask has a value for each position, (N, …); the unmasked ones are normalized as rows (K, C). Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public class BatchNorm : RunningLayer
{
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
        : this(
            new Affine(Throw.IfNotPositive(features, nameof(features)), withGamma, withBeta, onePlusGamma),
            trackRunningStatistics ? new RunningStatistics(features) : null,
            (features, epsilon, momentum, relu, name),
            nonFinite)
    {
    }

    private protected BatchNorm(
        Affine affine, RunningStatistics? running, (int Features, double Epsilon, Momentum? Momentum, bool ReLU, string Name) options, NonFiniteStatistics nonFinite)
        : base(affine, running, options, nonFinite) => Features = options.Features;

    /// <summary>C, the number of channels.</summary>
    public int Features { get; }

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

    /// <summary>Whether the running variance follows the biased variances of batches, divided by m as in Keras, Flax and ONNX, and not by m − 1. <see cref="BatchRenorm"/> tracks no variance.</summary>
    public bool BiasedRunningVariance { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("batch normalization", Epsilon, Gamma is not null, OnePlusGamma, Running is null ? null : Momentum, BiasedRunningVariance, relu: HasReLU);

    /// <inheritdoc/>
    public override bool IgnoresInputScale => !FreezeStatistics;

    private protected bool UsesBatchStatistics => Running is null || (Training && !FreezeStatistics);

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() =>
        Reference(IndexSets.Channels, IndexSets.Channels, maskedTogether: IndexSets.Over(1), UsesBatchStatistics ? null : Running!.Wide());

    private protected override IndexSets StepSets => IndexSets.Channels;

    private protected override double ReferenceSpread(double variance, double m) => BiasedRunningVariance ? variance : base.ReferenceSpread(variance, m);

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape) => Planes = kept.KeepPositions(mask, PlanesOf(shape));

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        _usedBatchStatistics = UsesBatchStatistics;
        if (shape.Length == 0)
        {
            return;
        }

        if (!_usedBatchStatistics || Corrects)
        {
            Update.CheckSpread(Running!);
        }

        if (Kept is null && PlanesOf(shape) is var planes && planes != Planes)
        {
            Planes = planes;
        }

        ReadOnlySpan<float> left = ChunkNorm.Left(x, Kept);
        if (!left.IsEmpty)
        {
            TakeStatistics(left, shape);
        }

        NormalizeChannels(left, EpsilonOf(_usedBatchStatistics), _usedBatchStatistics, y);
    }

    private void TakeStatistics(ReadOnlySpan<float> x, Shape shape)
    {
        Statistics.Resize(Planes.Chunks * Features, corrected: _usedBatchStatistics && Corrects);
        if (!_usedBatchStatistics)
        {
            TakeRunning();
        }
        else
        {
            if (ChunkNorm.HasOneValue(Planes))
            {
                RefuseOneValue(shape);
            }

            ChunkNorm.Statistics(x, Planes, Statistics, Workspace(ChunkNorm.WorkspaceLength(Planes)));
            Correct(Statistics);
            if (Training && Running is not null)
            {
                UpdateRunning(Running);
            }
        }
    }

    /// <summary>What has statistics of its own, in words.</summary>
    private protected virtual string Unit => "channel";

    /// <summary>B, the samples that are normalized together; 0 for the whole batch.</summary>
    private protected virtual int SamplesTogether => 0;

    /// <summary>Whether x̂ is corrected towards the running statistics: <see cref="Correct"/> computes R and D.</summary>
    private protected virtual bool Corrects => false;

    private protected virtual void Correct(NormStatistics statistics)
    {
    }

    /// <summary>The statistic of the last batch that <see cref="RunningStatistics.Spread"/> follows, (K, C), and what it is multiplied by for m elements.</summary>
    private protected virtual ReadOnlySpan<double> SpreadOfBatch => Statistics.Variances;

    private protected virtual double UnbiasedFactor(double m) => BiasedRunningVariance ? 1 : m / (m - 1);

    /// <summary>ε of a pass with the batch's statistics, or with the running ones.</summary>
    private protected virtual double EpsilonOf(bool batchStatistics) => Epsilon;

    private protected override void Normalize(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        NormalizeChannels(ChunkNorm.Left(x, Kept), EpsilonOf(_usedBatchStatistics), _usedBatchStatistics, y);

    private protected override void Backward(ReadOnlySpan<float> x, Shape shape, in Gradients gradients) => BackwardChannels(x, _usedBatchStatistics, in gradients);

    // The running statistics serve all chunks.
    private Planes PlanesOf(Shape shape) => Planes.Of(shape) with { ChunkSize = UsesBatchStatistics ? SamplesTogether : 0 };

    // Its locals would be cleared in every pass.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RefuseOneValue(Shape shape)
    {
        (string name, string but) = Kept is null ? (nameof(shape), "") : (nameof(Mask), ", with one that is not masked");
        Throw.Argument(name, $"more than 1 value per {Unit} for {Name}, because {WhyBatchStatistics()}", $"shape {shape}{but}");
    }

    private string WhyBatchStatistics() => Training
        ? "training normalizes with the statistics of the batch"
        : "the layer tracks no running statistics and so normalizes with those of the batch in evaluation too";

    private void UpdateRunning(RunningStatistics running)
    {
        // Nothing has changed when a chunk makes it throw.
        for (int k = 0; k < Planes.Chunks && NonFinite == NonFiniteStatistics.Throw; k++)
        {
            Update.Check(MeanOf(k), SpreadOf(k), UnbiasedFactor(Planes.ChannelElementsOf(k)));
        }

        for (int k = 0; k < Planes.Chunks; k++)
        {
            Update.Step(MeanOf(k), SpreadOf(k), UnbiasedFactor(Planes.ChannelElementsOf(k)), running);
        }
    }

    private ReadOnlySpan<double> MeanOf(int k) => Statistics.Mean.Slice(k * Features, Features);

    private ReadOnlySpan<double> SpreadOf(int k) => SpreadOfBatch.Slice(k * Features, Features);
}
