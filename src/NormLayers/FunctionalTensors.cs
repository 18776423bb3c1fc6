using System.Numerics.Tensors;

namespace NormLayers;

/// <content>The functions on dense tensors.</content>
public static partial class Functional
{
    /// <summary>Layer normalization over the last dimension of a dense tensor.</summary>
    /// <param name="x">The input; its last dimension is C.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, of x's shape; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <exception cref="ArgumentException">A tensor that is not dense, shapes that differ, or a length that does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void LayerNorm(
        in ReadOnlyTensorSpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double epsilon, in TensorSpan<float> y, bool relu = false)
    {
        CheckShape(x, y.Lengths, nameof(y));
        LayerNorm(Dense(x, nameof(x)), FeaturesOf(x), gamma, beta, epsilon, Dense(y, nameof(y)), relu);
    }

    /// <summary>Residual addition and layer normalization over the last dimension of dense tensors in one pass: sum = x + residual, y = layer normalization of sum.</summary>
    /// <param name="x">The input; its last dimension is C.</param>
    /// <param name="residual">What is added to it, of x's shape.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="sum">Overwritten with x + residual, of x's shape; may be x or residual, but must not overlap them otherwise.</param>
    /// <param name="y">Overwritten, of x's shape; must not overlap the others.</param>
    /// <exception cref="ArgumentException">A tensor that is not dense, shapes that differ, or a length that does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void AddLayerNorm(
        in ReadOnlyTensorSpan<float> x,
        in ReadOnlyTensorSpan<float> residual,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        in TensorSpan<float> sum,
        in TensorSpan<float> y)
    {
        CheckShape(x, residual.Lengths, nameof(residual));
        CheckShape(x, sum.Lengths, nameof(sum));
        CheckShape(x, y.Lengths, nameof(y));
        AddLayerNorm(
            Dense(x, nameof(x)),
            Dense(residual, nameof(residual)),
            FeaturesOf(x),
            gamma,
            beta,
            epsilon,
            Dense(sum, nameof(sum)),
            Dense(y, nameof(y)));
    }

    /// <summary>Batch normalization of a dense tensor with given statistics, as in evaluation.</summary>
    /// <param name="x">The input, (N, C, …).</param>
    /// <param name="mean">Each channel's mean, (C): <see cref="RunningStatistics.Mean"/>.</param>
    /// <param name="variance">Each channel's variance, (C): <see cref="RunningStatistics.Variance"/>.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, of x's shape; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <exception cref="ArgumentException">A tensor that is not dense or of another rank, shapes that differ, or a length that does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void BatchNorm(
        in ReadOnlyTensorSpan<float> x,
        ReadOnlySpan<float> mean,
        ReadOnlySpan<float> variance,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        in TensorSpan<float> y,
        bool relu = false)
    {
        CheckShape(x, y.Lengths, nameof(y));
        if (x.Rank is < 2 or > Shape.MaxRank || x.Lengths[1] == 0)
        {
            Throw.Argument(nameof(x), $"a tensor (N, C, …) with C ≥ 1, of 2 to {Shape.MaxRank} dimensions", $"({Join(x.Lengths)})");
        }

        ReadOnlySpan<float> dense = Dense(x, nameof(x));
        Shape shape = new(Array.ConvertAll(x.Lengths.ToArray(), d => (int)d));
        BatchNorm(dense, shape, mean, variance, gamma, beta, epsilon, Dense(y, nameof(y)), relu);
    }

    private static int FeaturesOf(in ReadOnlyTensorSpan<float> x)
    {
        if (x.Lengths[^1] is < 1 or > int.MaxValue)
        {
            Throw.Argument(nameof(x), "a tensor whose last dimension is 1 to 2147483647", $"({Join(x.Lengths)})");
        }

        return (int)x.Lengths[^1];
    }

    private static void CheckShape(in ReadOnlyTensorSpan<float> x, scoped ReadOnlySpan<nint> lengths, string name)
    {
        if (x.Rank == 0)
        {
            Throw.Argument(nameof(x), "a tensor of at least one dimension", "one without any");
        }

        if (!x.Lengths.SequenceEqual(lengths))
        {
            Throw.Argument(name, $"x's shape ({Join(x.Lengths)})", $"({Join(lengths)})");
        }
    }

    private static ReadOnlySpan<float> Dense(in ReadOnlyTensorSpan<float> tensor, string name)
    {
        if (!tensor.IsDense || tensor.FlattenedLength > int.MaxValue)
        {
            Throw.Argument(name, "a dense tensor of at most 2147483647 elements", "another");
        }

        if (tensor.FlattenedLength == 0)
        {
            return default;
        }

        Span<nint> start = stackalloc nint[tensor.Rank];
        start.Clear();
        return tensor.GetSpan(start, (int)tensor.FlattenedLength);
    }

    private static Span<float> Dense(in TensorSpan<float> tensor, string name)
    {
        if (Dense(tensor.AsReadOnlyTensorSpan(), name).IsEmpty)
        {
            return default;
        }

        Span<nint> start = stackalloc nint[tensor.Rank];
        start.Clear();
        return tensor.GetSpan(start, (int)tensor.FlattenedLength);
    }

    private static string Join(ReadOnlySpan<nint> lengths) => string.Join(", ", lengths.ToArray());
}
