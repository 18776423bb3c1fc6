using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of layer normalization's backward pass; its units are blocks of rows, each with column sums of its own.</summary>
/// <remarks>
/// Where there are registers enough, two rows go through the sums at a time, so that the column sums are loaded and stored half as
/// often. Where rows come from memory, those of the next group are asked for meanwhile, line after line: read side by side, rows are
/// no stream that the processor would follow by itself, and memory gives its lines fastest in their order.
/// Short rows are handled in groups: the sums of all rows of a group, then what follows from them, then the gradients of all, so that
/// their chains overlap.
/// </remarks>
internal readonly ref struct LayerNormBackward : IKernel
{
    private const int RowLanes = 2 * LaneTree.Folded;
    private const int GroupRows = 8;
    private const int GroupElements = 1024;

    public required ReadOnlySpan<float> X { get; init; }

    public required ReadOnlySpan<float> Dy { get; init; }

    public required ReadOnlySpan<float> Gamma { get; init; }

    public required ReadOnlySpan<double> Mean { get; init; }

    public required ReadOnlySpan<double> Rstd { get; init; }

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
        Span<double> lanes = stackalloc double[GroupRows * RowLanes];
        Span<Centering> centerings = stackalloc Centering[GroupRows];
        Span<RowSums> sums = stackalloc RowSums[GroupRows];
        int room = RowMap.RoomInPhase(count * Blocks.RowsPerBlock, C);
        Span<float> rooms = room == 0 ? default : stackalloc float[room];
        ReadOnlySpan<float> gamma = RowMap.InPhase(Gamma, in MemoryMarshal.GetReference(Dx), rooms);
        bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, X);
        bool twoRows = VectorWidth.Bits == 512; // With sixteen registers of 256 bits, the sums of two rows would live in memory.
        int groupRows = Math.Clamp(GroupElements / C, 2, GroupRows);
        int ahead = Cache.IsExceeded(X.Length) ? groupRows * C : 0;
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

                if (!AreOrdinary(start, centerings[..rows]))
                {
                    RowByRow<L, D, TScaled>(start, rows, block, lanes, streamed);
                    continue;
                }

                int k = 0;
                for (; twoRows && k < rows - 1; k += 2)
                {
                    SumTwoRows<D, TScaled>(start + k, block, ahead, lanes[(k * RowLanes)..]);
                }

                for (; k < rows; k++)
                {
                    SumRow<D, TScaled>(start + k, block, ahead, lanes[(k * RowLanes)..]);
                }

                for (k = 0; k < rows; k++)
                {
                    sums[k] = Finish(start + k, block, lanes[(k * RowLanes)..]);
                }

                Differentiate<L, TScaled>(start, centerings[..rows], sums, gamma, streamed);
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
            if (Centering.TryCreate(Mean[n], Rstd[n], out Centering centering))
            {
                GateMap map = new(new LayerNormForward.Map<No, No>(in x[0], Gamma, Beta, centering), in upstream[0]);
                RowMap.Apply<L, GateMap>(map, ref gated[0], C);
                continue;
            }

            for (int c = 0; c < C; c++)
            {
                float y = LayerNormForward.InDouble(x[c], Mean[n], Rstd[n], Gamma.IsEmpty ? 1 : Gamma[c], Beta.IsEmpty ? 0 : Beta[c]);
                gated[c] = y <= 0 ? 0 : upstream[c];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool AreOrdinary(int first, Span<Centering> centerings)
    {
        bool all = true;
        for (int k = 0; k < centerings.Length; k++)
        {
            all &= Centering.TryCreate(Mean[first + k], Rstd[first + k], out centerings[k]);
        }

        return all;
    }

    // A group with a row whose scale is no ordinary float.
    [MethodImpl(Kernels.Loops)]
    private void RowByRow<L, D, TScaled>(int first, int rows, int block, Span<double> lanes, bool streamed)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        for (int n = first; n < first + rows; n++)
        {
            if (Centering.TryCreate(Mean[n], Rstd[n], out Centering centering))
            {
                SumRow<D, TScaled>(n, block, ahead: 0, lanes);
                Differentiate<L, TScaled>(n, [centering], [Finish(n, block, lanes)], Gamma, streamed);
            }
            else
            {
                InDouble(n, block);
            }
        }
    }

    [MethodImpl(Kernels.Loops)]
    private void SumTwoRows<D, TScaled>(int n, int block, int ahead, Span<double> lanes)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        Row<D> a = RowAt<D>(n);
        Row<D> b = RowAt<D>(n + 1);
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

            columns.AddTwoRows(a, b, i, ref gLowA, ref gLowB, ref gXHatLowA, ref gXHatLowB);
            columns.AddTwoRows(a, b, i + 8, ref gHighA, ref gHighB, ref gXHatHighA, ref gXHatHighB);
        }

        Store(gLowA + gHighA, gXHatLowA + gXHatHighA, lanes);
        Store(gLowB + gHighB, gXHatLowB + gXHatHighB, lanes[RowLanes..]);
    }

    [MethodImpl(Kernels.Loops)]
    private void SumRow<D, TScaled>(int n, int block, int ahead, Span<double> lanes)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        Row<D> row = RowAt<D>(n);
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
    private Row<D> RowAt<D>(int n)
        where D : struct, IDoubleLanes<D>
        => new(
            in Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * Features),
            in Unsafe.Add(ref MemoryMarshal.GetReference(Dy), (nint)n * Features),
            D.Create(Mean[n]),
            D.Create(Rstd[n]));

    // Adds up the lanes, and takes the elements after the last whole sixteen one by one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RowSums Finish(int n, int block, Span<double> lanes)
    {
        ref double l0 = ref MemoryMarshal.GetReference(lanes);
        double g = LaneTree.Sum(ref l0);
        double gXHat = LaneTree.Sum(ref Unsafe.Add(ref l0, LaneTree.Folded));
        int C = Features;
        if ((C & 15) != 0)
        {
            (g, gXHat) = AddTail(n, block, g, gXHat);
        }

        return new RowSums((float)(g / C), (float)(gXHat / C));
    }

    private (double G, double GXHat) AddTail(int n, int block, double g, double gXHat)
    {
        int C = Features;
        ReadOnlySpan<float> x = X.Slice(n * C, C);
        ReadOnlySpan<float> dy = Dy.Slice(n * C, C);
        Span<double> sumDy = Sums.Slice(block * 2 * C, C);
        Span<double> sumDyXHat = Sums.Slice(block * 2 * C + C, C);
        for (int i = C & ~15; i < C; i++)
        {
            double product = dy[i] * Rstd[n] * (x[i] - Mean[n]);
            double gamma = Gamma.IsEmpty ? 1 : Gamma[i];
            sumDy[i] += dy[i];
            sumDyXHat[i] += product;
            g = Math.FusedMultiplyAdd(gamma, dy[i], g);
            gXHat = Math.FusedMultiplyAdd(gamma, product, gXHat);
        }

        return (g, gXHat);
    }

    [MethodImpl(Kernels.Loops)]
    private void Differentiate<L, TScaled>(
        int first, ReadOnlySpan<Centering> centerings, ReadOnlySpan<RowSums> sums, ReadOnlySpan<float> gamma, bool streamed)
        where L : struct, ILanes<L>
        where TScaled : struct, IFlag
    {
        int C = Features;
        for (int k = 0; k < centerings.Length && !Dx.IsEmpty; k++)
        {
            nint start = (nint)(first + k) * C;
            ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), start);
            ref readonly float dy = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dy), start);
            ref float dx = ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), start);
            Map<TScaled> map = new(in x, in dy, in MemoryMarshal.GetReference(gamma), centerings[k], sums[k]);
            RowMap.Apply<L, Map<TScaled>>(map, ref dx, C, streamed);
        }
    }

    // The lines of the reference, for rows whose scale is no ordinary float.
    private void InDouble(int n, int block)
    {
        int C = Features;
        ReadOnlySpan<float> x = X.Slice(n * C, C);
        ReadOnlySpan<float> dy = Dy.Slice(n * C, C);
        Span<double> sumDy = Sums.Slice(block * 2 * C, C);
        Span<double> sumDyXHat = Sums.Slice(block * 2 * C + C, C);
        double sumG = 0;
        double sumGXHat = 0;
        for (int c = 0; c < C; c++)
        {
            double xHat = (x[c] - Mean[n]) * Rstd[n];
            double g = (Gamma.IsEmpty ? 1.0 : Gamma[c]) * dy[c];
            sumDy[c] += dy[c];
            sumDyXHat[c] += dy[c] * xHat;
            sumG += g;
            sumGXHat += g * xHat;
        }

        Span<float> dx = Dx.IsEmpty ? default : Dx.Slice(n * C, C);
        for (int c = 0; c < dx.Length; c++)
        {
            double xHat = (x[c] - Mean[n]) * Rstd[n];
            double g = (Gamma.IsEmpty ? 1.0 : Gamma[c]) * dy[c];
            dx[c] = (float)(Rstd[n] * (g - sumG / C - xHat * (sumGXHat / C)));
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

    // dx[i] = rstd * (gamma[i] * dy[i] - meanG - xHat * meanGXHat) [LN-B5]
    private readonly ref struct Map<TScaled>(
        ref readonly float x, ref readonly float dy, ref readonly float gamma, Centering centering, RowSums sums) : IRowMap
        where TScaled : struct, IFlag
    {
        private readonly ref readonly float _x = ref x;
        private readonly ref readonly float _dy = ref dy;
        private readonly ref readonly float _gamma = ref gamma;
        private readonly Centering _centering = centering;
        private readonly float _meanG = sums.MeanG;
        private readonly float _minusMeanGXHat = -sums.MeanGXHat;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(nint i)
            where L : struct, ILanes<L>
        {
            // gamma * dy is rounded before meanG is taken off, as meanG was: in a row of one element they are the same.
            L g = TScaled.Holds ? L.Load(in _dy, i) * L.Load(in _gamma, i) : L.Load(in _dy, i);
            L centred = g - L.Create(_meanG);
            return L.MultiplyAdd(_centering.XHat(L.Load(in _x, i)), L.Create(_minusMeanGXHat), centred) * L.Create(_centering.Rstd);
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
        public void AddRow(Row<D> row, nint i, ref D g, ref D gXHat)
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
        public void AddTwoRows(Row<D> a, Row<D> b, nint i, ref D gA, ref D gB, ref D gXHatA, ref D gXHatB)
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

    private readonly ref struct Row<D>(ref readonly float x, ref readonly float dy, D mean, D rstd)
        where D : struct, IDoubleLanes<D>
    {
        private readonly ref readonly float _x = ref x;
        private readonly ref readonly float _dy = ref dy;
        private readonly D _mean = mean;
        private readonly D _rstd = rstd;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public D Dy(nint i) => D.Widen(in _dy, i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public D DyXHat(D dy, nint i) => dy * _rstd * (D.Widen(in _x, i) - _mean);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i)
        {
            Cache.Prefetch(in _x, i);
            Cache.Prefetch(in _dy, i);
        }
    }

    /// <summary>The means of γ·dy and γ·dy·x̂ over a row.</summary>
    private readonly record struct RowSums(float MeanG, float MeanGXHat);
}
