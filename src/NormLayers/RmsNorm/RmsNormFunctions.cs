using NormLayers.Normalization;

namespace NormLayers;

/// <content>RMS normalization.</content>
public static partial class Functional
{
    /// <summary>RMS normalization over the last dimension: y = γ·x/√(mean(x²) + ε), row by row. One row stays on the calling thread.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="epsilon">ε, added to the mean square under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the rows' statistics, for the backward pass; null if none follows.</param>
    /// <param name="epsilonOutsideRoot">Whether ε is added to the root mean square instead: y = γ·x/(√mean(x²) + ε).</param>
    /// <param name="mask">Which elements count: a value for each, or for each row, as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <param name="onePlusGamma">Whether x̂ is multiplied by 1 + γ, as in Gemma, and not by γ.</param>
    /// <exception cref="ArgumentException">A length that does not fit, spans that overlap, or 1 + γ without a γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void RmsNorm(
        ReadOnlySpan<float> x, int features, ReadOnlySpan<float> gamma, double epsilon, Span<float> y, NormStatistics? statistics = null, bool epsilonOutsideRoot = false,
        ReadOnlySpan<bool> mask = default, bool onePlusGamma = false)
    {
        CheckRows(x, features, gamma, epsilon);
        CheckApart(y, nameof(y), gamma, default);
        Rows<RootMeanSquare>(new() { X = x, Y = y, Features = features, Gamma = ScaleOf(gamma, onePlusGamma) }, new Epsilon(epsilon, epsilonOutsideRoot), statistics, mask);
    }

    /// <summary>Residual addition and RMS normalization in one pass: sum = x + residual, y = RMS normalization of sum. One row stays on the calling thread.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="residual">What is added to it, as long as x.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="epsilon">ε, added to the mean square under the root, ≥ 0.</param>
    /// <param name="sum">Overwritten with x + residual, as long as x; may be x or residual, but must not overlap them otherwise.</param>
    /// <param name="y">Overwritten, as long as x; must not overlap the others.</param>
    /// <param name="statistics">Overwritten with the rows' statistics, for the backward pass; null if none follows.</param>
    /// <param name="epsilonOutsideRoot">Whether ε is added to the root mean square instead.</param>
    /// <param name="onePlusGamma">Whether x̂ is multiplied by 1 + γ, as in Gemma, and not by γ.</param>
    /// <exception cref="ArgumentException">A length that does not fit, spans that overlap, or 1 + γ without a γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void AddRmsNorm(
        ReadOnlySpan<float> x, ReadOnlySpan<float> residual, int features, ReadOnlySpan<float> gamma, double epsilon, Span<float> sum, Span<float> y, NormStatistics? statistics = null, bool epsilonOutsideRoot = false,
        bool onePlusGamma = false)
    {
        CheckRows(x, features, gamma, epsilon);
        CheckResidual(x, residual, sum, y);
        CheckApart(y, nameof(y), gamma, default);
        CheckApart(sum, nameof(sum), gamma, default);
        RowTensors tensors = new() { X = x, Y = y, Features = features, Gamma = ScaleOf(gamma, onePlusGamma) };
        RowNorm.AddForward<RootMeanSquare>(tensors, new Epsilon(epsilon, epsilonOutsideRoot), RowsOf(statistics, x.Length / features), residual, sum);
    }

    /// <summary>
    /// The backward pass of RMS normalization: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/>. After a
    /// residual addition x is the sum, and dx the gradient with respect to each of its two terms.
    /// </summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">The rows' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="epsilonOutsideRoot">ε, if the forward pass added it to the root mean square; 0 if it was under the root.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <param name="onePlusGamma">The forward pass's; dγ is the same.</param>
    /// <exception cref="ArgumentException">A length that does not fit, spans that overlap, or 1 + γ without a γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilonOutsideRoot"/> out of range.</exception>
    public static void RmsNormBackward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int features, ReadOnlySpan<float> gamma, NormStatistics statistics, Span<float> dx, Span<float> dGamma, double epsilonOutsideRoot = 0,
        ReadOnlySpan<bool> mask = default, bool onePlusGamma = false)
    {
        CheckRows(x, features, gamma, epsilonOutsideRoot);
        CheckApart(dx, nameof(dx), gamma, default);
        CheckApart(dGamma, nameof(dGamma), gamma, default);
        RowTensors tensors = new() { X = x, Features = features, Gamma = ScaleOf(gamma, onePlusGamma) };
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma };
        RowsBackward<RootMeanSquare>(tensors, new Epsilon(epsilonOutsideRoot, epsilonOutsideRoot > 0), statistics, gradients, mask);
    }
}
