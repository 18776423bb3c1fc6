namespace NormLayers;

/// <summary>Ghost batch normalization: batch normalization whose statistics in training are taken over chunks of the batch.</summary>
/// <remarks>
/// <para>The batch is cut in order into chunks of <see cref="ChunkSize"/> samples; the last has what is left. One value a channel has no variance: where that is
/// left, it joins the chunk before. One chunk is <see cref="BatchNorm"/>, bit for bit. The derivation, line by line: README.md beside this file.</para>
/// <para>Each chunk moves the running statistics once, in order, and counts as a batch of its own. In evaluation nothing is cut.</para>
/// </remarks>
public sealed class GhostBatchNorm : BatchNorm
{
    /// <summary>Creates a layer with y = x̂ (γ = 1, or 0 where the scale is 1 + γ, and β = 0), running mean 0 and running variance 1.</summary>
    /// <param name="features">C, the number of channels: the second dimension of the input, ≥ 1.</param>
    /// <param name="chunkSize">B, the samples of a chunk, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant channel gives β all the same.</param>
    /// <param name="momentum">How the running statistics follow the chunks; null for <see cref="Momentum.Default"/>.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics; without them every mode uses the chunks' own.</param>
    /// <param name="nonFinite">What a chunk's statistics that are not finite do to the running ones.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/>, <paramref name="chunkSize"/>, <paramref name="epsilon"/> or <paramref name="nonFinite"/> out of range.</exception>
    public GhostBatchNorm(
        int features,
        int chunkSize,
        double epsilon = 1e-5,
        Momentum? momentum = null,
        bool withGamma = true,
        bool withBeta = true,
        bool trackRunningStatistics = true,
        NonFiniteStatistics nonFinite = NonFiniteStatistics.Skip,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "ghostbatchnorm")
        : base(features, epsilon, momentum, withGamma, withBeta, trackRunningStatistics, nonFinite, relu, onePlusGamma, name) =>
        ChunkSize = Throw.IfNotPositive(chunkSize, nameof(chunkSize));

    /// <summary>B, the samples of a chunk.</summary>
    public int ChunkSize { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("ghost batch normalization", Epsilon, Gamma is not null, OnePlusGamma, Running is null ? null : Momentum, BiasedRunningVariance, relu: HasReLU, more: ("chunk_size", ChunkSize));

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => UsesBatchStatistics
        ? Reference(IndexSets.Chunks(ChunkSize), IndexSets.Channels, maskedTogether: IndexSets.Over(1))
        : base.CreateReference();

    private protected override IndexSets StepSets => IndexSets.Chunks(ChunkSize);

    private protected override string Unit => "channel in each chunk";

    private protected override int SamplesTogether => ChunkSize;
}
