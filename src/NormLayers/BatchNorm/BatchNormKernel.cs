using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Batch normalization on float tensors (N, C, L): stateless, no allocation, no checks beyond debug assertions.</summary>
/// <remarks>
/// <para>Forward: [BN-F1] mean and [BN-F2] variance from one read in memory order, [BN-F3] rstd in double, [BN-F4] + [BN-F5],
/// and a ReLU, fused in one sweep; [BN-F6] + [BN-F7] running statistics. Reads x twice, writes y once; y may be x.</para>
/// <para>Backward: [BN-B1] + [BN-B2] in one sweep; [BN-B3] and [BN-B4] need none, since gamma is one number in a channel:
/// they are gamma·B1/m and gamma·B2/m. [BN-B5], or [BN-B6] when the statistics were constants, in a second sweep. Reads x
/// and dy twice, writes dx once; dx may be dy. Behind a ReLU, x and the gradient are read once more, rows or segments before they are summed, and the gradient
/// before the ReLU is written, which is then in the cache as dy.</para>
/// <para>Numerics: with a channel's first element as pivot p, mean = p + Σ(x − p)/m and variance = Σ(x − p)²/m − (mean − p)²
/// (<see cref="RowMoments"/> says why that is exact enough and when x is read again). All sums are in double, and so are
/// their terms. The mean is carried as the float nearest to it and what that leaves over: y = (x − p)·s + t. A constant channel gives exactly
/// beta. A product is fused with the addition after it where the code says MultiplyAdd, and nowhere else.</para>
/// <para>The loops are in <see cref="BatchNormColumns"/> for (N, C), where lanes are channels, and in
/// <see cref="BatchNormSegments"/> for (N, C, L), where lanes are elements of one channel. Where L is less than the sixteen lanes,
/// (N, C, L) is taken for a matrix (N, C·L), each of whose columns has the factors of its channel. What is done once a channel is in
/// <see cref="BatchNormChannels"/>.</para>
/// </remarks>
internal static class BatchNormKernel
{
    // The least L with which lanes are elements of one channel.
    private const int SegmentLength = 16;

    /// <summary>Overwrites <paramref name="mean"/>, <paramref name="remainder"/> and the biased <paramref name="variance"/> with those of the batch.</summary>
    /// <param name="x">The input, (N, C, L), not empty.</param>
    /// <param name="length">L.</param>
    /// <param name="mean">Each channel's mean, (C).</param>
    /// <param name="remainder">What each mean lost when it was rounded to double, (C); empty if not wanted.</param>
    /// <param name="variance">Each channel's biased variance, (C).</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Statistics(ReadOnlySpan<float> x, int length, Span<double> mean, Span<double> remainder, Span<double> variance, Span<double> workspace)
    {
        int C = mean.Length;
        Debug.Assert(x.Length > 0 && x.Length % (C * length) == 0 && workspace.Length >= WorkspaceLength(x.Length, C, length), "Lengths differ.");
        Workspace rest = new(workspace);
        Span<float> pivot = rest.Floats(C);
        FirstElements(x, length, pivot);

        // A channel whose pivot was too far off has a better one now. The others get what they had.
        if (Moments(x, length, pivot, mean, remainder, variance, rest) > 0)
        {
            _ = Moments(x, length, pivot, mean, remainder, variance, rest);
        }
    }

    /// <summary>Overwrites <paramref name="rstd"/> and <paramref name="y"/>.</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="mean">Each channel's mean, (C).</param>
    /// <param name="remainder">What each mean lost when it was rounded to double, (C); empty means zeros.</param>
    /// <param name="variance">Each channel's variance, (C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="beta">The shift, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="rstd">Each channel's 1/√(variance + ε), (C).</param>
    /// <param name="y">The output, (N, C, L); may be x.</param>
    /// <param name="workspace">Overwritten, <see cref="NormalizeWorkspaceLength"/>.</param>
    /// <param name="relu">Whether y = max(·, 0) follows, in the same sweep.</param>
    public static void Normalize(
        ReadOnlySpan<float> x,
        int length,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> remainder,
        ReadOnlySpan<double> variance,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<double> rstd,
        Span<float> y,
        Span<double> workspace,
        bool relu = false)
    {
        int C = mean.Length;
        Debug.Assert(x.Length % (C * length) == 0 && y.Length == x.Length && workspace.Length >= NormalizeWorkspaceLength(C, length), "Lengths differ.");
        _ = BatchNormChannels.Run(new BatchNormChannels.Reciprocal(variance, epsilon, rstd), C); // [BN-F3]
        ScaleAndShift(x, length, new SetStatistics(mean, remainder, rstd), gamma, beta, y, new Workspace(workspace), relu);
    }

    /// <summary>
    /// One step of the running statistics, a channel at a time; a channel whose batch statistics do not fit a finite float is
    /// left as it was unless <paramref name="acceptNonFinite"/>.
    /// </summary>
    /// <param name="mean">The batch's mean, (C).</param>
    /// <param name="variance">The batch's biased variance, (C).</param>
    /// <param name="m">The values per channel, ≥ 2.</param>
    /// <param name="newWeight">The weight of the batch, 0 to 1.</param>
    /// <param name="acceptNonFinite">Whether NaN and infinity may be written.</param>
    /// <param name="runningMean">Overwritten, (C).</param>
    /// <param name="runningVariance">Overwritten, (C).</param>
    /// <returns>The number of channels left as they were.</returns>
    public static int UpdateRunning(
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> variance,
        double m,
        double newWeight,
        bool acceptNonFinite,
        Span<float> runningMean,
        Span<float> runningVariance)
    {
        BatchNormChannels.Running running = new(mean, variance, m / (m - 1), newWeight, acceptNonFinite, runningMean, runningVariance); // [BN-F6] [BN-F7]
        return BatchNormChannels.Run(running, mean.Length);
    }

    /// <summary>Whether a channel's mean and its unbiased variance, which is the one that is tracked, are finite floats.</summary>
    /// <param name="mean">The batch's mean.</param>
    /// <param name="unbiasedVariance">The batch's variance times m/(m − 1).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FitFloat(double mean, double unbiasedVariance) =>
        float.IsFinite((float)mean) & float.IsFinite((float)unbiasedVariance);

    /// <summary>Overwrites <paramref name="dx"/>; <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L).</param>
    /// <param name="dy">The gradient with respect to y, (N, C, L).</param>
    /// <param name="length">L.</param>
    /// <param name="statistics">Those that the forward pass used.</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="batchStatistics">Whether mean and variance were computed from x, and so carry gradient themselves.</param>
    /// <param name="dx">Overwritten, (N, C, L); may be dy; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    /// <param name="relu">Whether the forward pass ended with max(·, 0): dy is the gradient behind it then.</param>
    /// <param name="beta">The shift, (C), for the ReLU's sign; empty means zeros.</param>
    /// <param name="gated">With a ReLU: overwritten with the gradient before it, (N, C, L); may be dy or dx.</param>
    public static void Backward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        bool batchStatistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        Span<double> workspace,
        bool relu = false,
        ReadOnlySpan<float> beta = default,
        Span<float> gated = default)
    {
        int C = statistics.Count;
        Debug.Assert(x.Length % (C * length) == 0 && dy.Length == x.Length && workspace.Length >= WorkspaceLength(x.Length, C, length), "Lengths differ.");
        Workspace rest = new(workspace);
        Gate gate = default;
        if (relu)
        {
            gate = new Gate(dy, gated, rest.Floats(C), rest.Floats(C), rest.Floats(C));
            if (BatchNormChannels.Run(new BatchNormChannels.Forward(statistics, gamma, beta, gate.Pivot, gate.Scale, gate.Shift), C) > 0)
            {
                for (int i = 0; i < x.Length; i++)
                {
                    float y = Mixed(x[i], i / length % C, statistics, gamma, beta, gate.Pivot, gate.Scale, gate.Shift);
                    gated[i] = y <= 0 ? 0 : dy[i];
                }

                gate = default;
            }

            dy = gated;
        }

        BackwardSums(x, dy, length, statistics.Mean, gate, ref rest, out Span<double> sumDy, out Span<double> sumDyXHat); // [BN-B1] [BN-B2]
        _ = BatchNormChannels.Run(new BatchNormChannels.Centred(statistics, sumDy, sumDyXHat), C);
        if (!dx.IsEmpty && batchStatistics)
        {
            InputGradient(x, dy, length, statistics, gamma, sumDy, sumDyXHat, dx, rest); // [BN-B5]
        }
        else if (!dx.IsEmpty)
        {
            Span<double> zeros = rest.Doubles(C);
            zeros.Clear();
            ScaleAndShift(dy, length, new SetStatistics(zeros, default, statistics.Rstd), gamma, default, dx, rest); // [BN-B6]
        }

        Accumulation.Add(sumDyXHat, dGamma);
        Accumulation.Add(sumDy, dBeta);
    }

    // y = gamma·(x − mean)·rstd + beta, with a ReLU or not. [BN-F4] [BN-F5]
    private static void ScaleAndShift(
        ReadOnlySpan<float> x,
        int length,
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        Span<float> y,
        Workspace rest,
        bool relu = false)
    {
        int C = statistics.Count;
        Span<float> pivot = rest.Floats(C);
        Span<float> scale = rest.Floats(C);
        Span<float> shift = rest.Floats(C);
        if (BatchNormChannels.Run(new BatchNormChannels.Forward(statistics, gamma, beta, pivot, scale, shift), C) > 0)
        {
            NormalizeMixed(x, length, statistics, gamma, beta, pivot, scale, shift, y, relu);
        }
        else if (length < SegmentLength)
        {
            BatchNormColumns.ScaleAndShift kernel = new()
            {
                X = x,
                Pivot = rest.Spread(pivot, length),
                Scale = rest.Spread(scale, length),
                Shift = rest.Spread(shift, length),
                Y = y,
                ReLU = relu,
            };
            Kernels.Run(ref kernel, x.Length / Columns(C, length), x.Length);
        }
        else
        {
            BatchNormSegments.ScaleAndShift kernel = new() { X = x, Length = length, Pivot = pivot, Scale = scale, Shift = shift, Y = y, ReLU = relu };
            Kernels.Run(ref kernel, x.Length / length, x.Length);
        }
    }

    private static void InputGradient(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> sumDy,
        ReadOnlySpan<double> sumDyXHat,
        Span<float> dx,
        Workspace rest)
    {
        int C = statistics.Count;
        Span<float> pivot = rest.Floats(C);
        Span<float> scale = rest.Floats(C);
        Span<float> minusSlope = rest.Floats(C);
        Span<float> minusShift = rest.Floats(C);
        BatchNormChannels.Backward factors = new(statistics, gamma, sumDy, sumDyXHat, x.Length / C, pivot, scale, minusSlope, minusShift);
        if (BatchNormChannels.Run(factors, C) > 0)
        {
            InputGradientMixed(x, dy, length, statistics, gamma, sumDy, sumDyXHat, pivot, scale, minusSlope, minusShift, dx);
        }
        else if (length < SegmentLength)
        {
            BatchNormColumns.InputGradient kernel = new()
            {
                X = x,
                Dy = dy,
                Pivot = rest.Spread(pivot, length),
                Scale = rest.Spread(scale, length),
                MinusSlope = rest.Spread(minusSlope, length),
                MinusShift = rest.Spread(minusShift, length),
                Dx = dx,
            };
            Kernels.Run(ref kernel, x.Length / Columns(C, length), x.Length);
        }
        else
        {
            BatchNormSegments.InputGradient kernel = new()
            {
                X = x,
                Dy = dy,
                Length = length,
                Pivot = pivot,
                Scale = scale,
                MinusSlope = minusSlope,
                MinusShift = minusShift,
                Dx = dx,
            };
            Kernels.Run(ref kernel, x.Length / length, x.Length);
        }
    }

    /// <summary>How many doubles <see cref="Normalize"/> needs as workspace.</summary>
    /// <param name="channels">C.</param>
    /// <param name="length">L.</param>
    public static int NormalizeWorkspaceLength(int channels, int length) => 3 * ((channels + 1) / 2 + (Columns(channels, length) + 1) / 2);

    /// <summary>How many doubles are enough for each method as workspace.</summary>
    /// <param name="elements">N·C·L.</param>
    /// <param name="channels">C.</param>
    /// <param name="length">L.</param>
    public static int WorkspaceLength(int elements, int channels, int length) =>
        6 * channels + (5 + 2 * Blocks(elements, channels, length).Count) * Columns(channels, length) + 8;

    /// <summary>[BN-F4] [BN-F5] for one element or sixteen, from the channel's factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static L ScaleAndShift<L>(L x, L pivot, L scale, L shift)
        where L : struct, ILanes<L>
        => L.MultiplyAdd(x - pivot, scale, shift);

    /// <summary>[BN-B5] for one element or sixteen, from the channel's factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static L InputGradient<L>(L x, L dy, L pivot, L scale, L minusSlope, L minusShift)
        where L : struct, ILanes<L>
        => L.MultiplyAdd(dy, scale, L.MultiplyAdd(x - pivot, minusSlope, minusShift));

    /// <summary>[BN-B1] [BN-B2] for one more element in each lane: sumDy += dy; sumDyX += dy·(x − mean), without rstd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddGradient<D>(D dy, D centred, ref D sumDy, ref D sumDyX)
        where D : struct, IDoubleLanes<D>
    {
        sumDy += dy;
        D.FusedMultiplyAdd(ref sumDyX, dy, centred);
    }

    // Sums down columns are taken in blocks of rows; those over segments, where a channel's are one thread's, in one.
    private static RowBlocks Blocks(int elements, int channels, int length) =>
        length < SegmentLength ? RowBlocks.Of(elements / Columns(channels, length), Columns(channels, length)) : new RowBlocks(1, 1);

    // The columns of (N, C·L), where that is how x is seen.
    private static int Columns(int channels, int length) => length < SegmentLength ? channels * length : channels;

    private static void FirstElements(ReadOnlySpan<float> x, int length, Span<float> channels)
    {
        if (length == 1)
        {
            x[..channels.Length].CopyTo(channels);
            return;
        }

        for (int c = 0; c < channels.Length; c++)
        {
            channels[c] = x[c * length];
        }
    }

    // [BN-F1] [BN-F2] with these pivots; those that are too far off are overwritten, and counted.
    private static int Moments(ReadOnlySpan<float> x, int length, Span<float> pivot, Span<double> mean, Span<double> remainder, Span<double> variance, Workspace rest)
    {
        int C = pivot.Length;
        CenteredSums(x, length, pivot, rest, out ReadOnlySpan<double> sums, out ReadOnlySpan<double> squares);
        return BatchNormChannels.Run(new BatchNormChannels.Moments(pivot, sums, squares, 1.0 / (x.Length / C), mean, remainder, variance), C);
    }

    // The sums lie in the workspace.
    private static void CenteredSums(
        ReadOnlySpan<float> x, int length, ReadOnlySpan<float> pivot, Workspace rest, out ReadOnlySpan<double> sums, out ReadOnlySpan<double> squares)
    {
        int C = pivot.Length;
        if (length >= SegmentLength)
        {
            BatchNormSegments.CenteredSums segments = new() { X = x, Length = length, Pivot = pivot, Sums = rest.Doubles(C), Squares = rest.Doubles(C) };
            Kernels.Run(ref segments, C, x.Length);
            sums = segments.Sums;
            squares = segments.Squares;
            return;
        }

        int W = Columns(C, length);
        RowBlocks blocks = Blocks(x.Length, C, length);
        Span<double> blockSums = rest.Doubles(2 * W * blocks.Count);
        BatchNormColumns.CenteredSums columns = new() { X = x, Pivot = rest.Spread(pivot, length), Blocks = blocks, Sums = blockSums };
        Kernels.Run(ref columns, blocks.Count, x.Length);
        Span<double> total = blocks.Total(blockSums, 2 * W);
        sums = Gather(total[..W], length, ref rest);
        squares = Gather(total[W..], length, ref rest);
    }

    // The sums stay in the workspace: what it hands out next lies behind them.
    private static void BackwardSums(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        ReadOnlySpan<double> mean,
        Gate gate,
        scoped ref Workspace rest,
        out Span<double> sumDy,
        out Span<double> sumDyX)
    {
        int C = mean.Length;
        if (length >= SegmentLength)
        {
            sumDy = rest.Doubles(C);
            sumDyX = rest.Doubles(C);
            BatchNormSegments.BackwardSums segments = new()
            {
                X = x,
                Dy = dy,
                Length = length,
                Mean = mean,
                SumDy = sumDy,
                SumDyX = sumDyX,
                Upstream = gate.Upstream,
                Gated = gate.Gated,
                Forward = new() { X = x, Length = length, Pivot = gate.Pivot, Scale = gate.Scale, Shift = gate.Shift, Y = default, ReLU = false },
            };
            Kernels.Run(ref segments, C, x.Length);
            return;
        }

        int W = Columns(C, length);
        RowBlocks blocks = Blocks(x.Length, C, length);
        Span<double> blockSums = rest.Doubles(2 * W * blocks.Count);
        BatchNormColumns.BackwardSums columns = new()
        {
            X = x,
            Dy = dy,
            Mean = rest.Spread(mean, length),
            Blocks = blocks,
            Sums = blockSums,
            Upstream = gate.Upstream,
            Gated = gate.Gated,
            Forward = new()
            {
                X = x,
                Pivot = rest.Spread(gate.Pivot, length),
                Scale = rest.Spread(gate.Scale, length),
                Shift = rest.Spread(gate.Shift, length),
                Y = default,
                ReLU = false,
            },
        };
        Kernels.Run(ref columns, blocks.Count, x.Length);
        Span<double> total = blocks.Total(blockSums, 2 * W);
        sumDy = Gather(total[..W], length, ref rest);
        sumDyX = Gather(total[W..], length, ref rest);
    }

    // The channels' sums from those of their columns, in order; of one column, that itself.
    private static Span<double> Gather(Span<double> columns, int length, scoped ref Workspace rest)
    {
        if (length == 1)
        {
            return columns;
        }

        Span<double> channels = rest.Doubles(columns.Length / length);
        for (int c = 0; c < channels.Length; c++)
        {
            double sum = 0;
            foreach (double column in columns.Slice(c * length, length))
            {
                sum += column;
            }

            channels[c] = sum;
        }

        return channels;
    }

    // Where the factors of a channel do not fit floats (its scale is NaN then), the lines of the reference; elsewhere the operations
    // of the fast loop, so that no channel's bits depend on another's.
    private static void NormalizeMixed(
        ReadOnlySpan<float> x,
        int length,
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        Span<float> y,
        bool relu)
    {
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = Mixed(x[i], i / length % statistics.Count, statistics, gamma, beta, pivot, scale, shift);
            y[i] = relu && y[i] <= 0 ? 0 : y[i];
        }
    }

    private static float Mixed(
        float x,
        int c,
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift)
    {
        if (!float.IsNaN(scale[c]))
        {
            return ScaleAndShift<SingleLane>(new(x), new(pivot[c]), new(scale[c]), new(shift[c])).Value;
        }

        return (float)((gamma.IsEmpty ? 1 : gamma[c]) * statistics.XHat(c, x) + (beta.IsEmpty ? 0 : beta[c]));
    }

    private static void InputGradientMixed(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> sumDy,
        ReadOnlySpan<double> sumDyXHat,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> minusSlope,
        ReadOnlySpan<float> minusShift,
        Span<float> dx)
    {
        double m = x.Length / statistics.Count;
        for (int i = 0; i < x.Length; i++)
        {
            int c = i / length % statistics.Count;
            if (!float.IsNaN(scale[c]))
            {
                dx[i] = InputGradient<SingleLane>(new(x[i]), new(dy[i]), new(pivot[c]), new(scale[c]), new(minusSlope[c]), new(minusShift[c])).Value;
                continue;
            }

            double g = gamma.IsEmpty ? 1 : gamma[c];
            dx[i] = (float)(statistics.Rstd[c] * (g * dy[i] - g * sumDy[c] / m - statistics.XHat(c, x[i]) * (g * sumDyXHat[c] / m)));
        }
    }

    /// <summary>Hands out pieces of the workspace; a copy hands out the same ones again.</summary>
    private ref struct Workspace(Span<double> rest)
    {
        private Span<double> _rest = rest;

        public Span<double> Doubles(int count)
        {
            Span<double> piece = _rest[..count];
            _rest = _rest[count..];
            return piece;
        }

        public Span<float> Floats(int count) => MemoryMarshal.Cast<double, float>(Doubles((count + 1) / 2))[..count];

        /// <summary>The channels' factors for each of their columns.</summary>
        public ReadOnlySpan<float> Spread(ReadOnlySpan<float> factors, int length) =>
            length == 1 ? factors : Spread(factors, length, Floats(factors.Length * length));

        /// <summary>The channels' means for each of their columns.</summary>
        public ReadOnlySpan<double> Spread(ReadOnlySpan<double> means, int length) =>
            length == 1 ? means : Spread(means, length, Doubles(means.Length * length));

        private static ReadOnlySpan<T> Spread<T>(ReadOnlySpan<T> channels, int length, Span<T> columns)
        {
            for (int c = 0; c < channels.Length; c++)
            {
                columns.Slice(c * length, length).Fill(channels[c]);
            }

            return columns;
        }
    }

    /// <summary>What it takes to send a gradient back through a ReLU: the gradient, where it goes, and the channels' factors.</summary>
    private readonly ref struct Gate(ReadOnlySpan<float> upstream, Span<float> gated, Span<float> pivot, Span<float> scale, Span<float> shift)
    {
        public ReadOnlySpan<float> Upstream { get; } = upstream;

        public Span<float> Gated { get; } = gated;

        public Span<float> Pivot { get; } = pivot;

        public Span<float> Scale { get; } = scale;

        public Span<float> Shift { get; } = shift;
    }
}
