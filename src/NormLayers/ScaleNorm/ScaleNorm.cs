using NormLayers.Normalization;

namespace NormLayers;

/// <summary>ScaleNorm over the last dimension: each row is given one learned length g.</summary>
/// <remarks>
/// <para>y = g·x/max(‖x‖, ε), the same in training and evaluation, and no row depends on another. ε limits the length and is added to nothing. The derivation,
/// line by line: README.md beside this file.</para>
/// <para>Takes any rank whose last dimension is <see cref="RowLayer.Features"/>, with no rows too. <c>y</c> may be <c>x</c> where no
/// backward pass follows. NaN stays within its row. A mask has a value for each element, or for each row. Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class ScaleNorm : RowLayer
{
    /// <summary>Creates a layer with g = √C, so that at first y has root mean square 1.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, the least length that is divided by, ≥ 0. With 0, a row of zeros gives zeros all the same.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public ScaleNorm(int features, double epsilon = 1e-5, string name = "scalenorm")
        : base(name, features, new Epsilon(epsilon, LimitsRoot: true))
    {
        G = new Parameter("g", 1, fill: (float)Math.Sqrt(features));
        Parameters = [G];
    }

    /// <summary>g, the length of each row of y, shape (1).</summary>
    public Parameter G { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("ScaleNorm", Epsilon);

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
                Gamma = [G.Value[0]],
                Mask = Mask,
                MaskedTogether = IndexSets.Rows(),
            };
        }

        ReferenceParameter g = ReferenceParameter.From(G);
        double[] norms = [];
        return new FunctionReference(
            [g],
            (x, _) =>
            {
                (double[] y, norms) = ScaleNormReference.Forward(x, Features, g.Value[0], Epsilon);
                return y;
            },
            (x, dy) => ScaleNormReference.Backward(x, dy, g.Value[0], norms, Epsilon, ref g.Gradient[0]));
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) =>
        Forward<L2>(new() { X = x, Y = y, Features = Features, RowGamma = G.Value });

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) =>
        Backward<L2>(new() { X = x, Features = Features, RowGamma = G.Value }, new() { Dy = dy, Dx = dx, DGamma = Parameter.GradientOf(G) });
}
