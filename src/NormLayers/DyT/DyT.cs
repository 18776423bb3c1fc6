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

    /// <summary>Creates a layer with γ = 1 and β = 0.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="alpha">What α starts at, a finite number; the paper's default is 0.5.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="alpha"/> out of range.</exception>
    public DyT(int features, double alpha = 0.5, bool withGamma = true, bool withBeta = true, string name = "dyt")
        : base(name)
    {
        Throw.IfNotPositive(features, nameof(features));
        if (!float.IsFinite((float)alpha))
        {
            Throw.OutOfRange(nameof(alpha), "a finite number", alpha);
        }

        Features = features;
        _affine = new Affine(features, withGamma, withBeta);
        Alpha = new Parameter("alpha", 1, fill: (float)alpha);
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

    /// <inheritdoc/>
    public bool IgnoresInputScale => false;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        Throw.IfLastDiffers(input, Features, Name, nameof(input));
        return input;
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference()
    {
        (ReferenceParameter gamma, ReferenceParameter beta) = (ReferenceParameter.From(Gamma, Features, fill: 1), ReferenceParameter.From(Beta, Features, fill: 0));
        ReferenceParameter alpha = ReferenceParameter.From(Alpha);
        return new FunctionReference(
            ReferenceParameter.Present((Gamma, gamma), (Beta, beta), (Alpha, alpha)),
            (x, _) => DyTReference.Forward(x, alpha.Value[0], gamma.Value, beta.Value),
            (x, dy) => DyTReference.Backward(x, dy, alpha.Value[0], gamma.Value, ref alpha.Gradient[0], gamma.Gradient, beta.Gradient));
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
