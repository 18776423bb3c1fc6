using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of batch normalization over (N, C, L) with L ≥ 16: lanes are the L contiguous elements of a segment, one sample's channel.</summary>
/// <remarks>Units are channels where something is summed, and segments, in memory order, where not.</remarks>
internal static class BatchNormSegments
{
    /// <summary>Σ(x − p) and Σ(x − p)² of each channel: overwrites <see cref="Sums"/> and <see cref="Squares"/>.</summary>
    public readonly ref struct CenteredSums : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required int Length { get; init; }

        public required ReadOnlySpan<float> Pivot { get; init; }

        public required Span<double> Sums { get; init; }

        public required Span<double> Squares { get; init; }

        [MethodImpl(Kernels.Loops)]
        [SkipLocalsInit]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            Span<double> room = stackalloc double[LaneTree.Folded];
            int C = Pivot.Length;
            Sums.Slice(first, count).Clear();
            Squares.Slice(first, count).Clear();
            for (int start = 0; start < X.Length; start += C * Length)
            {
                for (int c = first; c < first + count; c++)
                {
                    ref readonly float segment = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start + c * Length);
                    // [BN-F1] [BN-F2]
                    RowMoments.Sums<D>(in segment, Length, Pivot[c], ref MemoryMarshal.GetReference(room), out double sum, out double squares);
                    Sums[c] += sum;
                    Squares[c] += squares;
                }
            }
        }
    }

    /// <summary>y = (x − pivot)·scale + shift: overwrites <see cref="Y"/>, which may be x.</summary>
    public readonly ref struct ScaleAndShift : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required int Length { get; init; }

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
            bool streamed = RowMap.IsStreamed(Y, X);
            if (ReLU)
            {
                SegmentMap.Apply<L, Map<Yes>, ScaleAndShift>(in this, first, count, Pivot.Length, Length, Y, streamed);
            }
            else
            {
                SegmentMap.Apply<L, Map<No>, ScaleAndShift>(in this, first, count, Pivot.Length, Length, Y, streamed);
            }
        }

        // y[i] = (x[i] - pivot[c]) * scale[c] + shift[c] [BN-F4] [BN-F5]
        public readonly ref struct Map<TReLU>(ref readonly float x, float pivot, float scale, float shift) : ISegmentMap<Map<TReLU>, ScaleAndShift>
            where TReLU : struct, IFlag
        {
            private readonly ref readonly float _x = ref x;
            private readonly float _pivot = pivot;
            private readonly float _scale = scale;
            private readonly float _shift = shift;

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public static Map<TReLU> Of(scoped ref readonly ScaleAndShift kernel, int segment, int channel) => new(
                in Unsafe.Add(ref MemoryMarshal.GetReference(kernel.X), (nint)segment * kernel.Length),
                kernel.Pivot[channel],
                kernel.Scale[channel],
                kernel.Shift[channel]);

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(nint i)
                where L : struct, ILanes<L>
            {
                L y = BatchNormKernel.ScaleAndShift(L.Load(in _x, i), L.Create(_pivot), L.Create(_scale), L.Create(_shift));
                return TReLU.Holds ? L.WherePositive(y, y) : y;
            }
        }
    }

    /// <summary>Σdy and Σdy·(x − mean) of each channel: overwrites <see cref="SumDy"/> and <see cref="SumDyX"/>.</summary>
    public readonly ref struct BackwardSums : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required int Length { get; init; }

        public required ReadOnlySpan<double> Mean { get; init; }

        public required Span<double> SumDy { get; init; }

        public required Span<double> SumDyX { get; init; }

        /// <summary>
        /// The gradient behind a ReLU that followed; empty if none did. It goes through the ReLU into <see cref="Gated"/>, which is
        /// <see cref="Dy"/> then, just before it is summed there.
        /// </summary>
        public ReadOnlySpan<float> Upstream { get; init; }

        public Span<float> Gated { get; init; }

        /// <summary>The forward pass, for the ReLU's sign.</summary>
        public ScaleAndShift Forward { get; init; }

        [MethodImpl(Kernels.Loops)]
        [SkipLocalsInit]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            Span<double> room = stackalloc double[LaneTree.Folded];
            nint whole = Length & ~15;
            SumDy.Slice(first, count).Clear();
            SumDyX.Slice(first, count).Clear();
            for (int start = 0; start < X.Length; start += Mean.Length * Length)
            {
                for (int c = first; c < first + count; c++)
                {
                    if (!Upstream.IsEmpty)
                    {
                        Gate<L>(start + c * Length, c);
                    }

                    ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start + c * Length);
                    ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), start + c * Length);
                    D m = D.Create(Mean[c]);
                    D sumLow = D.Create(0);
                    D sumHigh = D.Create(0);
                    D sumXLow = D.Create(0);
                    D sumXHigh = D.Create(0);
                    for (nint i = 0; i < whole; i += 16)
                    {
                        // sumDy[c] += dy[i] [BN-B1]; sumDyX[c] += dy[i] * (x[i] - mean[c]) [BN-B2]
                        BatchNormKernel.AddGradient(D.Widen(in dy, i), D.Widen(in x, i) - m, ref sumLow, ref sumXLow);
                        BatchNormKernel.AddGradient(D.Widen(in dy, i + 8), D.Widen(in x, i + 8) - m, ref sumHigh, ref sumXHigh);
                    }

                    double segmentDy = D.Sum(sumLow + sumHigh, ref MemoryMarshal.GetReference(room));
                    double segmentDyX = D.Sum(sumXLow + sumXHigh, ref MemoryMarshal.GetReference(room));
                    for (nint i = whole; i < Length; i++)
                    {
                        double upstream = Unsafe.Add(ref Unsafe.AsRef(in dy), i);
                        segmentDy += upstream;
                        segmentDyX = Math.FusedMultiplyAdd(upstream, Unsafe.Add(ref Unsafe.AsRef(in x), i) - Mean[c], segmentDyX);
                    }

                    SumDy[c] += segmentDy;
                    SumDyX[c] += segmentDyX;
                }
            }
        }

        [MethodImpl(Kernels.Loops)]
        private void Gate<L>(int start, int c)
            where L : struct, ILanes<L>
        {
            ScaleAndShift.Map<No> y = new(in X[start], Forward.Pivot[c], Forward.Scale[c], Forward.Shift[c]);
            GateMap map = new(y, in Upstream[start]);
            RowMap.Apply<L, GateMap>(map, ref Gated[start], Length);
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

    /// <summary>dx = dy·scale − (x − pivot)·slope − shift: overwrites <see cref="Dx"/>, which may be dy.</summary>
    public readonly ref struct InputGradient : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required int Length { get; init; }

        public required ReadOnlySpan<float> Pivot { get; init; }

        public required ReadOnlySpan<float> Scale { get; init; }

        public required ReadOnlySpan<float> MinusSlope { get; init; }

        public required ReadOnlySpan<float> MinusShift { get; init; }

        public required Span<float> Dx { get; init; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, X);
            SegmentMap.Apply<L, Map, InputGradient>(in this, first, count, Pivot.Length, Length, Dx, streamed);
        }

        // dx[i] = dy[i] * scale[c] - (x[i] - pivot[c]) * slope[c] - shift[c] [BN-B5]
        private readonly ref struct Map(
            ref readonly float x, ref readonly float dy, float pivot, float scale, float minusSlope, float minusShift) : ISegmentMap<Map, InputGradient>
        {
            private readonly ref readonly float _x = ref x;
            private readonly ref readonly float _dy = ref dy;
            private readonly float _pivot = pivot;
            private readonly float _scale = scale;
            private readonly float _minusSlope = minusSlope;
            private readonly float _minusShift = minusShift;

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public static Map Of(scoped ref readonly InputGradient kernel, int segment, int channel) => new(
                in Unsafe.Add(ref MemoryMarshal.GetReference(kernel.X), (nint)segment * kernel.Length),
                in Unsafe.Add(ref MemoryMarshal.GetReference(kernel.Dy), (nint)segment * kernel.Length),
                kernel.Pivot[channel],
                kernel.Scale[channel],
                kernel.MinusSlope[channel],
                kernel.MinusShift[channel]);

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(nint i)
                where L : struct, ILanes<L>
                => BatchNormKernel.InputGradient(
                    L.Load(in _x, i), L.Load(in _dy, i), L.Create(_pivot), L.Create(_scale), L.Create(_minusSlope), L.Create(_minusShift));
        }
    }
}
