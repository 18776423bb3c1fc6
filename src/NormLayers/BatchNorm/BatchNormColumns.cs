using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>
/// The loops of batch normalization over (N, C), and over (N, C·L) where segments are short: lanes are columns, rows are read in memory
/// order, some at a time.
/// </summary>
/// <remarks>
/// The last C mod 16 channels go one at a time, by the same operations in the same order. Where x comes from memory, the next rows are
/// asked for while some are summed, line after line: read side by side, they are no stream that the processor would follow by itself.
/// The channels' factors are read for every row, and so are copied once to where they straddle cache lines no more than the output does.
/// </remarks>
internal static class BatchNormColumns
{
    /// <summary>How many rows share a load and a store of the channels' sums.</summary>
    private const int RowsAtATime = 8;

    /// <summary>Each block's Σ(x − p), (C), and Σ(x − p)², (C): overwrites <see cref="Sums"/>. Units are blocks of rows.</summary>
    public readonly ref struct CenteredSums : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Pivot { get; init; }

        public required RowBlocks Blocks { get; init; }

        public required Span<double> Sums { get; init; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            for (int block = first; block < first + count; block++)
            {
                Sums.Slice(2 * Pivot.Length * block, 2 * Pivot.Length).Clear();
                for (int n = Blocks.Start(block); n < Blocks.Start(block + 1); n += RowsAtATime)
                {
                    AddRows<D>(block, n, Math.Min(RowsAtATime, Blocks.Start(block + 1) - n));
                }
            }
        }

        [MethodImpl(Kernels.Loops)]
        private void AddRows<D>(int block, int n, int rows)
            where D : struct, IDoubleLanes<D>
        {
            int C = Pivot.Length;
            nint whole = C & ~15;
            bool fromMemory = Cache.IsExceeded(X.Length);
            ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * C);
            ref readonly float pivot = ref MemoryMarshal.GetReference(Pivot);
            ref double sums = ref Unsafe.Add(ref MemoryMarshal.GetReference(Sums), (nint)block * 2 * C);
            ref double squares = ref Unsafe.Add(ref sums, C);
            for (nint c = 0; c < whole; c += 16)
            {
                D pLow = D.Widen(in pivot, c);
                D pHigh = D.Widen(in pivot, c + 8);
                D sumLow = D.Load(in sums, c);
                D sumHigh = D.Load(in sums, c + 8);
                D squareLow = D.Load(in squares, c);
                D squareHigh = D.Load(in squares, c + 8);
                nint ahead = RowsAtATime * (C + c);
                for (nint k = 0, i = c; k < rows; k++, i += C)
                {
                    if (fromMemory)
                    {
                        Cache.Prefetch(in x, ahead + 16 * k);
                    }

                    // [BN-F1] [BN-F2] sums[c] += x[i] - pivot[c]; squares[c] += (x[i] - pivot[c]) * (x[i] - pivot[c])
                    RowMoments.Add(D.Widen(in x, i) - pLow, ref sumLow, ref squareLow);
                    RowMoments.Add(D.Widen(in x, i + 8) - pHigh, ref sumHigh, ref squareHigh);
                }

                D.Store(sumLow, ref sums, c);
                D.Store(sumHigh, ref sums, c + 8);
                D.Store(squareLow, ref squares, c);
                D.Store(squareHigh, ref squares, c + 8);
            }

            for (nint c = whole; c < C; c++)
            {
                for (nint k = 0, i = c; k < rows; k++, i += C)
                {
                    double centred = (double)Unsafe.Add(ref Unsafe.AsRef(in x), i) - Pivot[(int)c];
                    Unsafe.Add(ref sums, c) += centred;
                    Unsafe.Add(ref squares, c) = Math.FusedMultiplyAdd(centred, centred, Unsafe.Add(ref squares, c));
                }
            }
        }
    }

    /// <summary>y = (x − pivot)·scale + shift: overwrites <see cref="Y"/>, which may be x. Units are rows.</summary>
    public readonly ref struct ScaleAndShift : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Pivot { get; init; }

        public required ReadOnlySpan<float> Scale { get; init; }

        public required ReadOnlySpan<float> Shift { get; init; }

        public required Span<float> Y { get; init; }

        /// <summary>Whether y = max(·, 0) follows.</summary>
        public required bool ReLU { get; init; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            if (ReLU)
            {
                Rows<L, Yes>(first, count);
            }
            else
            {
                Rows<L, No>(first, count);
            }
        }

        [MethodImpl(Kernels.Loops)]
        [SkipLocalsInit]
        private void Rows<L, TReLU>(int first, int count)
            where L : struct, ILanes<L>
            where TReLU : struct, IFlag
        {
            int C = Pivot.Length;
            int room = RowMap.RoomInPhase(count, C);
            Span<float> rooms = room == 0 ? default : stackalloc float[3 * room];
            ref readonly float y0 = ref MemoryMarshal.GetReference(Y);
            ReadOnlySpan<float> pivot = RowMap.InPhase(Pivot, in y0, rooms[..room]);
            ReadOnlySpan<float> scale = RowMap.InPhase(Scale, in y0, rooms.Slice(room, room));
            ReadOnlySpan<float> shift = RowMap.InPhase(Shift, in y0, rooms[(2 * room)..]);
            bool streamed = RowMap.IsStreamed(Y, X);
            int paired = X.Length <= RowMap.PairedElements ? count & ~1 : 0;
            Pairs<L, TReLU>(first, paired, pivot, scale, shift);
            for (int n = first + paired; n < first + count; n++)
            {
                ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * C);
                ref float y = ref Unsafe.Add(ref MemoryMarshal.GetReference(Y), (nint)n * C);
                Map<TReLU> row = new(in x, pivot, scale, shift);
                RowMap.Apply<L, Map<TReLU>>(row, ref y, C, streamed);
            }

            RowMap.Fence(streamed);
        }

        // Where the tensor stays in the cache, two rows at a time share the factors' loads.
        [MethodImpl(Kernels.Loops)]
        private void Pairs<L, TReLU>(int first, int count, ReadOnlySpan<float> pivot, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift)
            where L : struct, ILanes<L>
            where TReLU : struct, IFlag
        {
            int C = Pivot.Length;
            for (int n = first; n < first + count; n += 2)
            {
                ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * C);
                Map<TReLU> row = new(in x, pivot, scale, shift);
                Map<TReLU> below = new(in Unsafe.Add(ref Unsafe.AsRef(in x), C), pivot, scale, shift);
                RowMap.ApplyPair<L, Map<TReLU>>(row, below, ref Unsafe.Add(ref MemoryMarshal.GetReference(Y), (nint)n * C), C);
            }
        }

        // y[c] = (x[c] - pivot[c]) * scale[c] + shift[c] [BN-F4] [BN-F5]
        public readonly ref struct Map<TReLU>(
            ref readonly float x, ReadOnlySpan<float> pivot, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift) : IRowMap
            where TReLU : struct, IFlag
        {
            private readonly ref readonly float _x = ref x;
            private readonly ref readonly float _pivot = ref MemoryMarshal.GetReference(pivot);
            private readonly ref readonly float _scale = ref MemoryMarshal.GetReference(scale);
            private readonly ref readonly float _shift = ref MemoryMarshal.GetReference(shift);

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(nint i)
                where L : struct, ILanes<L>
            {
                L y = BatchNormKernel.ScaleAndShift(L.Load(in _x, i), L.Load(in _pivot, i), L.Load(in _scale, i), L.Load(in _shift, i));
                return TReLU.Holds ? L.WherePositive(y, y) : y;
            }
        }
    }

    /// <summary>Each block's Σdy, (C), and Σdy·(x − mean), (C): overwrites <see cref="Sums"/>. Units are blocks of rows.</summary>
    public readonly ref struct BackwardSums : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required ReadOnlySpan<double> Mean { get; init; }

        public required RowBlocks Blocks { get; init; }

        public required Span<double> Sums { get; init; }

        /// <summary>
        /// The gradient behind a ReLU that followed; empty if none did. It goes through the ReLU into <see cref="Gated"/>, which is
        /// <see cref="Dy"/> then, just before it is summed there.
        /// </summary>
        public ReadOnlySpan<float> Upstream { get; init; }

        public Span<float> Gated { get; init; }

        /// <summary>The forward pass, for the ReLU's sign.</summary>
        public ScaleAndShift Forward { get; init; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            for (int block = first; block < first + count; block++)
            {
                Sums.Slice(2 * Mean.Length * block, 2 * Mean.Length).Clear();
                for (int n = Blocks.Start(block); n < Blocks.Start(block + 1); n += RowsAtATime)
                {
                    int rows = Math.Min(RowsAtATime, Blocks.Start(block + 1) - n);
                    Gate<L>(n, rows);
                    AddRows<D>(block, n, rows);
                }
            }
        }

        [MethodImpl(Kernels.Loops)]
        private void Gate<L>(int first, int rows)
            where L : struct, ILanes<L>
        {
            int C = Mean.Length;
            for (int n = first; n < first + rows && !Upstream.IsEmpty; n++)
            {
                ScaleAndShift.Map<No> y = new(in X[n * C], Forward.Pivot, Forward.Scale, Forward.Shift);
                GateMap map = new(y, in Upstream[n * C]);
                RowMap.Apply<L, GateMap>(map, ref Gated[n * C], C);
            }
        }

        [MethodImpl(Kernels.Loops)]
        private void AddRows<D>(int block, int n, int rows)
            where D : struct, IDoubleLanes<D>
        {
            int C = Mean.Length;
            nint whole = C & ~15;
            bool fromMemory = Cache.IsExceeded(X.Length);
            ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * C);
            ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), (nint)n * C);
            ref readonly double mean = ref MemoryMarshal.GetReference(Mean);
            ref double sumDy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Sums), (nint)block * 2 * C);
            ref double sumDyX = ref Unsafe.Add(ref sumDy, C);
            for (nint c = 0; c < whole; c += 16)
            {
                D mLow = D.Load(in mean, c);
                D mHigh = D.Load(in mean, c + 8);
                D sumLow = D.Load(in sumDy, c);
                D sumHigh = D.Load(in sumDy, c + 8);
                D sumXLow = D.Load(in sumDyX, c);
                D sumXHigh = D.Load(in sumDyX, c + 8);
                nint ahead = RowsAtATime * (C + c);
                for (nint k = 0, i = c; k < rows; k++, i += C)
                {
                    if (fromMemory)
                    {
                        Cache.Prefetch(in x, ahead + 16 * k);
                        Cache.Prefetch(in dy, ahead + 16 * k);
                    }

                    // sumDy[c] += dy[i] [BN-B1]; sumDyX[c] += dy[i] * (x[i] - mean[c]) [BN-B2]
                    BatchNormKernel.AddGradient(D.Widen(in dy, i), D.Widen(in x, i) - mLow, ref sumLow, ref sumXLow);
                    BatchNormKernel.AddGradient(D.Widen(in dy, i + 8), D.Widen(in x, i + 8) - mHigh, ref sumHigh, ref sumXHigh);
                }

                D.Store(sumLow, ref sumDy, c);
                D.Store(sumHigh, ref sumDy, c + 8);
                D.Store(sumXLow, ref sumDyX, c);
                D.Store(sumXHigh, ref sumDyX, c + 8);
            }

            for (nint c = whole; c < C; c++)
            {
                for (nint k = 0, i = c; k < rows; k++, i += C)
                {
                    double upstream = Unsafe.Add(ref Unsafe.AsRef(in dy), i);
                    Unsafe.Add(ref sumDy, c) += upstream;
                    Unsafe.Add(ref sumDyX, c) = Math.FusedMultiplyAdd(upstream, Unsafe.Add(ref Unsafe.AsRef(in x), i) - Mean[(int)c], Unsafe.Add(ref sumDyX, c));
                }
            }
        }

        // dy[i] = y[i] <= 0 ? 0 : upstream[i], with the y of before the ReLU
        private readonly ref struct GateMap(ScaleAndShift.Map<No> y, ref readonly float upstream) : IRowMap
        {
            private readonly ScaleAndShift.Map<No> _y = y;
            private readonly ref readonly float _upstream = ref upstream;

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(nint i)
                where L : struct, ILanes<L>
                => L.WherePositive(_y.At<L>(i), L.Load(in _upstream, i));
        }
    }

    /// <summary>dx = dy·scale − (x − pivot)·slope − shift: overwrites <see cref="Dx"/>, which may be dy. Units are rows.</summary>
    public readonly ref struct InputGradient : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required ReadOnlySpan<float> Pivot { get; init; }

        public required ReadOnlySpan<float> Scale { get; init; }

        /// <summary>Minus the slope: the multiplication that is fused with the subtraction is an addition.</summary>
        public required ReadOnlySpan<float> MinusSlope { get; init; }

        public required ReadOnlySpan<float> MinusShift { get; init; }

        public required Span<float> Dx { get; init; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            int C = Pivot.Length;
            int room = RowMap.RoomInPhase(count, C);
            Span<float> rooms = room == 0 ? default : stackalloc float[4 * room];
            ref readonly float dx0 = ref MemoryMarshal.GetReference(Dx);
            ReadOnlySpan<float> pivot = RowMap.InPhase(Pivot, in dx0, rooms[..room]);
            ReadOnlySpan<float> scale = RowMap.InPhase(Scale, in dx0, rooms.Slice(room, room));
            ReadOnlySpan<float> minusSlope = RowMap.InPhase(MinusSlope, in dx0, rooms.Slice(2 * room, room));
            ReadOnlySpan<float> minusShift = RowMap.InPhase(MinusShift, in dx0, rooms[(3 * room)..]);
            bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, X);
            for (int n = first; n < first + count; n++)
            {
                ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * C);
                ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), (nint)n * C);
                ref float dx = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), (nint)n * C);
                Map row = new(in x, in dy, pivot, scale, minusSlope, minusShift);
                RowMap.Apply<L, Map>(row, ref dx, C, streamed);
            }

            RowMap.Fence(streamed);
        }

        // dx[c] = dy[c] * scale[c] - (x[c] - pivot[c]) * slope[c] - shift[c] [BN-B5]
        private readonly ref struct Map(
            ref readonly float x,
            ref readonly float dy,
            ReadOnlySpan<float> pivot,
            ReadOnlySpan<float> scale,
            ReadOnlySpan<float> minusSlope,
            ReadOnlySpan<float> minusShift) : IRowMap
        {
            private readonly ref readonly float _x = ref x;
            private readonly ref readonly float _dy = ref dy;
            private readonly ref readonly float _pivot = ref MemoryMarshal.GetReference(pivot);
            private readonly ref readonly float _scale = ref MemoryMarshal.GetReference(scale);
            private readonly ref readonly float _minusSlope = ref MemoryMarshal.GetReference(minusSlope);
            private readonly ref readonly float _minusShift = ref MemoryMarshal.GetReference(minusShift);

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(nint i)
                where L : struct, ILanes<L>
                => BatchNormKernel.InputGradient(
                    L.Load(in _x, i), L.Load(in _dy, i), L.Load(in _pivot, i), L.Load(in _scale, i), L.Load(in _minusSlope, i), L.Load(in _minusShift, i));
        }
    }
}
