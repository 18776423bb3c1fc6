using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Dynamic tanh, which takes a normalization's place: y = γ·tanh(αx) + β, with one learned α.</summary>
/// <remarks>
/// <para>Each element by itself, the same in training and evaluation. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimension is <see cref="Features"/>, with no rows too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN stays in its element of y and dx. No allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class DyT : Layer, INormalization
{
    private Affine _affine;
    private AlignedBuffer _workspace;

    /// <summary>Creates a layer with a scale of 1 and β = 0.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="alpha">What α starts at, a finite number; the paper's default is 0.5.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="onePlusGamma">Whether tanh(αx) is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="alpha"/> out of range.</exception>
    public DyT(int features, double alpha = 0.5, bool withGamma = true, bool withBeta = true, bool onePlusGamma = false, string name = "dyt")
        : base(name)
    {
        Features = Throw.IfNotPositive(features, nameof(features));
        _affine = new Affine(features, withGamma, withBeta, onePlusGamma);
        Alpha = new Parameter("alpha", 1, fill: Throw.IfNotFiniteFloat(alpha, nameof(alpha)));
        Parameters = [.. _affine.Parameters, Alpha];
    }

    /// <summary>C, the last dimension of the input.</summary>
    public int Features { get; }

    /// <summary>α, the one factor of x, shape (1).</summary>
    public Parameter Alpha { get; }

    /// <summary>γ, shape (C); null if the layer has none.</summary>
    public Parameter? Gamma => _affine.Gamma;

    /// <summary>β, shape (C); null if the layer has none.</summary>
    public Parameter? Beta => _affine.Beta;

    /// <summary>Whether tanh(αx) is scaled by 1 + γ, and not by γ.</summary>
    public bool OnePlusGamma => _affine.OnePlusGamma;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("dynamic tanh", epsilon: null, Gamma is not null, OnePlusGamma);

    /// <inheritdoc/>
    public bool IgnoresInputScale => false;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Throw.IfLastDiffers(shape, Features, Name, nameof(shape));

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference()
    {
        (WideAffine affine, ReferenceParameter alpha) = (_affine.ToReference(Features), ReferenceParameter.From(Alpha));
        return new FunctionReference(
            affine.With(alpha),
            (x, _) => DyTReference.Forward(x, alpha.Value[0], affine.Scale, affine.Beta.Value),
            (x, dy) => DyTReference.Backward(x, dy, alpha.Value[0], affine.Scale, ref alpha.Gradient[0], affine.Gamma.Gradient, affine.Beta.Gradient));
    }

    /// <inheritdoc/>
    protected override void ReplaceBuffers() => (_affine, _workspace) = (_affine.Share(), default);

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        TanhRows.Forward(new() { X = x, Y = y, Features = Features, Gamma = _affine.Scale, Beta = _affine.Shift }, Alpha.Value[0]);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => TanhRows.Backward(
        new() { X = x, Features = Features, Gamma = _affine.Scale },
        Alpha.Value[0],
        new() { Dy = dy, Dx = dx, DGamma = _affine.DGamma, DBeta = _affine.DBeta },
        Parameter.GradientOf(Alpha),
        _workspace.AtLeast(TanhRows.WorkspaceLength(x.Length / Features, Features)));
}
