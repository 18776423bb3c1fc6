using System.Numerics.Tensors;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Instance normalization: each channel of each sample gets mean 0 and variance 1 over its positions, then optionally a learnable scale and shift.</summary>
/// <remarks>
/// <para>y = γ·(x − μ)/√(σ² + ε) + β: <see cref="GroupNorm"/> with as many groups as channels, bit for bit. With running statistics, evaluation uses those in place of
/// an instance's own. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes (N, C, …) of any rank: the dimensions behind C are positions, and an instance needs two of them. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN and infinity spread within their instance; what they do to running statistics says <see cref="NonFiniteStatistics"/>. A mask has a
/// value for each position, (N, …). Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class InstanceNorm : RunningLayer
{
    private readonly double[] _mean;
    private readonly double[] _variance;
    private bool _usedOwnStatistics;

    /// <summary>Creates a layer; its defaults are PyTorch's: no γ, no β, no running statistics.</summary>
    /// <param name="channels">C, the second dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant instance gives β all the same.</param>
    /// <param name="momentum">How running statistics follow the batches; null for <see cref="Momentum.Default"/>.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="trackRunningStatistics">Whether training averages the statistics of instances, and evaluation uses these averages.</param>
    /// <param name="nonFinite">What averages that are not finite do to the running ones.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="channels"/>, <paramref name="epsilon"/> or <paramref name="nonFinite"/> out of range.</exception>
    public InstanceNorm(
        int channels,
        double epsilon = 1e-5,
        Momentum? momentum = null,
        bool withGamma = false,
        bool withBeta = false,
        bool trackRunningStatistics = false,
        NonFiniteStatistics nonFinite = NonFiniteStatistics.Skip,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "instancenorm")
        : base(
            new Affine(Throw.IfNotPositive(channels, nameof(channels)), withGamma, withBeta, onePlusGamma),
            trackRunningStatistics ? new RunningStatistics(channels) : null,
            (channels, epsilon, momentum, relu, name),
            nonFinite) => (Channels, _mean, _variance) = (channels, new double[channels], new double[channels]);

    /// <summary>C, the second dimension of the input.</summary>
    public int Channels { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("instance normalization", Epsilon, Gamma is not null, OnePlusGamma, Running is null ? null : Momentum, biasedVariance: false, relu: HasReLU);

    private bool UsesOwnStatistics => Training || Running is null;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => UsesOwnStatistics
        ? Reference(IndexSets.Instances, IndexSets.Channels, maskedTogether: IndexSets.Over(1))
        : Reference(IndexSets.Channels, IndexSets.Channels, maskedTogether: IndexSets.Over(1), Running!.Wide());

    private protected override IndexSets StepSets => IndexSets.Instances;

    /// <inheritdoc/>
    internal override (double[] Mean, double[] Spread)[] ReferenceSteps(double[] x, Shape shape) =>
        base.ReferenceSteps(x, shape) is { Length: > 0 } instances ? [Average(instances)] : [];

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape)
    {
        if (UsesOwnStatistics)
        {
            kept.KeepSamples(mask, Planes.Of(shape));
            Functional.CheckGroupSize(kept, shape, Channels, Name, nameof(Mask));
        }
        else
        {
            Planes = kept.KeepPositions(mask, Planes.Of(shape));
        }
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        _usedOwnStatistics = UsesOwnStatistics;
        Statistics.Resize(x.IsEmpty ? 0 : _usedOwnStatistics ? (Kept?.Rows ?? shape[0]) * Channels : Channels);
        if (x.IsEmpty)
        {
            return;
        }

        if (!_usedOwnStatistics)
        {
            Update.CheckSpread(Running!);
            TakeRunning();
            Planes = Kept is null ? Planes.Of(shape) : Planes;
        }
        else if (shape.Length == shape[0] * Channels)
        {
            string why = Training ? "training normalizes with an instance's own statistics" : "the layer tracks no running statistics";
            Throw.Argument(nameof(shape), $"more than 1 position per channel for {Name}, because {why}", $"shape {shape}");
        }

        Normalize(x, shape, y);
        if (Training && Running is not null && Statistics.Count > 0)
        {
            double unbiased = UnbiasedFactor(shape);
            Average(Statistics.Mean, _mean);
            Average(Statistics.Variances, _variance);
            Update.Check(_mean, _variance, unbiased);
            Update.Step(_mean, _variance, unbiased, Running);
        }
    }

    // m/(m − 1), by which an average of variances is multiplied; where a mask has left instances of different sizes, each variance by its own.
    private double UnbiasedFactor(Shape shape)
    {
        if (Kept is null or { Blocks.Length: 1 })
        {
            double m = Kept is null ? shape.Length / Statistics.Count : Kept.Blocks[0].RowLength / Channels;
            return m / (m - 1);
        }

        int set = 0;
        foreach (Compaction.Block block in Kept.Blocks)
        {
            double m = block.RowLength / Channels;
            Span<double> variances = Statistics.Variances.Slice(set, block.Rows * Channels);
            TensorPrimitives.Multiply(variances, m / (m - 1), variances);
            set += variances.Length;
        }

        return 1;
    }

    private protected override void Normalize(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        if (!_usedOwnStatistics)
        {
            NormalizeChannels(ChunkNorm.Left(x, Kept), Epsilon, batchStatistics: false, y);
            return;
        }

        GroupTensors tensors = new() { Groups = new Groups(shape, Channels), X = x, Y = y, Gamma = Affine.Scale, Beta = Affine.Shift, ReLU = HasReLU };
        GroupedNorm.Forward(tensors, new Epsilon(Epsilon), Statistics.Sets, Statistics.Variances, Workspace(GroupedNorm.WorkspaceLength(tensors.Groups)), Kept);
    }

    private protected override void Backward(ReadOnlySpan<float> x, Shape shape, in Gradients gradients)
    {
        if (!_usedOwnStatistics)
        {
            BackwardChannels(x, batchStatistics: false, gradients);
            return;
        }

        GroupTensors tensors = new() { Groups = new Groups(shape, Channels), X = x, Gamma = Affine.Scale };
        GroupedNorm.Backward(tensors, Statistics.Sets, gradients, Workspace(GroupedNorm.WorkspaceLength(tensors.Groups)), Kept);
    }

    // average[c] = sum of values[n, c] / N
    private static void Average(ReadOnlySpan<double> values, Span<double> average)
    {
        average.Clear();
        for (int start = 0; start < values.Length; start += average.Length)
        {
            TensorPrimitives.Add(average, values.Slice(start, average.Length), average);
        }

        TensorPrimitives.Divide(average, values.Length / average.Length, average);
    }
}
