using NormLayers.Normalization;

namespace NormLayers;

/// <summary>ScaleNorm over the last dimension: each row is given one learned length g.</summary>
/// <remarks>
/// <para>y = g·x/max(‖x‖, ε), or (1 + g)·x/max(‖x‖, ε) with <c>onePlusG</c>, the same in training and evaluation, and no row depends on another. ε limits the length and is added to nothing. The derivation,
/// line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimension is <see cref="RowLayer.Features"/>, with no rows too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN stays within its row. A mask has a value for each element, or for each row. Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class ScaleNorm : RowLayer
{
    private Affine _affine;

    /// <summary>Creates a layer that gives rows the length √C, so that at first y has root mean square 1.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, the least length that is divided by, ≥ 0. With 0, a row of zeros gives zeros all the same.</param>
    /// <param name="onePlusG">Whether the length is 1 + g, with g = √C − 1 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public ScaleNorm(int features, double epsilon = 1e-5, bool onePlusG = false, string name = "scalenorm")
        : base(name, features, new Epsilon(epsilon, LimitsRoot: true)) =>
        _affine = new Affine(1, withGamma: true, onePlusGamma: onePlusG, name: "g", scale: Math.Sqrt(features));

    /// <summary>g, the length of each row of y, or that minus 1, shape (1).</summary>
    public Parameter G => _affine.Gamma!;

    /// <summary>Whether the length of each row of y is 1 + g, and not g.</summary>
    public bool OnePlusG => _affine.OnePlusGamma;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _affine.Parameters;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("ScaleNorm", Epsilon, hasGamma: true, OnePlusG);

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference()
    {
        if (Mask is not null)
        {
            return new NormReference(IndexSets.Rows(), IndexSets.All)
            {
                Statistic = Statistic.L2,
                Epsilon = Epsilon,
                EpsilonLimitsRoot = true,
                Gamma = _affine.WideGamma,
                OnePlusGamma = OnePlusG,
                Mask = Mask,
                MaskedTogether = IndexSets.Rows(),
            };
        }

        WideAffine g = _affine.ToReference(length: 1);
        double[] norms = [];
        return new FunctionReference(
            g.With(),
            (x, _) =>
            {
                (double[] y, norms) = ScaleNormReference.Forward(x, Features, g.Scale[0], Epsilon);
                return y;
            },
            (x, dy) => ScaleNormReference.Backward(x, dy, g.Scale[0], norms, Epsilon, ref g.Gamma.Gradient[0]));
    }

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        _affine = _affine.Share();
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        Forward<L2>(new() { X = x, Y = y, Features = Features, RowGamma = _affine.Scale });

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) =>
        Backward<L2>(new() { X = x, Features = Features, RowGamma = _affine.Scale }, new() { Dy = dy, Dx = dx, DGamma = _affine.DGamma });
}
