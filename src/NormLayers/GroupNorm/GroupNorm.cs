using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Group normalization: neighbouring channels of a sample get mean 0 and variance 1 together, then each channel a learnable scale and shift.</summary>
/// <remarks>
/// <para>y = γ·(x − μ)/√(σ² + ε) + β with μ and the biased σ² of C/G channels of one sample, over all positions, so training and evaluation are the same
/// and no sample depends on another. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes (N, C, …) of any rank ≥ 2: the dimensions behind C are positions. <c>y</c> may be <c>x</c> where no backward pass follows. NaN and infinity
/// spread within their group only. A mask has a value for each position, (N, …). Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class GroupNorm : NormalizationLayer
{
    private AlignedBuffer _workspace;

    /// <summary>Creates a layer with y = x̂: γ = 1, or 0 where the scale is 1 + γ, and β = 0.</summary>
    /// <param name="groups">G, ≥ 1: 1 for one set a sample (layer normalization of it), C for one a channel (instance normalization).</param>
    /// <param name="channels">C, the second dimension of the input: a multiple of <paramref name="groups"/>.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant group gives β all the same.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ, one for each channel.</param>
    /// <param name="withBeta">Whether there is a learnable shift β, one for each channel.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="channels"/> is no multiple of <paramref name="groups"/>, or <paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="groups"/>, <paramref name="channels"/> or <paramref name="epsilon"/> out of range.</exception>
    public GroupNorm(
        int groups,
        int channels,
        double epsilon = 1e-5,
        bool withGamma = true,
        bool withBeta = true,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "groupnorm")
        : base(name, new Affine(Throw.IfNotPositive(channels, nameof(channels)), withGamma, withBeta, onePlusGamma), epsilon, relu)
    {
        Throw.IfNotInGroups(groups, channels);
        (Groups, Channels) = (groups, channels);
    }

    /// <summary>G, the groups of a sample.</summary>
    public int Groups { get; }

    /// <summary>C, the second dimension of the input.</summary>
    public int Channels { get; }

    /// <summary>Mean, variance and rstd of each group, (N·G), in the last forward pass.</summary>
    internal NormStatistics Statistics { get; private set; } = new();

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("group normalization", Epsilon, Gamma is not null, OnePlusGamma, relu: HasReLU, more: ("groups", Groups));

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape)
    {
        if (shape.Rank < 2 || shape[1] != Channels)
        {
            Throw.Argument(nameof(shape), $"a shape (N, {Channels}, …) for {Name}", $"{shape}");
        }

        return shape;
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => Reference(IndexSets.Groups(Groups), IndexSets.Channels, maskedTogether: IndexSets.Over(1));

    internal override int MaskedTogether => Channels;

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape)
    {
        kept.KeepSamples(mask, Planes.Of(shape));
        Functional.CheckGroupSize(kept, shape, Groups, Name, nameof(Mask));
    }

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (Statistics, _workspace) = (new(), default);
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        Functional.CheckGroupSize(shape, Groups, Name);
        Statistics.Resize(x.IsEmpty ? 0 : (Kept?.Rows ?? shape[0]) * Groups);
        Normalize(x, shape, y);
    }

    private protected override void Normalize(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        GroupTensors tensors = Tensors(x, shape, y);
        GroupedNorm.Forward(tensors, new Epsilon(Epsilon), Statistics.Sets, Statistics.Variances, Workspace(tensors), Kept);
    }

    private protected override void Backward(ReadOnlySpan<float> x, Shape shape, in Gradients gradients)
    {
        GroupTensors tensors = Tensors(x, shape, default);
        GroupedNorm.Backward(tensors, Statistics.Sets, gradients, Workspace(tensors), Kept);
    }

    private GroupTensors Tensors(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        new() { Groups = new Groups(shape, Groups), X = x, Y = y, Gamma = Affine.Scale, Beta = Affine.Shift, ReLU = HasReLU };

    private Span<double> Workspace(GroupTensors tensors) => _workspace.AtLeast(GroupedNorm.WorkspaceLength(tensors.Groups));
}
