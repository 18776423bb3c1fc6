using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Two sums down each column of a matrix: lanes are columns, rows are read in memory order, eight or four at a time. Units are blocks of rows.</summary>
/// <remarks>
/// The last columns, fewer than sixteen, go one at a time, by the same operations in the same order. Beyond the cache the next rows are prefetched
/// in address order, because the hardware prefetcher does not follow interleaved rows.
/// </remarks>
/// <typeparam name="T">What an element adds.</typeparam>
internal ref struct ColumnSums<T> : IKernel
    where T : struct, ITerm, allows ref struct
{
    // How many rows share a load and a store of the columns' sums. Where rows are whole pages, their lines share a set of the first-level cache, which holds fewer than sixteen.
    private readonly int RowsAtATime => T.Tensors > 1 && Columns % 1024 == 0 ? 4 : 8;

    /// <summary>What an element adds.</summary>
    public T Term;

    /// <summary>W.</summary>
    public int Columns;

    /// <summary>The blocks of rows.</summary>
    public RowBlocks Blocks;

    /// <summary>The ReLU's, or empty.</summary>
    public ReLUMask Mask;

    /// <summary>Overwritten: each block's sums, (2, W).</summary>
    public Span<double> Sums;

    [MethodImpl(Kernels.FullyOptimized)]
    public readonly void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        for (int block = first; block < first + count; block++)
        {
            Sums.Slice(2 * Columns * block, 2 * Columns).Clear();
            for (int n = Blocks.Start(block); n < Blocks.Start(block + 1); n += RowsAtATime)
            {
                int rows = Math.Min(RowsAtATime, Blocks.Start(block + 1) - n);
                if (!Mask.IsEmpty)
                {
                    Mask.Apply<L>(n * Columns, rows * Columns, ahead: 0);
                }

                AddRows<D>(block, n, rows);
            }
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void AddRows<D>(int block, int n, int rows)
        where D : struct, IDoubleLanes<D>
    {
        int W = Columns;
        int rowsAtATime = RowsAtATime;
        T term = Term; // Its references stay in registers.
        nint whole = W & ~15;
        nint start = (nint)n * W;
        bool fromMemory = Cache.IsExceeded(Blocks.Rows * W);
        ref double sums = ref Unsafe.Add(ref MemoryMarshal.GetReference(Sums), (nint)block * 2 * W);
        ref double products = ref Unsafe.Add(ref sums, W);
        for (nint c = 0; c < whole; c += 16)
        {
            D centreLow = term.Centre<D>(c);
            D centreHigh = term.Centre<D>(c + 8);
            D sumLow = D.Load(in sums, c);
            D sumHigh = D.Load(in sums, c + 8);
            D productLow = D.Load(in products, c);
            D productHigh = D.Load(in products, c + 8);
            nint ahead = start + rowsAtATime * (W + c);
            for (nint k = 0, i = start + c; k < rows; k++, i += W)
            {
                if (fromMemory)
                {
                    term.Prefetch(ahead + 16 * k);
                }

                // sums[c] += ...; products[c] += ... [F1] [F2], or [B1] [B2]
                term.Add(i, centreLow, ref sumLow, ref productLow);
                term.Add(i + 8, centreHigh, ref sumHigh, ref productHigh);
            }

            D.Store(sumLow, ref sums, c);
            D.Store(sumHigh, ref sums, c + 8);
            D.Store(productLow, ref products, c);
            D.Store(productHigh, ref products, c + 8);
        }

        for (nint c = whole; c < W; c++)
        {
            SingleDouble sum = SingleDouble.Load(in sums, c);
            SingleDouble product = SingleDouble.Load(in products, c);
            for (nint k = 0, i = start + c; k < rows; k++, i += W)
            {
                term.Add(i, term.Centre<SingleDouble>(c), ref sum, ref product);
            }

            SingleDouble.Store(sum, ref sums, c);
            SingleDouble.Store(product, ref products, c);
        }
    }
}
