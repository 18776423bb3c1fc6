namespace NormLayers;

/// <summary>Layer normalization over the last dimension: each row gets mean 0 and variance 1, then a learnable scale and shift.</summary>
/// <remarks>It is <see cref="LayerNorm"/> of one dimension. Takes any rank whose last dimension is <see cref="LayerNorm.Features"/>, with no rows too.</remarks>
public sealed class LayerNorm1D : LayerNorm
{
    /// <summary>Creates a layer with y = x̂: γ = 1, or 0 where the scale is 1 + γ, and β = 0.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant row gives β all the same.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public LayerNorm1D(
        int features,
        double epsilon = 1e-5,
        bool withGamma = true,
        bool withBeta = true,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "layernorm")
        : base(Throw.IfNotPositive(features, nameof(features)), epsilon, withGamma, withBeta, relu, onePlusGamma, name)
    {
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Throw.IfLastDiffers(shape, Features, Name, nameof(shape));
}
