using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>RMS normalization over the last dimension: each row is divided by its root mean square, then scaled by a learnable γ; no mean is subtracted.</summary>
/// <remarks>
/// <para>y = γ·x/√(mean(x²) + ε), the same in training and evaluation, and no row depends on another. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimension is <see cref="Features"/>, with no rows too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN stays within its row. A mask has a value for each element, or for each row. No allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class RmsNorm : MaskableLayer, INormalization
{
    private readonly Epsilon _epsilon;
    private readonly Affine _affine;
    private readonly NormStatistics _statistics = new();
    private AlignedBuffer _workspace;

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
        : base(name)
    {
        Throw.IfNotPositive(features, nameof(features));
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        Features = features;
        _epsilon = new Epsilon(epsilon, epsilonOutsideRoot);
        _affine = new Affine(features, withGamma, onePlusGamma: onePlusGamma);
    }

    /// <summary>C, the last dimension of the input.</summary>
    public int Features { get; }

    /// <summary>ε.</summary>
    public double Epsilon => _epsilon.Value;

    /// <summary>Whether ε is added to the root mean square, and not under the root.</summary>
    public bool EpsilonOutsideRoot => _epsilon.OutsideRoot;

    /// <summary>Whether x̂ is scaled by 1 + γ, and not by γ.</summary>
    public bool OnePlusGamma => _affine.OnePlusGamma;

    /// <summary>γ, shape (C); null if the layer has none.</summary>
    public Parameter? Gamma => _affine.Gamma;

    /// <inheritdoc/>
    public bool IgnoresInputScale => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _affine.Parameters;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of(Epsilon, Gamma is not null, OnePlusGamma, epsilonOutsideRoot: EpsilonOutsideRoot);

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        Throw.IfLastDiffers(input, Features, Name, nameof(input));
        return input;
    }

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

    private protected override int MaskedTogether => Features;

    private protected override bool MasksElements => true;

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape) => kept.KeepRows(mask, shape.Length / Features, Features);

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => MaskedRows.Forward<RootMeanSquare>(
        new() { X = x, Y = y, Features = Features, Gamma = _affine.Scale }, _epsilon, _statistics.Resize(Kept?.Rows ?? x.Length / Features).Sets, Kept);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => MaskedRows.Backward<RootMeanSquare>(
        new() { X = x, Features = Features, Gamma = _affine.Scale },
        _epsilon,
        _statistics.Sets,
        new() { Dy = dy, Dx = dx, DGamma = _affine.DGamma },
        _workspace.AtLeast(RowNorm.WorkspaceLength(_statistics.Count, Features)),
        Kept);
}
