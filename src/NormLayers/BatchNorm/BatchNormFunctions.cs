using System.Numerics.Tensors;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <content>Batch normalization.</content>
public static partial class Functional
{
    /// <summary>Batch normalization with given statistics, as in evaluation: y = γ·(x − mean)/√(variance + ε) + β, channel by channel.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="mean">Each channel's mean, (C): <see cref="RunningStatistics.Mean"/>.</param>
    /// <param name="variance">Each channel's variance, (C): <see cref="RunningStatistics.Variance"/>.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <exception cref="ArgumentException">A shape of one dimension, a length that does not fit, a negative or NaN variance, or spans that overlap.</exception>
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
        CheckChannels(x, shape, gamma, epsilon);
        int C = shape[1];
        CheckBeta(beta, C);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        CheckRunning(mean, variance, C, y, "variances ≥ 0");
        if (x.IsEmpty)
        {
            return;
        }

        Planes planes = Planes.Of(shape);
        Span<double> workspace = _workspace.AtLeast(3L * C + ChannelPass<No>.WorkspaceLength(planes));
        SetStatistics statistics = new(workspace[..C], default, workspace.Slice(C, C));
        Span<double> wideVariance = workspace.Slice(2 * C, C);
        TensorPrimitives.ConvertChecked(mean, statistics.Mean);
        TensorPrimitives.ConvertChecked(variance, wideVariance);
        ChannelPass<No> pass = new() { X = x, Result = y, ReLU = relu, ReadsOnce = true };
        pass.Sets = new() { Statistics = statistics, Gamma = gamma, Beta = beta, Variance = wideVariance, Epsilon = new Epsilon(epsilon) };
        ChannelNorm.Normalize(ref pass, in planes, workspace[(3 * C)..]);
    }

    /// <summary>Batch normalization with the statistics of the batch, as in training; running statistics are the caller's.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>; empty, or with at least two values per channel.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the channels' statistics.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="mask">Which positions count, (N, …), as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A shape of one dimension or with one value per channel, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void BatchNormTraining(
        ReadOnlySpan<float> x,
        Shape shape,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        NormStatistics statistics,
        bool relu = false,
        ReadOnlySpan<bool> mask = default)
    {
        CheckChannels(x, shape, gamma, epsilon);
        NormalizeChunks(TakeStatistics(x, shape, 0, gamma, beta, y, statistics, mask), gamma, beta, epsilon, statistics, relu);
    }

    /// <summary>
    /// The backward pass of batch normalization: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and
    /// <paramref name="dBeta"/>.
    /// </summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">The channels' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="batchStatistics">Whether mean and variance were computed from x, and so carry gradient; if not, they were constants.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">A shape of one dimension, a length that does not fit, or spans that overlap.</exception>
    public static void BatchNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        Shape shape,
        ReadOnlySpan<float> gamma,
        NormStatistics statistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        bool batchStatistics = true,
        ReadOnlySpan<float> y = default,
        ReadOnlySpan<bool> mask = default)
    {
        CheckChannels(x, shape, gamma, epsilon: 0);
        CheckGradients(x, y, dy, gamma, dx, dGamma, dBeta, shape[1]);
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta, Output = y, Masked = dx };
        Backward(x, shape, 0, gamma, statistics, batchStatistics, gradients, mask);
    }

    // Checks what is left to check, and overwrites the statistics of each chunk (0 for one chunk).
    private static Batch TakeStatistics(
        ReadOnlySpan<float> x,
        Shape shape,
        int chunkSize,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        Span<float> y,
        NormStatistics statistics,
        ReadOnlySpan<bool> mask,
        bool corrected = false)
    {
        CheckBeta(beta, shape[1]);
        ArgumentNullException.ThrowIfNull(statistics);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        Planes planes = PlanesOf(shape, chunkSize);
        Compaction? kept = KeptPositions(mask, shape, ref planes);
        Batch batch = new() { Planes = planes, Kept = kept, Left = ChunkNorm.Left(x, kept), Y = y };
        if (ChunkNorm.HasOneValue(batch.Planes))
        {
            (string name, string but) = batch.Kept is null ? (nameof(shape), "") : (nameof(mask), ", with one that is not masked");
            Throw.Argument(name, $"more than 1 value per channel{(chunkSize == 0 ? "" : " in each chunk")}", $"shape {shape}{but}");
        }

        statistics.Resize(batch.IsEmpty ? 0 : batch.Planes.Chunks * batch.Planes.Channels, corrected, withVariance: true);
        if (!batch.IsEmpty)
        {
            ChunkNorm.Statistics(batch.Left, batch.Planes, statistics, _workspace.AtLeast(ChunkNorm.WorkspaceLength(batch.Planes)));
        }

        return batch;
    }

    private static void NormalizeChunks(
        Batch batch, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double epsilon, NormStatistics statistics, bool relu)
    {
        ChannelPass<No> pass = new() { X = batch.Left, Result = batch.Y, ReLU = relu };
        pass.Sets = new()
        {
            Statistics = statistics.Sets,
            Gamma = gamma,
            Beta = beta,
            Corrections = statistics.Corrections,
            Variance = statistics.Variances,
            Epsilon = new Epsilon(epsilon),
        };
        ChunkNorm.Normalize(ref pass, batch.Planes, ref _workspace, batch.Kept);
    }

    private static void Backward(
        ReadOnlySpan<float> x,
        Shape shape,
        int chunkSize,
        ReadOnlySpan<float> gamma,
        NormStatistics statistics,
        bool batchStatistics,
        Gradients gradients,
        ReadOnlySpan<bool> mask)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        Planes planes = PlanesOf(shape, chunkSize);
        Compaction? kept = KeptPositions(mask, shape, ref planes);
        if (planes.Elements > 0)
        {
            CheckStatistics(statistics, planes.Chunks * planes.Channels);
        }

        ChannelSets sets = new() { Statistics = statistics.Sets, AreConstant = !batchStatistics, Gamma = gamma, Corrections = statistics.Corrections };
        ChunkNorm.Backward(x, planes, sets, gradients, ref _workspace, kept);
    }

    private static Planes PlanesOf(Shape shape, int chunkSize) => shape.Length == 0 ? default : Planes.Of(shape) with { ChunkSize = chunkSize };

    /// <summary>A batch, or what a mask leaves of it.</summary>
    private readonly ref struct Batch
    {
        public required Planes Planes { get; init; }

        public required Compaction? Kept { get; init; }

        /// <summary>The input that counts, of <see cref="Planes"/>.</summary>
        public required ReadOnlySpan<float> Left { get; init; }

        /// <summary>The whole output.</summary>
        public required Span<float> Y { get; init; }

        public bool IsEmpty => Left.IsEmpty;
    }
}
