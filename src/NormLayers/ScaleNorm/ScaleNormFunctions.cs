using NormLayers.Normalization;

namespace NormLayers;

/// <content>ScaleNorm.</content>
public static partial class Functional
{
    /// <summary>ScaleNorm over the last dimension: y = g·x/max(‖x‖, ε), row by row.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="g">The length of each row of y; 1 for plain division by the length.</param>
    /// <param name="epsilon">ε, the least length that is divided by, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the rows' statistics, for the backward pass; null if none follows.</param>
    /// <param name="mask">Which elements count: a value for each, or for each row, as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void ScaleNorm(ReadOnlySpan<float> x, int features, float g, double epsilon, Span<float> y, NormStatistics? statistics = null, ReadOnlySpan<bool> mask = default)
    {
        CheckRows(x, features, Ones, epsilon);
        CheckOutput(x, y);
        RowTensors tensors = new() { X = x, Y = y, Features = features, RowGamma = new(in g) };
        Compaction? kept = KeptRows(mask, x.Length, features);
        RowNorm.Forward<L2>(tensors, new Epsilon(epsilon, LimitsRoot: true), RowsOf(statistics, kept?.Rows ?? x.Length / features), kept);
    }

    /// <summary>The backward pass of ScaleNorm: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dG"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="g">The length of each row of y.</param>
    /// <param name="epsilon">ε, as in the forward pass.</param>
    /// <param name="statistics">The rows' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dG">Added to.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void ScaleNormBackward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int features, float g, double epsilon, NormStatistics statistics, Span<float> dx, ref float dG, ReadOnlySpan<bool> mask = default)
    {
        CheckRows(x, features, Ones, epsilon);
        int N = x.Length / features;
        Compaction? kept = KeptRows(mask, x.Length, features);
        CheckStatistics(statistics, kept?.Rows ?? N);
        CheckGradients(x, default, dy, default, dx, new(ref dG), default, parameters: 1);
        RowTensors tensors = new() { X = x, Features = features, RowGamma = new(in g) };
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = new(ref dG) };
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(N, features, rowGamma: true));
        RowNorm.Backward<L2>(tensors, new Epsilon(epsilon, LimitsRoot: true), statistics.Sets, gradients, workspace, kept);
    }
}
