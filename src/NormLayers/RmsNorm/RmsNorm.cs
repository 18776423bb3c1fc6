using NormLayers.Normalization;

namespace NormLayers;

/// <summary>RMS normalization over the last dimension: each row is divided by its root mean square, then scaled by a learnable γ; no mean is subtracted.</summary>
/// <remarks>
/// <para>y = γ·x/√(mean(x²) + ε), the same in training and evaluation, and no row depends on another. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimension is <see cref="RowLayer.Features"/>, with no rows too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN stays within its row. A mask has a value for each element, or for each row. Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class RmsNorm : RowLayer
{
    private Affine _affine;

    /// <summary>Creates a layer that scales by 1.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the mean square under the root, ≥ 0. With 0, a row of zeros gives zeros all the same.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ starting at 0, as in Gemma; otherwise by γ, starting at 1.</param>
    /// <param name="epsilonOutsideRoot">Whether ε is added to the root mean square in place of under the root.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public RmsNorm(
        int features, double epsilon = 1e-5, bool withGamma = true, bool onePlusGamma = false, bool epsilonOutsideRoot = false, string name = "rmsnorm")
        : base(name, features, new Epsilon(epsilon, epsilonOutsideRoot)) => _affine = new Affine(features, withGamma, onePlusGamma: onePlusGamma);

    /// <summary>Whether ε is added to the root mean square, and not under the root.</summary>
    public bool EpsilonOutsideRoot => AddsEpsilonToRoot;

    /// <summary>Whether x̂ is scaled by 1 + γ, and not by γ.</summary>
    public bool OnePlusGamma => _affine.OnePlusGamma;

    /// <summary>γ, shape (C); null if the layer has none.</summary>
    public Parameter? Gamma => _affine.Gamma;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _affine.Parameters;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("RMS normalization", Epsilon, Gamma is not null, OnePlusGamma, epsilonOutsideRoot: EpsilonOutsideRoot);

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new NormReference(IndexSets.Rows(), IndexSets.Columns())
    {
        Statistic = Statistic.RootMeanSquare,
        Epsilon = Epsilon,
        EpsilonOutsideRoot = EpsilonOutsideRoot,
        Gamma = _affine.WideGamma,
        OnePlusGamma = OnePlusGamma,
        Mask = Mask,
        MaskedTogether = IndexSets.Rows(),
    };

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        _affine = _affine.Share();
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        Forward<RootMeanSquare>(new() { X = x, Y = y, Features = Features, Gamma = _affine.Scale });

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) =>
        Backward<RootMeanSquare>(new() { X = x, Features = Features, Gamma = _affine.Scale }, new() { Dy = dy, Dx = dx, DGamma = _affine.DGamma });
}
