using System.Numerics.Tensors;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <content>Adaptive layer normalization.</content>
public static partial class Functional
{
    [ThreadStatic]
    private static AlignedBuffer _factor;

    /// <summary>Adaptive layer normalization: y = (1 + a)·(x − μ)/√(σ² + ε) + b over the last dimension, with a and b of each sample.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, …, C): the dimensions between are tokens.</param>
    /// <param name="scale">a of each sample, (N, C).</param>
    /// <param name="shift">b of each sample, (N, C).</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the tokens' statistics, for the backward pass; null if none follows.</param>
    /// <param name="onePlusScale">Whether x̂ is scaled by 1 + a, and not by a.</param>
    /// <param name="mask">Which elements count: a value for each, or for each token, as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A shape of one dimension or without features, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void AdaptiveLayerNorm(
        ReadOnlySpan<float> x, Shape shape, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift, double epsilon, Span<float> y,
        NormStatistics? statistics = null, bool onePlusScale = true, ReadOnlySpan<bool> mask = default)
    {
        CheckCondition(x, shape, scale, epsilon);
        Throw.IfLengthDiffers(shift.Length, scale.Length, nameof(shift));
        CheckOutput(x, y);
        new Output<float>(y, nameof(y)).IsApartFrom(scale, nameof(scale)).IsApartFrom(shift, nameof(shift));
        Rows<MeanAndVariance>(Conditioned(x, shape, scale, onePlusScale) with { Y = y, Beta = shift }, new Epsilon(epsilon), statistics, mask);
    }

    /// <summary>
    /// The backward pass of adaptive layer normalization: <b>overwrites</b> <paramref name="dx"/>, <paramref name="dScale"/> and <paramref name="dShift"/>, which are all
    /// gradients of inputs.
    /// </summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, …, C).</param>
    /// <param name="scale">a of each sample, (N, C).</param>
    /// <param name="statistics">The tokens' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dScale">Overwritten, (N, C); empty if not wanted.</param>
    /// <param name="dShift">Overwritten, (N, C); empty if not wanted.</param>
    /// <param name="onePlusScale">Whether x̂ was scaled by 1 + a, and not by a.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">A shape of one dimension or without features, a length that does not fit, or spans that overlap.</exception>
    public static void AdaptiveLayerNormBackward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, ReadOnlySpan<float> scale, NormStatistics statistics, Span<float> dx, Span<float> dScale,
        Span<float> dShift, bool onePlusScale = true, ReadOnlySpan<bool> mask = default)
    {
        CheckCondition(x, shape, scale, epsilon: 0);
        Compaction? kept = KeptRows(mask, x.Length, shape.Last, TokensOf(shape));
        CheckStatistics(statistics, kept?.Rows ?? x.Length / shape.Last);
        CheckGradients(x, default, dy, scale, dx, dScale, dShift, scale.Length);
        dScale.Clear();
        dShift.Clear();
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dScale, DBeta = dShift };
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(1, scale.Length));
        RowNorm.Backward<MeanAndVariance>(Conditioned(x, shape, scale, onePlusScale), default, statistics.Sets, gradients, workspace, kept);
    }

    // The tokens as rows, with γ of their sample.
    private static RowTensors Conditioned(ReadOnlySpan<float> x, Shape shape, ReadOnlySpan<float> scale, bool onePlusScale)
    {
        Span<float> factor = _factor.FloatsAtLeast(scale.Length);
        TensorPrimitives.Add(scale, onePlusScale ? 1 : 0, factor);
        return new() { X = x, Features = shape.Last, Gamma = factor, RowsPerParameters = TokensOf(shape) };
    }

    internal static int TokensOf(Shape shape) => shape.Length == 0 ? 0 : shape.Length / (shape[0] * shape.Last);

    private static void CheckCondition(ReadOnlySpan<float> x, Shape shape, ReadOnlySpan<float> scale, double epsilon)
    {
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        if (shape.Rank < 2 || shape.Last == 0)
        {
            Throw.Argument(nameof(shape), "a shape (N, …, C)", $"{shape}");
        }

        Throw.IfLengthDiffers(x.Length, shape, nameof(x));
        Throw.IfLengthDiffers(scale.Length, shape[0] * shape.Last, nameof(scale));
    }
}
