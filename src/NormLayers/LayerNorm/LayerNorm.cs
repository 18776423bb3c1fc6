using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Layer normalization over the trailing dimensions: each set of them gets mean 0 and variance 1, then a learnable scale and shift.</summary>
/// <remarks>
/// <para>y = γ·(x − μ)/√(σ² + ε) + β with μ and the biased σ² of the set itself, so training and evaluation are the same
/// and no set depends on another. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimensions are <see cref="NormalizedShape"/>, with no sets too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN and infinity spread within their set only. A mask has a value for each element, or for each set. Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public class LayerNorm : NormalizationLayer
{
    private NormStatistics _statistics = new();
    private AlignedBuffer _workspace;

    /// <summary>Creates a layer with y = x̂: γ = 1, or 0 where the scale is 1 + γ, and β = 0.</summary>
    /// <param name="normalizedShape">The trailing dimensions that are normalized together, each ≥ 1; a number for the last one alone.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant set gives β all the same.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ, a value for each element of a set.</param>
    /// <param name="withBeta">Whether there is a learnable shift β, a value for each element of a set.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException">No dimension, one of 0, or <paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public LayerNorm(
        Shape normalizedShape,
        double epsilon = 1e-5,
        bool withGamma = true,
        bool withBeta = true,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "layernorm")
        : base(name, new Affine(NotEmpty(normalizedShape), withGamma, withBeta, onePlusGamma), epsilon, relu) => NormalizedShape = normalizedShape;

    /// <summary>The trailing dimensions that are normalized together.</summary>
    public Shape NormalizedShape { get; }

    /// <summary>C, the elements of a set: the product of <see cref="NormalizedShape"/>.</summary>
    public int Features => NormalizedShape.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("layer normalization", Epsilon, Gamma is not null, OnePlusGamma, relu: HasReLU);

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape)
    {
        if (!shape.EndsWith(NormalizedShape))
        {
            Throw.Argument(nameof(shape), $"a shape whose last dimensions are {NormalizedShape} for {Name}", $"{shape}");
        }

        return shape;
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() =>
        Reference(IndexSets.Rows(NormalizedShape.Rank), IndexSets.Columns(NormalizedShape.Rank), maskedTogether: IndexSets.Rows(NormalizedShape.Rank));

    internal override int MaskedTogether => Features;

    private protected override bool MasksElements => true;

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape) => kept.KeepRows(mask, shape.Length / Features, Features);

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (_statistics, _workspace) = (new(), default);
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        Fill(out RowTensors tensors, x, y);
        RowNorm.Forward<MeanAndVariance>(in tensors, new Epsilon(Epsilon), _statistics.Resize(Kept?.Rows ?? x.Length / Features).Sets, Kept);
    }

    private protected override void Normalize(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        Fill(out RowTensors tensors, x, y);
        RowNorm.Forward<MeanAndVariance>(in tensors, new Epsilon(Epsilon), default, Kept);
    }

    private protected override void Backward(ReadOnlySpan<float> x, Shape shape, in Gradients gradients)
    {
        Fill(out RowTensors tensors, x, default);
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(_statistics.Count, Features));
        RowNorm.Backward<MeanAndVariance>(in tensors, new Epsilon(Epsilon), _statistics.Sets, in gradients, workspace, Kept);
    }

    private void Fill(out RowTensors tensors, ReadOnlySpan<float> x, Span<float> y)
    {
        tensors = default; // Filled in place: an initializer fills a second one and copies it.
        tensors.X = x;
        tensors.Y = y;
        tensors.Features = Features;
        tensors.Gamma = Affine.Scale;
        tensors.Beta = Affine.Shift;
        tensors.ReLU = HasReLU;
    }

    private static Shape NotEmpty(Shape normalizedShape)
    {
        if (normalizedShape.Length == 0)
        {
            Throw.Argument(nameof(normalizedShape), "one dimension or more, each ≥ 1", $"{normalizedShape}");
        }

        return normalizedShape;
    }
}
