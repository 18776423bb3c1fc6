using System.Numerics.Tensors;
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

    /// <summary>Layer normalization over the last dimension: y = γ·(x − μ)/√(σ² + ε) + β, row by row.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="mean">Overwritten with each row's mean, (N), for <see cref="LayerNormBackward"/>; empty if not wanted.</param>
    /// <param name="rstd">Overwritten with each row's 1/√(variance + ε), (N); empty if not wanted.</param>
    /// <param name="meanRemainder">Overwritten with what each mean lost when it was rounded to double, (N); empty if not wanted.</param>
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
        Span<double> mean = default,
        Span<double> rstd = default,
        Span<double> meanRemainder = default)
    {
        CheckRows(x, features, gamma, epsilon, mean, rstd, meanRemainder);
        CheckBeta(beta, features);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        CheckApart(mean, rstd, meanRemainder, x, y, gamma, beta);
        LayerNormKernel.Forward(x, gamma, beta, epsilon, features, y, mean, meanRemainder, rstd, relu);
    }

    /// <summary>Residual addition and layer normalization in one pass: sum = x + residual, y = layer normalization of sum.</summary>
    /// <param name="x">The input, (N, C) row-major; any rank whose last dimension is C.</param>
    /// <param name="residual">What is added to it, as long as x.</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="sum">Overwritten with x + residual, as long as x; may be x or residual, but must not overlap them otherwise.</param>
    /// <param name="y">Overwritten, as long as x; must not overlap the others.</param>
    /// <param name="mean">Overwritten with each row's mean, (N), for <see cref="LayerNormBackward"/>; empty if not wanted.</param>
    /// <param name="rstd">Overwritten with each row's 1/√(variance + ε), (N); empty if not wanted.</param>
    /// <param name="meanRemainder">Overwritten with what each mean lost when it was rounded to double, (N); empty if not wanted.</param>
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
        Span<double> mean = default,
        Span<double> rstd = default,
        Span<double> meanRemainder = default)
    {
        CheckRows(x, features, gamma, epsilon, mean, rstd, meanRemainder);
        CheckBeta(beta, features);
        Throw.IfLengthDiffers(residual.Length, x.Length, nameof(residual));
        CheckOutput(x, sum, nameof(sum));
        CheckOutput(residual, sum, nameof(sum));
        Throw.IfLengthDiffers(y.Length, x.Length, nameof(y));
        if (y.Overlaps(x) || y.Overlaps(residual) || y.Overlaps(sum))
        {
            Throw.Argument(nameof(y), "memory apart from x, residual and sum", "memory that overlaps one of them");
        }

        CheckApart(y, nameof(y), gamma, beta);
        CheckApart(sum, nameof(sum), gamma, beta);
        CheckApart(mean, rstd, meanRemainder, x, y, gamma, beta);
        CheckApart(mean, rstd, meanRemainder, residual, sum, gamma, beta);
        if (!x.IsEmpty)
        {
            LayerNormKernel.Forward(x, gamma, beta, epsilon, features, y, mean, meanRemainder, rstd, relu: false, residual, sum);
        }
    }

    /// <summary>
    /// The backward pass of <see cref="LayerNorm(ReadOnlySpan{float}, int, ReadOnlySpan{float}, ReadOnlySpan{float}, double, Span{float}, bool, Span{double}, Span{double}, Span{double})"/>:
    /// <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>. After a residual addition
    /// x is the sum, and dx the gradient with respect to each of its two terms.
    /// </summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="mean">Each row's mean, (N), from the forward pass.</param>
    /// <param name="rstd">Each row's 1/√(variance + ε), (N), from the forward pass.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="relu">Whether the forward pass ended with max(·, 0); dx must be wanted then.</param>
    /// <param name="beta">The shift β, (C), which tells where a ReLU was open; <see cref="Zeros"/> for none. Not read without a ReLU.</param>
    /// <param name="meanRemainder">
    /// From the forward pass, (N); empty means zeros. It counts where means are 1000 spreads and more: without it dγ
    /// loses digits there, and a ReLU may be taken for closed where the forward pass had it open next to 0.
    /// </param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> out of range.</exception>
    public static void LayerNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int features,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        bool relu = false,
        ReadOnlySpan<float> beta = default,
        ReadOnlySpan<double> meanRemainder = default)
    {
        CheckRows(x, features, gamma, epsilon: 0, mean, rstd, meanRemainder);
        CheckBeta(relu || !beta.IsEmpty ? beta : Zeros, features);
        int N = x.Length / features;
        Throw.IfLengthDiffers(mean.Length, N, nameof(mean));
        Throw.IfLengthDiffers(rstd.Length, N, nameof(rstd));
        CheckGradients(x, dy, gamma, beta, mean, rstd, meanRemainder, dx, dGamma, dBeta, features, relu);
        Span<double> workspace = _workspace.AtLeast(LayerNormKernel.WorkspaceLength(N, features));
        SetStatistics statistics = new(mean, meanRemainder, rstd);
        LayerNormKernel.Backward(x, dy, gamma, statistics, features, dx, dGamma, dBeta, workspace, relu, beta, gated: dx);
    }

    /// <summary>Batch normalization with given statistics, as in evaluation: y = γ·(x − mean)/√(variance + ε) + β, channel by channel.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C) or (N, C, L).</param>
    /// <param name="mean">Each channel's mean, (C): <see cref="RunningStatistics.Mean"/>.</param>
    /// <param name="variance">Each channel's variance, (C): <see cref="RunningStatistics.Variance"/>.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <exception cref="ArgumentException">A shape of another rank, a length that does not fit, a negative or NaN variance, or spans that overlap.</exception>
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

        int length = LengthOf(shape);
        Span<double> workspace = _workspace.AtLeast(3 * C + BatchNormKernel.NormalizeWorkspaceLength(C, length));
        Span<double> wideMean = workspace[..C];
        Span<double> wideVariance = workspace.Slice(C, C);
        Span<double> rstd = workspace.Slice(2 * C, C);
        TensorPrimitives.ConvertChecked(mean, wideMean);
        TensorPrimitives.ConvertChecked(variance, wideVariance);
        BatchNormKernel.Normalize(x, length, wideMean, default, wideVariance, gamma, beta, epsilon, rstd, y, workspace[(3 * C)..], relu);
    }

    /// <summary>Batch normalization with the statistics of the batch, as in training; running statistics are the caller's.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>; empty, or with at least two values per channel.</param>
    /// <param name="shape">(N, C) or (N, C, L).</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="mean">Overwritten with each channel's mean, (C).</param>
    /// <param name="variance">Overwritten with each channel's biased variance, (C).</param>
    /// <param name="rstd">Overwritten with each channel's 1/√(variance + ε), (C).</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="meanRemainder">Overwritten with what each mean lost when it was rounded to double, (C); empty if not wanted.</param>
    /// <exception cref="ArgumentException">A shape of another rank or with one value per channel, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public static void BatchNormTraining(
        ReadOnlySpan<float> x,
        Shape shape,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        Span<double> mean,
        Span<double> variance,
        Span<double> rstd,
        bool relu = false,
        Span<double> meanRemainder = default)
    {
        CheckChannels(x, shape, gamma, epsilon);
        int C = shape[1];
        CheckBeta(beta, C);
        Throw.IfLengthDiffers(mean.Length, C, nameof(mean));
        Throw.IfLengthDiffers(variance.Length, C, nameof(variance));
        Throw.IfLengthDiffers(rstd.Length, C, nameof(rstd));
        CheckRemainder(meanRemainder, C);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        CheckApart(mean, rstd, meanRemainder, x, y, gamma, beta);
        new Output<double>(variance, nameof(variance)).IsApartFrom(mean, nameof(mean)).IsApartFrom(rstd, nameof(rstd)).IsApartFrom(meanRemainder, nameof(meanRemainder))
            .IsApartFrom(x, nameof(x)).IsApartFrom<float>(y, nameof(y)).IsApartFrom(gamma, nameof(gamma)).IsApartFrom(beta, nameof(beta));
        if (x.Length == C)
        {
            Throw.Argument(nameof(x), "more than 1 value per channel", $"shape {shape}");
        }

        if (x.IsEmpty)
        {
            return;
        }

        int length = LengthOf(shape);
        Span<double> workspace = _workspace.AtLeast(C + BatchNormKernel.WorkspaceLength(x.Length, C, length));
        Span<double> remainder = meanRemainder.IsEmpty ? workspace[^C..] : meanRemainder; // y needs it.
        BatchNormKernel.Statistics(x, length, mean, remainder, variance, workspace);
        BatchNormKernel.Normalize(x, length, mean, remainder, variance, gamma, beta, epsilon, rstd, y, workspace, relu);
    }

    /// <summary>
    /// The backward pass of batch normalization: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and
    /// <paramref name="dBeta"/>.
    /// </summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, C) or (N, C, L).</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="mean">Each channel's mean, (C), that the forward pass used.</param>
    /// <param name="rstd">Each channel's 1/√(variance + ε), (C), that the forward pass used.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="batchStatistics">Whether mean and variance were those of x, and so carry gradient themselves; if not, they were constants.</param>
    /// <param name="relu">Whether the forward pass ended with max(·, 0); dx must be wanted then.</param>
    /// <param name="beta">The shift β, (C), which tells where a ReLU was open; <see cref="Zeros"/> for none. Not read without a ReLU.</param>
    /// <param name="meanRemainder">
    /// From the forward pass, (C); empty means zeros. It counts where means are 1000 spreads and more: without it dγ
    /// loses digits there, and a ReLU may be taken for closed where the forward pass had it open next to 0.
    /// </param>
    /// <exception cref="ArgumentException">A shape of another rank, a length that does not fit, or spans that overlap.</exception>
    public static void BatchNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        Shape shape,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        bool batchStatistics = true,
        bool relu = false,
        ReadOnlySpan<float> beta = default,
        ReadOnlySpan<double> meanRemainder = default)
    {
        CheckChannels(x, shape, gamma, epsilon: 0);
        int C = shape[1];
        CheckBeta(relu || !beta.IsEmpty ? beta : Zeros, C);
        Throw.IfLengthDiffers(mean.Length, C, nameof(mean));
        Throw.IfLengthDiffers(rstd.Length, C, nameof(rstd));
        CheckRemainder(meanRemainder, C);
        CheckGradients(x, dy, gamma, beta, mean, rstd, meanRemainder, dx, dGamma, dBeta, C, relu);
        if (x.IsEmpty)
        {
            return;
        }

        int length = LengthOf(shape);
        Span<double> workspace = _workspace.AtLeast(BatchNormKernel.WorkspaceLength(x.Length, C, length));
        SetStatistics statistics = new(mean, meanRemainder, rstd);
        BatchNormKernel.Backward(x, dy, length, statistics, gamma, batchStatistics, dx, dGamma, dBeta, workspace, relu, beta, gated: dx);
    }

    private static int LengthOf(Shape shape) => shape.Rank == 3 ? shape[2] : 1;
}
