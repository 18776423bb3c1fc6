using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of layer normalization's backward pass; its units are blocks of rows, each with column sums of its own.</summary>
/// <remarks>
/// Where there are registers enough, two rows go through the sums at a time, so that the column sums are loaded and stored half as
/// often. Where rows come from memory, those of the next group are asked for meanwhile, line after line: read side by side, rows are
/// no stream that the processor would follow by itself, and memory gives its lines fastest in their order. So are the group's own lines
/// of dx: a line that is written must come first, unless it is written past the caches.
/// Short rows are handled in groups: the sums of all rows of a group, then what follows from them, then the gradients of all, so that
/// their chains overlap.
/// </remarks>
internal readonly ref struct LayerNormBackward : IKernel
{
    private const int RowLanes = 2 * LaneTree.Folded;
    private const int GroupElements = 1024;

    public required ReadOnlySpan<float> X { get; init; }

    public required ReadOnlySpan<float> Dy { get; init; }

    public required ReadOnlySpan<float> Gamma { get; init; }

    public required SetStatistics Statistics { get; init; }

    public required int Features { get; init; }

    public required RowBlocks Blocks { get; init; }

    /// <summary>Gets dx; empty if not wanted.</summary>
    public required Span<float> Dx { get; init; }

    /// <summary>
    /// The gradient behind a ReLU that followed; empty if none did. It goes through the ReLU into <see cref="Dy"/>, row by row, where the
    /// rest finds it in the cache.
    /// </summary>
    public ReadOnlySpan<float> Upstream { get; init; }

    public Span<float> Gated { get; init; }

    /// <summary>The shift, for the ReLU's sign; empty means zeros.</summary>
    public ReadOnlySpan<float> Beta { get; init; }

    /// <summary>Gets each block's Σdy, (C), and Σdy·x̂, (C): overwritten.</summary>
    public required Span<double> Sums { get; init; }

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        if (Gamma.IsEmpty)
        {
            Blocked<L, D, No>(first, count);
        }
        else
        {
            Blocked<L, D, Yes>(first, count);
        }
    }

    [MethodImpl(Kernels.Loops)]
    [SkipLocalsInit]
    private void Blocked<L, D, TScaled>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        int C = Features;
        Span<double> lanes = stackalloc double[LayerNormRows.Most * RowLanes];
        Span<double> doubles = stackalloc double[LayerNormRows.Doubles];
        Span<float> floats = stackalloc float[LayerNormRows.Floats];
        doubles.Clear();
        LayerNormRows group = new(doubles, floats);
        int room = RowMap.RoomInPhase(count * Blocks.RowsPerBlock, C);
        Span<float> rooms = room == 0 ? default : stackalloc float[room];
        ReadOnlySpan<float> gamma = RowMap.InPhase(Gamma, in MemoryMarshal.GetReference(Dx), rooms);
        bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, X);
        bool twoRows = VectorWidth.Bits == 512; // With sixteen registers of 256 bits, the sums of two rows would live in memory.
        int groupRows = Math.Clamp(GroupElements / C, 2, LayerNormRows.Most);
        int ahead = Cache.IsExceeded(X.Length) ? groupRows * C : 0;
        bool dxToo = ahead > 0 && !streamed && !Dx.IsEmpty;
        for (int block = first; block < first + count; block++)
        {
            Sums.Slice(2 * C * block, 2 * C).Clear();
            int end = Blocks.Start(block + 1);
            for (int start = Blocks.Start(block); start < end; start += groupRows)
            {
                int rows = Math.Min(groupRows, end - start);
                if (!Upstream.IsEmpty)
                {
                    Gate<L>(start, rows);
                }

                group.Begin(Statistics, start, rows);
                for (int k = 0; k < rows;)
                {
                    k += Sum<D, TScaled>(group, start, k, twoRows ? rows - k : 1, block, ahead, dxToo, lanes[(k * RowLanes)..]);
                }

                for (int k = 0; k < rows; k++)
                {
                    Finish(group, start, k, block, lanes[(k * RowLanes)..]);
                }

                if (!Dx.IsEmpty)
                {
                    Differentiate<L, D, TScaled>(group, start, rows, gamma, streamed);
                }
            }
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(Kernels.Loops)]
    private void Gate<L>(int first, int rows)
        where L : struct, ILanes<L>
    {
        int C = Features;
        for (int n = first; n < first + rows; n++)
        {
            ReadOnlySpan<float> x = X.Slice(n * C, C);
            ReadOnlySpan<float> upstream = Upstream.Slice(n * C, C);
            Span<float> gated = Gated.Slice(n * C, C);
            if (Statistics.TryCentre(n, out Centering centering))
            {
                GateMap map = new(new LayerNormForward.Map<No, No>(in x[0], Gamma, Beta, centering), in upstream[0]);
                RowMap.Apply<L, GateMap>(map, ref gated[0], C);
                continue;
            }

            for (int c = 0; c < C; c++)
            {
                float y = LayerNormForward.InDouble(Statistics.XHat(n, x[c]), Gamma.IsEmpty ? 1 : Gamma[c], Beta.IsEmpty ? 0 : Beta[c]);
                gated[c] = y <= 0 ? 0 : upstream[c];
            }
        }
    }

    // Sums the next row, or the next two.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Sum<D, TScaled>(LayerNormRows group, int first, int k, int left, int block, int ahead, bool dxToo, Span<double> lanes)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        if (group.MinusRemainder(k) != 0)
        {
            SumRow<D, TScaled, Yes>(group, first, k, block, ahead, dxToo, lanes);
            return 1;
        }

        if (left < 2 || group.MinusRemainder(k + 1) != 0)
        {
            SumRow<D, TScaled, No>(group, first, k, block, ahead, dxToo, lanes);
            return 1;
        }

        SumTwoRows<D, TScaled>(group, first, k, block, ahead, dxToo, lanes);
        return 2;
    }

    [MethodImpl(Kernels.Loops)]
    private void SumTwoRows<D, TScaled>(LayerNormRows group, int first, int k, int block, int ahead, bool dxToo, Span<double> lanes)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        Row<D, No> a = RowAt<D, No>(group, first, k);
        Row<D, No> b = RowAt<D, No>(group, first, k + 1);
        ref readonly float dx = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), (nint)(first + k) * Features);
        Columns<D, TScaled> columns = ColumnsOf<D, TScaled>(block);
        D gLowA = D.Create(0);
        D gLowB = D.Create(0);
        D gHighA = D.Create(0);
        D gHighB = D.Create(0);
        D gXHatLowA = D.Create(0);
        D gXHatLowB = D.Create(0);
        D gXHatHighA = D.Create(0);
        D gXHatHighB = D.Create(0);
        nint whole = Features & ~15;
        for (nint i = 0; i < whole; i += 16)
        {
            if (ahead > 0)
            {
                a.Prefetch(2 * i + ahead);
                a.Prefetch(2 * i + ahead + 16);
            }

            if (dxToo)
            {
                Cache.Prefetch(in dx, 2 * i);
                Cache.Prefetch(in dx, 2 * i + 16);
            }

            columns.AddTwoRows(a, b, i, ref gLowA, ref gLowB, ref gXHatLowA, ref gXHatLowB);
            columns.AddTwoRows(a, b, i + 8, ref gHighA, ref gHighB, ref gXHatHighA, ref gXHatHighB);
        }

        Store(gLowA + gHighA, gXHatLowA + gXHatHighA, lanes);
        Store(gLowB + gHighB, gXHatLowB + gXHatHighB, lanes[RowLanes..]);
    }

    [MethodImpl(Kernels.Loops)]
    private void SumRow<D, TScaled, TRemainder>(LayerNormRows group, int first, int k, int block, int ahead, bool dxToo, Span<double> lanes)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
        where TRemainder : struct, IFlag
    {
        Row<D, TRemainder> row = RowAt<D, TRemainder>(group, first, k);
        ref readonly float dx = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), (nint)(first + k) * Features);
        Columns<D, TScaled> columns = ColumnsOf<D, TScaled>(block);
        D gLow = D.Create(0);
        D gHigh = D.Create(0);
        D gXHatLow = D.Create(0);
        D gXHatHigh = D.Create(0);
        nint whole = Features & ~15;
        for (nint i = 0; i < whole; i += 16)
        {
            if (ahead > 0)
            {
                row.Prefetch(i + ahead);
            }

            if (dxToo)
            {
                Cache.Prefetch(in dx, i);
            }

            columns.AddRow(row, i, ref gLow, ref gXHatLow);
            columns.AddRow(row, i + 8, ref gHigh, ref gXHatHigh);
        }

        Store(gLow + gHigh, gXHatLow + gXHatHigh, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Columns<D, TScaled> ColumnsOf<D, TScaled>(int block)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
        => new(ref Unsafe.Add(ref MemoryMarshal.GetReference(Sums), (nint)block * 2 * Features), in MemoryMarshal.GetReference(Gamma), Features);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<D>(D g, D gXHat, Span<double> lanes)
        where D : struct, IDoubleLanes<D>
    {
        D.Store(g, ref lanes[0], 0);
        D.Store(gXHat, ref lanes[LaneTree.Folded], 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Row<D, TRemainder> RowAt<D, TRemainder>(LayerNormRows group, int first, int k)
        where D : struct, IDoubleLanes<D>
        where TRemainder : struct, IFlag
        => new(
            in Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)(first + k) * Features),
            in Unsafe.Add(ref MemoryMarshal.GetReference(Dy), (nint)(first + k) * Features),
            D.Create(group.Mean(k)),
            D.Create(group.Rstd(k)),
            D.Create(group.MinusRemainder(k)));

    // Adds up the lanes, and takes the elements after the last whole sixteen one by one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Finish(LayerNormRows group, int first, int k, int block, Span<double> lanes)
    {
        ref double l0 = ref MemoryMarshal.GetReference(lanes);
        double g = LaneTree.Sum(ref l0);
        double gXHat = LaneTree.Sum(ref Unsafe.Add(ref l0, LaneTree.Folded));
        int C = Features;
        if ((C & 15) != 0)
        {
            (g, gXHat) = AddTail(group, first, k, block, g, gXHat);
        }

        group.SetSums(k, g, gXHat);
    }

    private (double G, double GXHat) AddTail(LayerNormRows group, int first, int k, int block, double g, double gXHat)
    {
        int C = Features;
        ReadOnlySpan<float> x = X.Slice((first + k) * C, C);
        ReadOnlySpan<float> dy = Dy.Slice((first + k) * C, C);
        Span<double> sumDy = Sums.Slice(block * 2 * C, C);
        Span<double> sumDyXHat = Sums.Slice(block * 2 * C + C, C);
        double mean = group.Mean(k);
        double rstd = group.Rstd(k);
        double minusRemainder = group.MinusRemainder(k);
        for (int i = C & ~15; i < C; i++)
        {
            double xHat = minusRemainder == 0 ? (x[i] - mean) * rstd : Math.FusedMultiplyAdd(x[i] - mean, rstd, minusRemainder);
            double product = dy[i] * xHat;
            double gamma = Gamma.IsEmpty ? 1 : Gamma[i];
            sumDy[i] += dy[i];
            sumDyXHat[i] += product;
            g = Math.FusedMultiplyAdd(gamma, dy[i], g);
            gXHat = Math.FusedMultiplyAdd(gamma, product, gXHat);
        }

        return (g, gXHat);
    }

    [MethodImpl(Kernels.Loops)]
    private void Differentiate<L, D, TScaled>(LayerNormRows group, int first, int rows, ReadOnlySpan<float> gamma, bool streamed)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        int C = Features;
        bool ordinary = group.TryMakeFactors<D>(0, C);
        for (int k = 0; k < rows; k++)
        {
            if (!ordinary && !group.TryMakeFactors<SingleDouble>(k, C))
            {
                DifferentiateInDouble(group, first, k);
                continue;
            }

            nint start = (nint)(first + k) * C;
            ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start);
            ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), start);
            ref float dx = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), start);
            Map<TScaled> map = new(in x, in dy, in MemoryMarshal.GetReference(gamma), group, k);
            RowMap.Apply<L, Map<TScaled>>(map, ref dx, C, streamed);
        }
    }

    // The line of the reference, for rows whose factors are no ordinary floats.
    private void DifferentiateInDouble(LayerNormRows group, int first, int k)
    {
        int C = Features;
        int n = first + k;
        ReadOnlySpan<float> x = X.Slice(n * C, C);
        ReadOnlySpan<float> dy = Dy.Slice(n * C, C);
        Span<float> dx = Dx.Slice(n * C, C);
        for (int c = 0; c < C; c++)
        {
            double g = (Gamma.IsEmpty ? 1.0 : Gamma[c]) * dy[c];
            dx[c] = (float)(group.Rstd(k) * (g - group.SumG(k) / C - Statistics.XHat(n, x[c]) * (group.SumGXHat(k) / C)));
        }
    }

    // dy[i] = y[i] <= 0 ? 0 : upstream[i], with the y of before the ReLU
    private readonly ref struct GateMap(LayerNormForward.Map<No, No> y, ref readonly float upstream) : IRowMap
    {
        private readonly LayerNormForward.Map<No, No> _y = y;
        private readonly ref readonly float _upstream = ref upstream;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(nint i)
            where L : struct, ILanes<L>
            => L.WherePositive(_y.At<L>(i), L.Load(in _upstream, i));
    }

    // dx[i] = rstd * (g - meanG - xHat * meanGXHat) = g * scale - (x[i] - pivot) * slope - shift, with g = gamma[i] * dy[i] [LN-B5]
    private readonly ref struct Map<TScaled>(
        ref readonly float x, ref readonly float dy, ref readonly float gamma, LayerNormRows group, int k) : IRowMap
        where TScaled : struct, IFlag
    {
        private readonly ref readonly float _x = ref x;
        private readonly ref readonly float _dy = ref dy;
        private readonly ref readonly float _gamma = ref gamma;
        private readonly float _pivot = group.Pivot(k);
        private readonly float _scale = group.Scale(k);
        private readonly float _minusSlope = group.MinusSlope(k);
        private readonly float _minusShift = group.MinusShift(k);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(nint i)
            where L : struct, ILanes<L>
        {
            L g = TScaled.Holds ? L.Load(in _dy, i) * L.Load(in _gamma, i) : L.Load(in _dy, i);
            L line = L.MultiplyAdd(L.Load(in _x, i) - L.Create(_pivot), L.Create(_minusSlope), L.Create(_minusShift));
            return L.MultiplyAdd(g, L.Create(_scale), line);
        }
    }

    /// <summary>The columns' sums of a block, to which rows are added.</summary>
    private readonly ref struct Columns<D, TScaled>(ref double sumDy, ref readonly float gamma, int features)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        private readonly ref double _sumDy = ref sumDy;
        private readonly ref double _sumDyXHat = ref Unsafe.Add(ref sumDy, features);
        private readonly ref readonly float _gamma = ref gamma;

        // dBeta[i] += dy [LN-B1]; dGamma[i] += dy * xHat [LN-B2]; g += gamma * dy [LN-B3]; gXHat += gamma * dy * xHat [LN-B4]
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddRow<TRemainder>(Row<D, TRemainder> row, nint i, ref D g, ref D gXHat)
            where TRemainder : struct, IFlag
        {
            D dy = row.Dy(i);
            D dyXHat = row.DyXHat(dy, i);
            D.Store(D.Load(in _sumDy, i) + dy, ref _sumDy, i);
            D.Store(D.Load(in _sumDyXHat, i) + dyXHat, ref _sumDyXHat, i);
            D gamma = Gamma(i);
            D.FusedMultiplyAdd(ref g, gamma, dy);
            D.FusedMultiplyAdd(ref gXHat, gamma, dyXHat);
        }

        // The same for two rows.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddTwoRows(Row<D, No> a, Row<D, No> b, nint i, ref D gA, ref D gB, ref D gXHatA, ref D gXHatB)
        {
            D dyA = a.Dy(i);
            D dyB = b.Dy(i);
            D dyXHatA = a.DyXHat(dyA, i);
            D dyXHatB = b.DyXHat(dyB, i);
            D.Store(D.Load(in _sumDy, i) + dyA + dyB, ref _sumDy, i);
            D.Store(D.Load(in _sumDyXHat, i) + dyXHatA + dyXHatB, ref _sumDyXHat, i);
            D gamma = Gamma(i);
            D.FusedMultiplyAdd(ref gA, gamma, dyA);
            D.FusedMultiplyAdd(ref gXHatA, gamma, dyXHatA);
            D.FusedMultiplyAdd(ref gB, gamma, dyB);
            D.FusedMultiplyAdd(ref gXHatB, gamma, dyXHatB);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private D Gamma(nint i) => TScaled.Holds ? D.Widen(in _gamma, i) : D.Create(1);
    }

    private readonly ref struct Row<D, TRemainder>(ref readonly float x, ref readonly float dy, D mean, D rstd, D minusRemainder)
        where D : struct, IDoubleLanes<D>
        where TRemainder : struct, IFlag
    {
        private readonly ref readonly float _x = ref x;
        private readonly ref readonly float _dy = ref dy;
        private readonly D _mean = mean;
        private readonly D _rstd = rstd;
        private readonly D _minusRemainder = minusRemainder;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public D Dy(nint i) => D.Widen(in _dy, i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public D DyXHat(D dy, nint i)
        {
            D centred = D.Widen(in _x, i) - _mean;
            if (!TRemainder.Holds)
            {
                return dy * (centred * _rstd);
            }

            D xHat = _minusRemainder;
            D.FusedMultiplyAdd(ref xHat, centred, _rstd);
            return dy * xHat;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i)
        {
            Cache.Prefetch(in _x, i);
            Cache.Prefetch(in _dy, i);
        }
    }
}
