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
internal ref struct RowBackward<S> : IKernel
    where S : struct, IStatistic
{
    private const int GroupElements = 1024;

    /// <summary>x and γ.</summary>
    public RowTensors Tensors;

    /// <summary>ε; only its place matters.</summary>
    public Epsilon Epsilon;

    /// <summary>Each row's, from the forward pass.</summary>
    public SetStatistics Statistics;

    /// <summary>The blocks of rows.</summary>
    public RowBlocks Blocks;

    /// <summary>Overwritten: each block's Σdy, (P, C), where the statistic has a mean, and Σdy·x̂, (P, C); then <see cref="RowSums"/>.</summary>
    public Span<double> Sums;

    /// <summary>The gradient with respect to y; with a ReLU the one before it, which the mask writes just before it is summed.</summary>
    public ReadOnlySpan<float> Dy;

    /// <summary>What writes it; empty without a ReLU.</summary>
    public ReLUMask Mask;

    /// <summary>Overwritten with the gradient with respect to x; may be dy; empty if not wanted.</summary>
    public Span<float> Dx;

    /// <summary>Each row's Σdy·x̂, (N), where the elements of a row share a scale; else empty.</summary>
    public readonly Span<double> RowSums => Tensors.RowGamma.IsEmpty ? default : Sums.Slice(2 * Features * Blocks.Count, Tensors.Rows);

    /// <summary>How many sums a column has.</summary>
    public static int SumsPerColumn => S.HasMean ? 2 : 1;

    private readonly int Features => Tensors.Features;

    // The sums of a block.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int CountSums() => SumsPerColumn * Tensors.Period * Features;

    [MethodImpl(Kernels.FullyOptimized)]
    public readonly void Run<L, D>(int first, int count)
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

    [MethodImpl(Kernels.FullyOptimized)]
    [SkipLocalsInit]
    private readonly void Blocked<L, D, TScaled>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        int C = Features;
        RowBlock group = new(stackalloc double[RowBlock.Doubles]);
        group.Clear<D>();
        int bufferLength = Tensors.ShareParameters ? RowMap.AlignedCopyLength(count * Blocks.RowsPerBlock, C) : 0;
        Span<float> buffer = bufferLength == 0 ? default : stackalloc float[bufferLength];
        ReadOnlySpan<float> gamma = RowMap.AlignedCopy(Tensors.Gamma, in MemoryMarshal.GetReference(Dx), buffer);
        bool streamed = RowMap.IsStreamed(Dx, Dy) && RowMap.IsStreamed(Dx, Tensors.X);
        bool twoRows = VectorWidth.Bits == 512 && Tensors.Period == 1; // With sixteen registers of 256 bits, the sums of two rows would spill.
        int groupRows = Math.Clamp(GroupElements / C, 2, RowBlock.Rows);
        int ahead = Cache.IsExceeded(Tensors.X.Length) ? groupRows * C : 0;
        Prefetching fetch = new(ahead, ahead > 0 && !streamed && !Dx.IsEmpty);
        for (int block = first; block < first + count; block++)
        {
            Sums.Slice(CountSums() * block, CountSums()).Clear();
            int end = Blocks.Start(block + 1);
            for (int start = Blocks.Start(block); start < end; start += groupRows)
            {
                int rows = Math.Min(groupRows, end - start);
                if (!Mask.IsEmpty)
                {
                    Mask.Apply<L>(start * C, rows * C, ahead);
                }

                Begin(group, start, rows);
                int paired = twoRows ? rows & ~1 : 0;
                Sum<D, TScaled, Yes>(group, block, start, 0, paired, fetch);
                Sum<D, TScaled, No>(group, block, start, paired, rows, fetch);
                Finish<TScaled>(group, block, start, rows);
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
    private readonly void Begin(scoped RowBlock group, int first, int rows)
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

    // The sums over the rows k to end − 1 of a group, with TTwo over two at a time, which then share the loads and stores of the columns' sums.
    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void Sum<D, TScaled, TTwo>(scoped RowBlock group, int block, int start, int k, int end, Prefetching fetch)
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
        where TTwo : struct, IFlag
    {
        nint whole = Features & ~15;
        for (; k < end; k += TTwo.Holds ? 2 : 1)
        {
            Columns columns = new(in this, block, start + k);
            Row<D> a = new(in this, group, start, k);
            Row<D> b = TTwo.Holds ? new(in this, group, start, k + 1) : a;
            (D G, D GXHat) lowA = (D.Create(0), D.Create(0));
            (D G, D GXHat) lowB = lowA;
            (D G, D GXHat) highA = lowA;
            (D G, D GXHat) highB = lowA;
            for (nint i = 0; i < whole; i += 16)
            {
                if (fetch.Ahead > 0)
                {
                    a.Prefetch(TTwo.Holds ? 2 * i : i, fetch);
                    if (TTwo.Holds)
                    {
                        a.Prefetch(2 * i + 16, fetch);
                    }
                }

                columns.AddRows<D, TScaled, TTwo>(in a, in b, i, ref lowA, ref lowB);
                columns.AddRows<D, TScaled, TTwo>(in a, in b, i + 8, ref highA, ref highB);
            }

            group.SetSums(k, lowA.G + highA.G, lowA.GXHat + highA.GXHat);
            if (TTwo.Holds)
            {
                group.SetSums(k + 1, lowB.G + highB.G, lowB.GXHat + highB.GXHat);
            }
        }
    }

    // Adds the elements of each row after the last whole sixteen, one by one.
    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void Finish<TScaled>(scoped RowBlock group, int block, int start, int rows)
        where TScaled : struct, IFlag
    {
        for (int k = 0; k < rows; k++)
        {
            if ((Features & 15) != 0)
            {
                Columns columns = new(in this, block, start + k);
                Row<SingleDouble> row = new(in this, group, start, k);
                (SingleDouble G, SingleDouble GXHat) sums = (new(group.Sum(k)), new(group.Product(k)));
                for (int i = Features & ~15; i < Features; i++)
                {
                    columns.AddRows<SingleDouble, TScaled, No>(in row, in row, i, ref sums, ref sums); // One row: the second is not used.
                }

                group.Sum(k) = sums.G.Value;
                group.Product(k) = sums.GXHat.Value;
            }

            if (!Tensors.RowGamma.IsEmpty)
            {
                RowSums[start + k] = group.Product(k); // [B2]
            }

            if (!Epsilon.UnderRoot)
            {
                group.Product(k) *= Epsilon.GradientFactor(group.Rstd(k));
            }
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void Differentiate<L, D, TScaled>(scoped RowBlock group, int start, int rows, ReadOnlySpan<float> gamma, bool streamed)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TScaled : struct, IFlag
    {
        int C = Features;
        LineFactors line = group.Line;
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
                in Unsafe.Add(ref MemoryMarshal.GetReference(gamma), Tensors.ParametersOf(start + k)),
                line,
                k);
            RowMap.Apply<L, RowMapBackward<S, TScaled>>(map, ref Unsafe.Add(ref MemoryMarshal.GetReference(Dx), at), C, streamed);
        }
    }

    // The factors of row k and, unless the lanes are single, the seven after it; false if floats do not hold all of them.
    [MethodImpl(Kernels.FullyOptimized)]
    private readonly bool TryMakeFactors<D>(scoped RowBlock group, int k)
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

    // The lines of the reference, for a row whose factors no float holds. [B5]
    private readonly void DifferentiateInDouble(scoped RowBlock group, int start, int k)
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

    /// <summary>How far ahead rows are prefetched, 0 for not at all, and whether the rows of dx are too.</summary>
    private readonly record struct Prefetching(int Ahead, bool Dx);

    /// <summary>The columns' sums of a block, to which rows with the same γ and β are added.</summary>
    private readonly ref struct Columns
    {
        private readonly ref double _sumDy;
        private readonly ref double _sumDyXHat;
        private readonly ref readonly float _gamma;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Columns(scoped ref readonly RowBackward<S> pass, int block, int row)
        {
            int parameters = pass.Tensors.ParametersOf(row);
            nint first = (nint)block * pass.CountSums() + (pass.Tensors.RowsPerParameters > 0 ? 0 : parameters);
            _sumDy = ref Unsafe.Add(ref MemoryMarshal.GetReference(pass.Sums), first);
            _sumDyXHat = ref Unsafe.Add(ref _sumDy, S.HasMean ? pass.CountSums() / 2 : 0);
            _gamma = ref Unsafe.Add(ref MemoryMarshal.GetReference(pass.Tensors.Gamma), parameters);
        }

        // dBeta[i] += dy [B1]; dGamma[i] += dy * xHat [B2]; g += gamma[i] * dy [B3]; gXHat += gamma[i] * dy * xHat [B4]
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddRows<D, TScaled, TTwo>(in Row<D> a, in Row<D> b, nint i, ref (D G, D GXHat) sumsA, ref (D G, D GXHat) sumsB)
            where D : struct, IDoubleLanes<D>
            where TScaled : struct, IFlag
            where TTwo : struct, IFlag
        {
            D dyA = a.Dy(i);
            D dyB = TTwo.Holds ? b.Dy(i) : default;
            D dyXHatA = a.DyXHat(dyA, i);
            D dyXHatB = TTwo.Holds ? b.DyXHat(dyB, i) : default;
            if (S.HasMean)
            {
                D sumDy = D.Load(in _sumDy, i) + dyA;
                D.Store(TTwo.Holds ? sumDy + dyB : sumDy, ref _sumDy, i);
            }

            D sumDyXHat = D.Load(in _sumDyXHat, i) + dyXHatA;
            D.Store(TTwo.Holds ? sumDyXHat + dyXHatB : sumDyXHat, ref _sumDyXHat, i);
            D gamma = TScaled.Holds ? D.Widen(in _gamma, i) : D.Create(1); // Here, where fewer registers are in use.
            Add<D>(gamma, dyA, dyXHatA, ref sumsA);
            if (TTwo.Holds)
            {
                Add<D>(gamma, dyB, dyXHatB, ref sumsB);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add<D>(D gamma, D dy, D dyXHat, ref (D G, D GXHat) sums)
            where D : struct, IDoubleLanes<D>
        {
            if (S.HasMean)
            {
                D.FusedMultiplyAdd(ref sums.G, gamma, dy);
            }

            D.FusedMultiplyAdd(ref sums.GXHat, gamma, dyXHat);
        }
    }

    /// <summary>A row that is summed.</summary>
    private readonly ref struct Row<D>
        where D : struct, IDoubleLanes<D>
    {
        private readonly ref readonly float _x;
        private readonly ref readonly float _dy;
        private readonly ref readonly float _dx;
        private readonly D _mean;
        private readonly D _rstd;
        private readonly D _minusLow;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Row(scoped ref readonly RowBackward<S> pass, scoped RowBlock group, int start, int k)
        {
            _x = ref RowOf(pass.Tensors.X, start + k, pass.Features);
            _dy = ref RowOf(pass.Dy, start + k, pass.Features);
            _dx = ref RowOf(pass.Dx, start + k, pass.Features);
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
            if (!S.HasMean)
            {
                return dy * (x * D.Uniform(_rstd));
            }

            D xHat = D.Uniform(_minusLow);
            D.FusedMultiplyAdd(ref xHat, x - D.Uniform(_mean), D.Uniform(_rstd));
            return dy * xHat;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i, Prefetching fetch)
        {
            Cache.Prefetch(in _x, i + fetch.Ahead);
            Cache.Prefetch(in _dy, i + fetch.Ahead);
            if (fetch.Dx)
            {
                Cache.Prefetch(in _dx, i);
            }
        }
    }
}
