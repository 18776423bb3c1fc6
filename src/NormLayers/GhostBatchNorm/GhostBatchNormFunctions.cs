using NormLayers.Normalization;

namespace NormLayers;

/// <content>Ghost batch normalization.</content>
public static partial class Functional
{
    /// <summary>
    /// Batch normalization with the statistics of each chunk of the batch, as in training; running statistics are the caller's. In evaluation it is
    /// <see cref="BatchNorm(ReadOnlySpan{float}, Shape, ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float}, double, Span{float}, bool)"/>.
    /// </summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>; empty, or with at least two values per channel in each chunk.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="chunkSize">B, the samples of a chunk, ≥ 1; a last one that would have one value a channel joins the chunk before.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the statistics of the channels of each chunk, (K, C).</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="mask">Which positions count, (N, …), as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A shape of one dimension or with one value per channel in a chunk, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="chunkSize"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void GhostBatchNormTraining(
        ReadOnlySpan<float> x,
        Shape shape,
        int chunkSize,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        NormStatistics statistics,
        bool relu = false,
        ReadOnlySpan<bool> mask = default)
    {
        CheckChannels(x, shape, gamma, epsilon);
        Throw.IfNotPositive(chunkSize, nameof(chunkSize));
        NormalizeChunks(TakeStatistics(x, shape, chunkSize, gamma, beta, y, statistics, mask), gamma, beta, epsilon, statistics, relu);
    }

    /// <summary>
    /// The backward pass of ghost batch normalization in training: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b>
    /// <paramref name="dGamma"/> and <paramref name="dBeta"/> the sums over all chunks.
    /// </summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="chunkSize">B, as in the forward pass.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">The forward pass's statistics.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">A shape of one dimension, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="chunkSize"/> is below 1.</exception>
    public static void GhostBatchNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        Shape shape,
        int chunkSize,
        ReadOnlySpan<float> gamma,
        NormStatistics statistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        ReadOnlySpan<float> y = default,
        ReadOnlySpan<bool> mask = default)
    {
        Throw.IfNotPositive(chunkSize, nameof(chunkSize));
        CheckChannels(x, shape, gamma, epsilon: 0);
        CheckGradients(x, y, dy, gamma, dx, dGamma, dBeta, shape[1]);
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta, Output = y, Masked = dx };
        Backward(x, shape, chunkSize, gamma, statistics, batchStatistics: true, gradients, mask);
    }
}
