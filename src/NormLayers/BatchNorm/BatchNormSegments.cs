using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of batch normalization over (N, C, L): lanes are the L contiguous elements of one sample's channel. Units are channels.</summary>
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        [SkipLocalsInit]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D, L>
        {
            Span<double> lanes = stackalloc double[RowMoments.Lanes];
            int C = Pivot.Length;
            Sums.Slice(first, count).Clear();
            Squares.Slice(first, count).Clear();
            for (int start = 0; start < X.Length; start += C * Length)
            {
                for (int c = first; c < first + count; c++)
                {
                    ref readonly float segment = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start + c * Length);
                    RowMoments.LaneSums<L, D>(in segment, Length, Pivot[c], ref MemoryMarshal.GetReference(lanes));
                    RowMoments.Finish(in segment, Length, Pivot[c], ref MemoryMarshal.GetReference(lanes), out double sum, out double squares);
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D, L>
        {
            bool streamed = RowMap.IsStreamed(Y, X);
            for (int start = 0; start < X.Length; start += Pivot.Length * Length)
            {
                for (int c = first; c < first + count; c++)
                {
                    ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start + c * Length);
                    ref float y = ref Unsafe.Add(ref MemoryMarshal.GetReference(Y), start + c * Length);
                    if (streamed)
                    {
                        RowMap.ApplyStreamed<L, Map>(new Map(in x, this, c), ref y, Length);
                    }
                    else
                    {
                        RowMap.Apply<L, Map>(new Map(in x, this, c), ref y, Length);
                    }
                }
            }

            RowMap.Fence(streamed);
        }

        // y[i] = (x[i] - pivot[c]) * scale[c] + shift[c]
        private readonly ref struct Map(ref readonly float x, ScaleAndShift factors, int c) : IRowMap
        {
            private readonly ref readonly float _x = ref x;
            private readonly float _pivot = factors.Pivot[c];
            private readonly float _scale = factors.Scale[c];
            private readonly float _shift = factors.Shift[c];

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(int i)
                where L : struct, ILanes<L>
                => BatchNormKernel.ScaleAndShift(L.Load(in _x, i), L.Create(_pivot), L.Create(_scale), L.Create(_shift));
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        [SkipLocalsInit]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D, L>
        {
            Span<double> lanes = stackalloc double[2 * LaneTree.Folded];
            ref double l0 = ref MemoryMarshal.GetReference(lanes);
            int whole = Length & ~15;
            SumDy.Slice(first, count).Clear();
            SumDyX.Slice(first, count).Clear();
            for (int start = 0; start < X.Length; start += Mean.Length * Length)
            {
                for (int c = first; c < first + count; c++)
                {
                    ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start + c * Length);
                    ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), start + c * Length);
                    D m = D.Create(Mean[c]);
                    D sum = D.Create(0);
                    D sumX = D.Create(0);
                    for (int i = 0; i < whole; i += 16)
                    {
                        // sumDy[c] += dy[i]; sumDyX[c] += dy[i] * (x[i] - mean[c])
                        D upstream = D.Widen(in dy, i);
                        sum += upstream;
                        D.FusedMultiplyAdd(ref sumX, upstream, D.Widen(in x, i) - m);
                    }

                    D.StoreFolded(sum, ref l0);
                    D.StoreFolded(sumX, ref Unsafe.Add(ref l0, LaneTree.Folded));
                    double segmentDy = LaneTree.Sum(ref l0);
                    double segmentDyX = LaneTree.Sum(ref Unsafe.Add(ref l0, LaneTree.Folded));
                    for (int i = whole; i < Length; i++)
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
    }

    /// <summary>dx = (dy − shift − (x − pivot)·slope)·scale: overwrites <see cref="Dx"/>, which may be dy.</summary>
    public readonly ref struct InputGradient : IKernel
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required int Length { get; init; }

        public required ReadOnlySpan<float> Pivot { get; init; }

        public required ReadOnlySpan<float> Scale { get; init; }

        public required ReadOnlySpan<float> MinusSlope { get; init; }

        public required ReadOnlySpan<float> Shift { get; init; }

        public required Span<float> Dx { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D, L>
        {
            bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, X);
            for (int start = 0; start < X.Length; start += Pivot.Length * Length)
            {
                for (int c = first; c < first + count; c++)
                {
                    ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start + c * Length);
                    ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), start + c * Length);
                    ref float dx = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), start + c * Length);
                    if (streamed)
                    {
                        RowMap.ApplyStreamed<L, Map>(new Map(in x, in dy, this, c), ref dx, Length);
                    }
                    else
                    {
                        RowMap.Apply<L, Map>(new Map(in x, in dy, this, c), ref dx, Length);
                    }
                }
            }

            RowMap.Fence(streamed);
        }

        // dx[i] = (dy[i] - shift[c] - (x[i] - pivot[c]) * slope[c]) * scale[c]
        private readonly ref struct Map(ref readonly float x, ref readonly float dy, InputGradient factors, int c) : IRowMap
        {
            private readonly ref readonly float _x = ref x;
            private readonly ref readonly float _dy = ref dy;
            private readonly float _pivot = factors.Pivot[c];
            private readonly float _scale = factors.Scale[c];
            private readonly float _minusSlope = factors.MinusSlope[c];
            private readonly float _shift = factors.Shift[c];

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public L At<L>(int i)
                where L : struct, ILanes<L>
                => BatchNormKernel.InputGradient(
                    L.Load(in _x, i), L.Load(in _dy, i), L.Create(_pivot), L.Create(_scale), L.Create(_minusSlope), L.Create(_shift));
        }
    }
}
