using NormLayers.Normalization;

namespace NormLayers;

/// <content>Layer normalization.</content>
public static partial class Functional
{
    /// <summary>Layer normalization over the trailing dimensions: y = γ·(x − μ)/√(σ² + ε) + β, row by row.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose trailing dimensions have C elements.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="statistics">Overwritten with the rows' statistics, for the backward pass; null if none follows.</param>
    /// <param name="mask">Which elements count: a value for each, or for each row, as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void LayerNorm(
        ReadOnlySpan<float> x,
        int features,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        bool relu = false,
        NormStatistics? statistics = null,
        ReadOnlySpan<bool> mask = default)
    {
        CheckRows(x, features, gamma, epsilon);
        CheckBeta(beta, features);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        RowTensors tensors = new() { X = x, Y = y, Features = features, Gamma = gamma, Beta = beta, ReLU = relu };
        Compaction? kept = KeptRows(mask, x.Length, features);
        RowNorm.Forward<MeanAndVariance>(tensors, new Epsilon(epsilon), RowsOf(statistics, kept?.Rows ?? x.Length / features), kept);
    }

    /// <summary>Residual addition and layer normalization in one pass: sum = x + residual, y = layer normalization of sum.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose trailing dimensions have C elements.</param>
    /// <param name="residual">What is added to it, as long as x.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="sum">Overwritten with x + residual, as long as x; may be x or residual, but must not overlap them otherwise.</param>
    /// <param name="y">Overwritten, as long as x; must not overlap the others.</param>
    /// <param name="statistics">Overwritten with the rows' statistics, for the backward pass; null if none follows.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void AddLayerNorm(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> residual,
        int features,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> sum,
        Span<float> y,
        NormStatistics? statistics = null)
    {
        CheckRows(x, features, gamma, epsilon);
        CheckBeta(beta, features);
        CheckResidual(x, residual, sum, y);
        CheckApart(y, nameof(y), gamma, beta);
        CheckApart(sum, nameof(sum), gamma, beta);
        RowTensors tensors = new() { X = x, Y = y, Features = features, Gamma = gamma, Beta = beta };
        RowNorm.AddForward<MeanAndVariance>(tensors, new Epsilon(epsilon), RowsOf(statistics, x.Length / features), residual, sum);
    }

    /// <summary>
    /// The backward pass of <see cref="LayerNorm(ReadOnlySpan{float}, int, ReadOnlySpan{float}, ReadOnlySpan{float}, double, Span{float}, bool, NormStatistics?, ReadOnlySpan{bool})"/>:
    /// <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>. After a residual addition
    /// x is the sum, and dx the gradient with respect to each of its two terms.
    /// </summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">The rows' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> out of range.</exception>
    public static void LayerNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int features,
        ReadOnlySpan<float> gamma,
        NormStatistics statistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        ReadOnlySpan<float> y = default,
        ReadOnlySpan<bool> mask = default)
    {
        CheckRows(x, features, gamma, epsilon: 0);
        int N = x.Length / features;
        Compaction? kept = KeptRows(mask, x.Length, features);
        CheckStatistics(statistics, kept?.Rows ?? N);
        CheckGradients(x, y, dy, gamma, dx, dGamma, dBeta, features);
        RowTensors tensors = new() { X = x, Features = features, Gamma = gamma };
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta, Output = y, Masked = dx };
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(N, features));
        RowNorm.Backward<MeanAndVariance>(tensors, default, statistics.Sets, gradients, workspace, kept);
    }
}
