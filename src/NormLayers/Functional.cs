using System.Buffers;
using System.Numerics.Tensors;

namespace NormLayers;

/// <summary>Normalization as plain functions: no layer, no state, no allocation.</summary>
/// <remarks>The same kernels as the layers', so the same bits and the same accuracy. For inference, and for engines with buffers of their own.</remarks>
public static class Functional
{
    /// <summary>Layer normalization over the last dimension: y = γ·(x − μ)/√(σ² + ε) + β, row by row.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); empty means ones.</param>
    /// <param name="beta">The shift β, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void LayerNorm(
        ReadOnlySpan<float> x, int features, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double epsilon, Span<float> y, bool relu = false)
    {
        CheckRows(x, features, gamma, beta, epsilon);
        CheckOutput(x, y);
        LayerNormKernel.Forward(x, gamma, beta, epsilon, features, y, default, default, relu);
    }

    /// <summary>Residual addition and layer normalization in one pass: sum = x + residual, y = layer normalization of sum.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="residual">What is added to it, as long as x.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); empty means ones.</param>
    /// <param name="beta">The shift β, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="sum">Overwritten with x + residual, as long as x; may be x or residual, but must not overlap them otherwise.</param>
    /// <param name="y">Overwritten, as long as x; must not overlap the others.</param>
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
        Span<float> y)
    {
        CheckRows(x, features, gamma, beta, epsilon);
        Throw.IfLengthDiffers(residual.Length, x.Length, nameof(residual));
        CheckOutput(x, sum, nameof(sum));
        CheckOutput(residual, sum, nameof(sum));
        Throw.IfLengthDiffers(y.Length, x.Length, nameof(y));
        if (y.Overlaps(x) || y.Overlaps(residual) || y.Overlaps(sum))
        {
            Throw.Argument(nameof(y), "memory apart from x, residual and sum", "memory that overlaps one of them");
        }

        if (!x.IsEmpty)
        {
            LayerNormKernel.Forward(x, gamma, beta, epsilon, features, y, default, default, relu: false, residual, sum);
        }
    }

    /// <summary>Layer normalization over the last dimension of a dense tensor.</summary>
    /// <param name="x">The input; its last dimension is C.</param>
    /// <param name="gamma">The scale γ, (C); empty means ones.</param>
    /// <param name="beta">The shift β, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, of x's shape; may be x, but must not overlap it otherwise.</param>
    /// <exception cref="ArgumentException">A tensor that is not dense, shapes that differ, or a length that does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void LayerNorm(
        in ReadOnlyTensorSpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double epsilon, in TensorSpan<float> y)
    {
        CheckTensors(x, y);
        LayerNorm(Dense(x, nameof(x)), (int)x.Lengths[^1], gamma, beta, epsilon, Dense(y, nameof(y)));
    }

    /// <summary>Batch normalization with given statistics, as in evaluation: y = γ·(x − mean)/√(variance + ε) + β, channel by channel.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C) or (N, C, L).</param>
    /// <param name="mean">Each channel's mean, (C): <see cref="RunningStatistics.Mean"/>.</param>
    /// <param name="variance">Each channel's variance, (C): <see cref="RunningStatistics.Variance"/>.</param>
    /// <param name="gamma">The scale γ, (C); empty means ones.</param>
    /// <param name="beta">The shift β, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <exception cref="ArgumentException">A shape of another rank, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void BatchNorm(
        ReadOnlySpan<float> x,
        Shape shape,
        ReadOnlySpan<float> mean,
        ReadOnlySpan<float> variance,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        bool relu = false)
    {
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        if (shape.Rank is not (2 or 3))
        {
            Throw.Argument(nameof(shape), "a shape (N, C) or (N, C, L)", $"{shape}");
        }

        Throw.IfLengthDiffers(x.Length, shape, nameof(x));
        int C = shape[1];
        Throw.IfLengthDiffers(mean.Length, C, nameof(mean));
        Throw.IfLengthDiffers(variance.Length, C, nameof(variance));
        CheckAffine(gamma, beta, C);
        CheckOutput(x, y);
        if (x.IsEmpty)
        {
            return;
        }

        int length = shape.Rank == 3 ? shape[2] : 1;
        double[] rented = ArrayPool<double>.Shared.Rent(3 * C + BatchNormKernel.NormalizeWorkspaceLength(C, length));
        Span<double> buffer = rented;
        TensorPrimitives.ConvertChecked(mean, buffer[..C]);
        TensorPrimitives.ConvertChecked(variance, buffer.Slice(C, C));
        BatchNormKernel.Normalize(
            x,
            length,
            buffer[..C],
            buffer.Slice(C, C),
            gamma,
            beta,
            epsilon,
            buffer.Slice(2 * C, C),
            y,
            buffer[(3 * C)..],
            relu);
        ArrayPool<double>.Shared.Return(rented);
    }

    private static void CheckRows(ReadOnlySpan<float> x, int features, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double epsilon)
    {
        Throw.IfNotPositive(features, nameof(features));
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        if (x.Length % features != 0)
        {
            Throw.Argument(nameof(x), $"whole rows of {features} elements", $"{x.Length} elements");
        }

        CheckAffine(gamma, beta, features);
    }

    private static void CheckAffine(ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, int features)
    {
        if (!gamma.IsEmpty)
        {
            Throw.IfLengthDiffers(gamma.Length, features, nameof(gamma));
        }

        if (!beta.IsEmpty)
        {
            Throw.IfLengthDiffers(beta.Length, features, nameof(beta));
        }
    }

    private static void CheckOutput(ReadOnlySpan<float> x, Span<float> y, string name = "y")
    {
        Throw.IfLengthDiffers(y.Length, x.Length, name);
        if (x.Overlaps(y, out int offset) && offset != 0)
        {
            Throw.Argument(name, "the input itself or memory apart from it", $"memory {offset} elements from it");
        }
    }

    private static void CheckTensors(in ReadOnlyTensorSpan<float> x, in TensorSpan<float> y)
    {
        if (x.Rank == 0)
        {
            Throw.Argument(nameof(x), "a tensor of at least one dimension", "one without any");
        }

        if (!x.Lengths.SequenceEqual(y.Lengths))
        {
            Throw.Argument(nameof(y), $"x's shape ({Join(x.Lengths)})", $"({Join(y.Lengths)})");
        }
    }

    private static ReadOnlySpan<float> Dense(in ReadOnlyTensorSpan<float> tensor, string name)
    {
        if (!tensor.IsDense || tensor.FlattenedLength > int.MaxValue)
        {
            Throw.Argument(name, "a dense tensor of at most 2147483647 elements", "another");
        }

        Span<nint> start = stackalloc nint[tensor.Rank];
        start.Clear();
        return tensor.GetSpan(start, (int)tensor.FlattenedLength);
    }

    private static Span<float> Dense(in TensorSpan<float> tensor, string name)
    {
        _ = Dense(tensor.AsReadOnlyTensorSpan(), name);
        Span<nint> start = stackalloc nint[tensor.Rank];
        start.Clear();
        return tensor.GetSpan(start, (int)tensor.FlattenedLength);
    }

    private static string Join(ReadOnlySpan<nint> lengths) => string.Join(", ", lengths.ToArray());
}
