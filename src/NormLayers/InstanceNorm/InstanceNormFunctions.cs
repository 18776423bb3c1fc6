namespace NormLayers;

/// <content>Instance normalization.</content>
public static partial class Functional
{
    /// <summary>Instance normalization: y = γ·(x − μ)/√(σ² + ε) + β with the statistics of each channel of each sample.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions, at least two of them.</param>
    /// <param name="gamma">The scale γ, (C), with the 1 of a 1 + γ added; <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the instances' statistics, (N·C), for the backward pass.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="mask">Which positions count, (N, …), as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A shape of one dimension, one position, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void InstanceNorm(
        ReadOnlySpan<float> x,
        Shape shape,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        NormStatistics statistics,
        bool relu = false,
        ReadOnlySpan<bool> mask = default) => GroupNorm(x, shape, ChannelsOf(shape), gamma, beta, epsilon, y, statistics, relu, mask);

    /// <summary>The backward pass of instance normalization: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, C, …).</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">The instances' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">As in the forward pass.</exception>
    public static void InstanceNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        Shape shape,
        ReadOnlySpan<float> gamma,
        NormStatistics statistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        ReadOnlySpan<float> y = default,
        ReadOnlySpan<bool> mask = default) => GroupNormBackward(x, dy, shape, ChannelsOf(shape), gamma, statistics, dx, dGamma, dBeta, y, mask);

    // As many groups as channels; what is wrong with other shapes says group normalization.
    private static int ChannelsOf(Shape shape) => shape.Rank < 2 ? 1 : Math.Max(1, shape[1]);
}
