using System.Numerics.Tensors;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Normalization as plain functions, forward and backward: no layer and no state.</summary>
/// <remarks>
/// The same kernels as the layers', so the same bits and the same accuracy. For inference, and for engines with buffers of their own.
/// A γ or β that is not there is said by name, <see cref="Ones"/> or <see cref="Zeros"/>: an empty span is refused, since a null array becomes one.
/// What is written may share memory with nothing else that is given, but where a function says so.
/// What a function needs as workspace each thread keeps for the next call; beyond a thread's largest call nothing is allocated.
/// </remarks>
public static partial class Functional
{
    [ThreadStatic]
    private static AlignedBuffer _workspace;

    /// <summary>Layer normalization over the trailing dimensions: y = γ·(x − μ)/√(σ² + ε) + β, row by row.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose trailing dimensions have C elements.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="statistics">Overwritten with those of the rows, for the backward pass; null if none follows.</param>
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
        NormStatistics? statistics = null)
    {
        CheckRows(x, features, gamma, epsilon);
        CheckBeta(beta, features);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        RowTensors tensors = new() { X = x, Y = y, Features = features, Gamma = gamma, Beta = beta, ReLU = relu };
        RowNorm.Forward<MeanAndVariance>(tensors, new Epsilon(epsilon), RowsOf(statistics, x.Length / features));
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
    /// <param name="statistics">Overwritten with those of the rows, for the backward pass; null if none follows.</param>
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
        if (!x.IsEmpty)
        {
            RowTensors tensors = new() { X = x, Y = y, Features = features, Gamma = gamma, Beta = beta };
            RowNorm.AddForward<MeanAndVariance>(tensors, new Epsilon(epsilon), RowsOf(statistics, x.Length / features), residual, sum);
        }
    }

    /// <summary>
    /// The backward pass of <see cref="LayerNorm(ReadOnlySpan{float}, int, ReadOnlySpan{float}, ReadOnlySpan{float}, double, Span{float}, bool, NormStatistics?)"/>:
    /// <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>. After a residual addition
    /// x is the sum, and dx the gradient with respect to each of its two terms.
    /// </summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">Those of the rows, from the forward pass.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
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
        ReadOnlySpan<float> y = default)
    {
        CheckRows(x, features, gamma, epsilon: 0);
        int N = x.Length / features;
        CheckStatistics(statistics, N);
        CheckGradients(x, y, dy, gamma, dx, dGamma, dBeta, features);
        RowTensors tensors = new() { X = x, Features = features, Gamma = gamma };
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta, Output = y, Masked = dx };
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(N, features));
        RowNorm.Backward<MeanAndVariance>(tensors, default, statistics.Sets, gradients, workspace);
    }

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
        Throw.IfLengthDiffers(mean.Length, C, nameof(mean));
        Throw.IfLengthDiffers(variance.Length, C, nameof(variance));
        CheckVariance(variance);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        new Output<float>(y, nameof(y)).IsApartFrom(mean, nameof(mean)).IsApartFrom(variance, nameof(variance));
        if (x.IsEmpty)
        {
            return;
        }

        Planes planes = Planes.Of(shape);
        Span<double> workspace = _workspace.AtLeast(3 * C + ChannelNorm.NormalizeWorkspaceLength(planes));
        SetStatistics statistics = new(workspace[..C], default, workspace.Slice(C, C));
        Span<double> wideVariance = workspace.Slice(2 * C, C);
        TensorPrimitives.ConvertChecked(mean, statistics.Mean);
        TensorPrimitives.ConvertChecked(variance, wideVariance);
        ChannelOutput output = new() { Sets = new() { Statistics = statistics, Gamma = gamma, Beta = beta }, Y = y, ReLU = relu };
        ChannelNorm.Normalize(x, planes, wideVariance, new Epsilon(epsilon), output, workspace[(3 * C)..]);
    }

    /// <summary>Batch normalization with the statistics of the batch, as in training; running statistics are the caller's.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>; empty, or with at least two values per channel.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with those of the channels.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
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
        bool relu = false)
    {
        CheckChannels(x, shape, gamma, epsilon);
        int C = shape[1];
        CheckBeta(beta, C);
        ArgumentNullException.ThrowIfNull(statistics);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        if (x.Length == C)
        {
            Throw.Argument(nameof(x), "more than 1 value per channel", $"shape {shape}");
        }

        if (x.IsEmpty)
        {
            return;
        }

        Planes planes = Planes.Of(shape);
        Span<double> workspace = _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes));
        SetStatistics sets = statistics.Resize(C).Sets;
        ChannelNorm.Statistics(x, planes, sets, statistics.Variances, workspace);
        ChannelOutput output = new() { Sets = new() { Statistics = sets, Gamma = gamma, Beta = beta }, Y = y, ReLU = relu };
        ChannelNorm.Normalize(x, planes, statistics.Variances, new Epsilon(epsilon), output, workspace);
    }

    /// <summary>
    /// The backward pass of batch normalization: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and
    /// <paramref name="dBeta"/>.
    /// </summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">Those of the channels, from the forward pass.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="batchStatistics">Whether mean and variance were those of x, and so carry gradient themselves; if not, they were constants.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
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
        ReadOnlySpan<float> y = default)
    {
        CheckChannels(x, shape, gamma, epsilon: 0);
        int C = shape[1];
        CheckStatistics(statistics, C);
        CheckGradients(x, y, dy, gamma, dx, dGamma, dBeta, C);
        if (x.IsEmpty)
        {
            return;
        }

        Planes planes = Planes.Of(shape);
        ChannelSets sets = new() { Statistics = statistics.Sets, Gamma = gamma };
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta, Output = y, Masked = dx };
        ChannelNorm.Backward(x, planes, sets, batchStatistics, gradients, _workspace.AtLeast(ChannelNorm.WorkspaceLength(planes)));
    }

    private static SetStatistics RowsOf(NormStatistics? statistics, int rows) => statistics is null ? default : statistics.Resize(rows).Sets;
}
