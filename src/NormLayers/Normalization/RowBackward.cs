using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The backward pass over contiguous sets: lanes run along a row. Units are blocks of rows, each with column sums of its own.</summary>
/// <remarks>
/// <para>Short rows are handled in groups: the sums of all rows of a group, then the factors, then dx, so that their chains
/// overlap. With enough registers two rows are summed at a time, so that the column sums are loaded and stored half as often.</para>
/// <para>Beyond the cache the next group is prefetched in address order, because the hardware prefetcher does not follow interleaved
/// rows; so are the group's lines of dx, except where non-temporal stores write them.</para>
/// </remarks>
/// <typeparam name="S">The statistic.</typeparam>
internal readonly ref struct RowBackward<S> : IKernel
    where S : struct, IStatistic
{
    private const int GroupElements = 1024;

    public required RowTensors Tensors { get; init; }

    /// <summary>The gradient that is summed: with a ReLU, the one before it, which <see cref="Mask"/> writes here.</summary>
    public required ReadOnlySpan<float> Dy { get; init; }

    public required SetStatistics Statistics { get; init; }

    public required Epsilon Epsilon { get; init; }

    public required RowBlocks Blocks { get; init; }

    /// <summary>Overwritten with dx; empty if not wanted.</summary>
    public required Span<float> Dx { get; init; }

    /// <summary>Overwritten with each block's Σdy, (P, C), where the statistic has a mean, and Σdy·x̂, (P, C).</summary>
    public required Span<double> Sums { get; init; }

    /// <summary>Overwritten with each row's Σdy·x̂, (N); empty if not wanted.</summary>
    public Span<double> RowSums { get; init; }

    /// <summary>Masks the gradient by a ReLU, just before it is summed; empty without one.</summary>
    public ReLUMask Mask { get; init; }

    /// <summary>How many sums a column has.</summary>
    public static int SumsPerColumn => S.HasMean ? 2 : 1;

    private int Features => Tensors.Features;

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        if (Tensors.Gamma.IsEmpty)
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
        Span<double> doubles = stackalloc double[RowBlock.Doubles];
        Span<float> floats = stackalloc float[RowBlock.Floats];
        RowBlock group = new(doubles, floats);
        group.Clear();
        int bufferLength = Tensors.ShareParameters ? RowMap.AlignedCopyLength(count * Blocks.RowsPerBlock, C) : 0;
        Span<float> buffer = bufferLength == 0 ? default : stackalloc float[bufferLength];
        ReadOnlySpan<float> gamma = RowMap.AlignedCopy(Tensors.Gamma, in MemoryMarshal.GetReference(Dx), buffer);
        bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, Tensors.X);
        bool cycle = Tensors.Period > 1;
        bool twoRows = VectorWidth.Bits == 512 && !cycle; // With sixteen registers of 256 bits, the sums of two rows would spill.
        int groupRows = Math.Clamp(GroupElements / C, 2, RowBlock.Rows);
        int ahead = Cache.IsExceeded(Tensors.X.Length) ? groupRows * C : 0;
        bool fetchDx = ahead > 0 && !streamed && !Dx.IsEmpty;
        for (int block = first; block < first + count; block++)
        {
            Columns columns = new(in this, block, Blocks.Start(block));
            columns.Clear();
            int end = Blocks.Start(block + 1);
            for (int start = Blocks.Start(block); start < end; start += groupRows)
            {
                int rows = Math.Min(groupRows, end - start);
                if (!Mask.IsEmpty)
                {
                    Mask.Apply<L>(start * C, rows * C);
                }

                Begin(group, start, rows);
                for (int k = 0; k < rows;)
                {
                    bool two = twoRows && k + 1 < rows && group.Low(k) == 0 && group.Low(k + 1) == 0;
                    if (cycle)
                    {
                        columns = new(in this, block, start + k);
                    }

                    Prefetching fetch = new(ahead, fetchDx ? start + k : -1);
                    if (two)
                    {
                        SumTwoRows<D, TScaled>(columns, group, start, k, fetch);
                    }
                    else if (S.HasMean && group.Low(k) != 0)
                    {
                        SumRow<D, TScaled, Yes>(columns, group, start, k, fetch);
                    }
                    else
                    {
                        SumRow<D, TScaled, No>(columns, group, start, k, fetch);
                    }

                    k += two ? 2 : 1;
                }

                for (int k = 0; k < rows; k++)
                {
                    group.AddLanes(k);
                    if ((C & 15) != 0)
                    {
                        AddTail<TScaled>(cycle ? new(in this, block, start + k) : columns, group, start, k);
                    }

                    if (!RowSums.IsEmpty)
                    {
                        RowSums[start + k] = group.Product(k); // [B2]
                    }

                    if (!Epsilon.UnderRoot)
                    {
                        group.Product(k) *= Epsilon.GradientFactor(group.Rstd(k));
                    }
                }

                if (!Dx.IsEmpty)
                {
                    Differentiate<L, D, TScaled>(group, start, rows, gamma, streamed);
                }
            }
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref float RowOf(ReadOnlySpan<float> tensor, int n, int features) => ref Unsafe.Add(ref MemoryMarshal.GetReference(tensor), (nint)n * features);

    // The statistics of a group of rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Begin(RowBlock group, int first, int rows)
    {
        group.LoadGamma(Tensors.RowGamma, first, rows);
        for (int k = 0; k < rows; k++)
        {
            double rstd = Statistics.Rstd[first + k];
            group.Rstd(k) = rstd;
            if (S.HasMean)
            {
                double low = Statistics.Low.IsEmpty ? 0 : Statistics.Low[first + k] * rstd;
                group.Mean(k) = Statistics.Mean[first + k];
                group.Low(k) = Math.Abs(low) < 1e-13 ? 0 : -low;
            }
        }
    }

    [MethodImpl(Kernels.Loops)]
    private void SumTwoRows<D, TScaled>(Columns columns, RowBlock group, int start, int k, Prefetching fetch)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        Row<D, No> a = new(this, group, start, k);
        Row<D, No> b = new(this, group, start, k + 1);
        ref readonly float dx = ref RowOf(Dx, fetch.DxRow, Features);
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
            if (fetch.Ahead > 0)
            {
                a.Prefetch(2 * i + fetch.Ahead);
                a.Prefetch(2 * i + fetch.Ahead + 16);
            }

            if (fetch.DxRow >= 0)
            {
                Cache.Prefetch(in dx, 2 * i);
                Cache.Prefetch(in dx, 2 * i + 16);
            }

            columns.AddTwoRows<D, TScaled>(a, b, i, ref gLowA, ref gLowB, ref gXHatLowA, ref gXHatLowB);
            columns.AddTwoRows<D, TScaled>(a, b, i + 8, ref gHighA, ref gHighB, ref gXHatHighA, ref gXHatHighB);
        }

        group.StoreLanes(k, gLowA + gHighA, gXHatLowA + gXHatHighA);
        group.StoreLanes(k + 1, gLowB + gHighB, gXHatLowB + gXHatHighB);
    }

    [MethodImpl(Kernels.Loops)]
    private void SumRow<D, TScaled, TLow>(Columns columns, RowBlock group, int start, int k, Prefetching fetch)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
        where TLow : struct, IFlag
    {
        Row<D, TLow> row = new(this, group, start, k);
        ref readonly float dx = ref RowOf(Dx, fetch.DxRow, Features);
        D gLow = D.Create(0);
        D gHigh = D.Create(0);
        D gXHatLow = D.Create(0);
        D gXHatHigh = D.Create(0);
        nint whole = Features & ~15;
        for (nint i = 0; i < whole; i += 16)
        {
            if (fetch.Ahead > 0)
            {
                row.Prefetch(i + fetch.Ahead);
            }

            if (fetch.DxRow >= 0)
            {
                Cache.Prefetch(in dx, i);
            }

            columns.AddRow<D, TScaled, TLow>(row, i, ref gLow, ref gXHatLow);
            columns.AddRow<D, TScaled, TLow>(row, i + 8, ref gHigh, ref gXHatHigh);
        }

        group.StoreLanes(k, gLow + gHigh, gXHatLow + gXHatHigh);
    }

    private void AddTail<TScaled>(Columns columns, RowBlock group, int start, int k)
        where TScaled : struct, IFlag
    {
        if (S.HasMean && group.Low(k) != 0)
        {
            AddTail<TScaled, Yes>(columns, group, start, k);
        }
        else
        {
            AddTail<TScaled, No>(columns, group, start, k);
        }
    }

    // The elements after the last whole sixteen, one by one.
    [MethodImpl(Kernels.Loops)]
    private void AddTail<TScaled, TLow>(Columns columns, RowBlock group, int start, int k)
        where TScaled : struct, IFlag
        where TLow : struct, IFlag
    {
        Row<SingleDouble, TLow> row = new(this, group, start, k);
        SingleDouble g = new(group.Sum(k));
        SingleDouble gXHat = new(group.Product(k));
        for (int i = Features & ~15; i < Features; i++)
        {
            columns.AddRow<SingleDouble, TScaled, TLow>(row, i, ref g, ref gXHat);
        }

        group.Sum(k) = g.Value;
        group.Product(k) = gXHat.Value;
    }

    [MethodImpl(Kernels.Loops)]
    private void Differentiate<L, D, TScaled>(RowBlock group, int start, int rows, ReadOnlySpan<float> gamma, bool streamed)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        int C = Features;
        LineFactors line = group.Line;
        bool shared = Tensors.ShareParameters;
        bool ordinary = TryMakeFactors<D>(group, 0);
        for (int k = 0; k < rows; k++)
        {
            if (!ordinary && !TryMakeFactors<SingleDouble>(group, k))
            {
                DifferentiateInDouble(group, start, k);
                continue;
            }

            nint at = (nint)(start + k) * C;
            RowMapBackward<S, TScaled> map = new(
                in Unsafe.Add(ref MemoryMarshal.GetReference(Tensors.X), at),
                in Unsafe.Add(ref MemoryMarshal.GetReference(Dy), at),
                shared ? gamma : Tensors.Of(gamma, start + k),
                line,
                k);
            RowMap.Apply<L, RowMapBackward<S, TScaled>>(map, ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), at), C, streamed);
        }
    }

    // The factors of row k and, unless the lanes are single, the seven after it; false if floats do not hold all of them.
    [MethodImpl(Kernels.Loops)]
    private bool TryMakeFactors<D>(RowBlock group, int k)
        where D : struct, IDoubleLanes<D>
    {
        SetOf<D> set = group.Of<D>(k);
        D meanG = D.Load(in group.Sum(k), 0) * D.Create(1.0 / Features); // [B3]
        D meanGXHat = D.Load(in group.Product(k), 0) * D.Create(S.Share(Features)); // [B4]

        // A row of one element has no gradient through a mean and a variance: what rounding would leave of it is cut off.
        D scale = set.Rstd * D.Load(in group.Gamma(k), 0) * D.Create(Features > 1 || !S.HasMean ? 1 : 0);
        bool fit = SetFactors.Backward(set, scale, meanG, meanGXHat, group.Line, k);

        // Means of g that fit say that γ·dy fits too, which is rounded to float by itself.
        return fit && FloatRange.FitAsFactors(meanG) && FloatRange.FitAsFactors(meanGXHat);
    }

    // The lines of the reference, for a row whose factors no float holds.
    private void DifferentiateInDouble(RowBlock group, int start, int k)
    {
        (double mean, double rstd, double scale) = (group.Mean(k), group.Rstd(k), group.Rstd(k) * group.Gamma(k));
        (double meanG, double meanGXHat) = (group.Sum(k) / Features, group.Product(k) * S.Share(Features));
        int parameters = Tensors.ParametersOf(start + k);
        for (int i = (start + k) * Features, c = 0; c < Features; i++, c++)
        {
            SingleDouble xHat = SetFactors.XHat<SingleDouble>(new(Tensors.X[i]), new(mean), new(rstd));
            double g = (Tensors.Gamma.IsEmpty ? 1.0 : Tensors.Gamma[parameters + c]) * Dy[i];
            Dx[i] = (float)SetFactors.Gradient<SingleDouble>(xHat, new(g), new(scale), new(meanG), new(meanGXHat)).Value;
        }
    }

    /// <summary>How far ahead rows are prefetched, and the row of dx that is; 0 and −1 for neither.</summary>
    private readonly record struct Prefetching(int Ahead, int DxRow);

    /// <summary>The columns' sums of a block, to which rows with the same γ and β are added.</summary>
    private readonly ref struct Columns
    {
        private readonly Span<double> _sums;
        private readonly ref double _sumDy;
        private readonly ref double _sumDyXHat;
        private readonly ref readonly float _gamma;

        public Columns(scoped ref readonly RowBackward<S> pass, int block, int row)
        {
            int each = pass.Tensors.Period * pass.Features;
            int parameters = pass.Tensors.ParametersOf(row);
            _sums = pass.Sums.Slice(SumsPerColumn * each * block, SumsPerColumn * each);
            _sumDy = ref Unsafe.Add(ref MemoryMarshal.GetReference(_sums), pass.Tensors.RowsPerParameters > 0 ? 0 : parameters);
            _sumDyXHat = ref Unsafe.Add(ref _sumDy, (SumsPerColumn - 1) * each);
            _gamma = ref Unsafe.Add(ref MemoryMarshal.GetReference(pass.Tensors.Gamma), parameters);
        }

        public void Clear() => _sums.Clear();

        // dBeta[i] += dy [B1]; dGamma[i] += dy * xHat [B2]; g += gamma[i] * dy [B3]; gXHat += gamma[i] * dy * xHat [B4]
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddRow<D, TScaled, TLow>(Row<D, TLow> row, nint i, ref D g, ref D gXHat)
            where D : struct, IDoubleLanes<D>
            where TScaled : struct, IFlag
            where TLow : struct, IFlag
        {
            D dy = row.Dy(i);
            D dyXHat = row.DyXHat(dy, i);
            D gamma = Gamma<D, TScaled>(i);
            if (S.HasMean)
            {
                D.Store(D.Load(in _sumDy, i) + dy, ref _sumDy, i);
                D.FusedMultiplyAdd(ref g, gamma, dy);
            }

            D.Store(D.Load(in _sumDyXHat, i) + dyXHat, ref _sumDyXHat, i);
            D.FusedMultiplyAdd(ref gXHat, gamma, dyXHat);
        }

        // The same for two rows.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddTwoRows<D, TScaled>(Row<D, No> a, Row<D, No> b, nint i, ref D gA, ref D gB, ref D gXHatA, ref D gXHatB)
            where D : struct, IDoubleLanes<D>
            where TScaled : struct, IFlag
        {
            D dyA = a.Dy(i);
            D dyB = b.Dy(i);
            D dyXHatA = a.DyXHat(dyA, i);
            D dyXHatB = b.DyXHat(dyB, i);
            D gamma = Gamma<D, TScaled>(i);
            if (S.HasMean)
            {
                D.Store(D.Load(in _sumDy, i) + dyA + dyB, ref _sumDy, i);
                D.FusedMultiplyAdd(ref gA, gamma, dyA);
                D.FusedMultiplyAdd(ref gB, gamma, dyB);
            }

            D.Store(D.Load(in _sumDyXHat, i) + dyXHatA + dyXHatB, ref _sumDyXHat, i);
            D.FusedMultiplyAdd(ref gXHatA, gamma, dyXHatA);
            D.FusedMultiplyAdd(ref gXHatB, gamma, dyXHatB);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private D Gamma<D, TScaled>(nint i)
            where D : struct, IDoubleLanes<D>
            where TScaled : struct, IFlag
            => TScaled.Holds ? D.Widen(in _gamma, i) : D.Create(1);
    }

    /// <summary>A row that is summed.</summary>
    private readonly ref struct Row<D, TLow>
        where D : struct, IDoubleLanes<D>
        where TLow : struct, IFlag
    {
        private readonly ref readonly float _x;
        private readonly ref readonly float _dy;
        private readonly D _mean;
        private readonly D _rstd;
        private readonly D _minusLow;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Row(RowBackward<S> pass, RowBlock group, int start, int k)
        {
            _x = ref RowOf(pass.Tensors.X, start + k, pass.Features);
            _dy = ref RowOf(pass.Dy, start + k, pass.Features);
            _mean = D.Create(group.Mean(k));
            _rstd = D.Create(group.Rstd(k));
            _minusLow = D.Create(group.Low(k));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public D Dy(nint i) => D.Widen(in _dy, i);

        // dy * xHat
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public D DyXHat(D dy, nint i)
        {
            D x = D.Widen(in _x, i);
            D centred = S.HasMean ? x - _mean : x;
            if (!TLow.Holds)
            {
                return dy * (centred * _rstd);
            }

            D xHat = _minusLow;
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
