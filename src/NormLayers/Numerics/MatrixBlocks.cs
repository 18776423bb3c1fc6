using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>Moves the blocks of matrices that <see cref="MatrixProduct"/> works on.</summary>
internal static class MatrixBlocks
{
    /// <summary>Asks the first-level cache for the same columns of some rows, which no prefetcher guesses.</summary>
    /// <param name="c">Row 0, from the first of the columns.</param>
    /// <param name="rowStride">From one row to the next.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many rows; they need not be part of the array.</param>
    /// <param name="columns">How many columns.</param>
    [MethodImpl(Kernels.FullyOptimized)]
    public static void PrefetchRows(ref readonly float c, int rowStride, int first, int count, int columns)
    {
        for (int row = first; row < first + count; row++)
        {
            for (int column = 0; column < columns; column += 16)
            {
                Cache.Prefetch(in c, row * rowStride + column);
            }

            Cache.Prefetch(in c, row * rowStride + columns - 1); // A piece need not begin with a line.
        }
    }

    /// <summary>Prefetches a share of a block that will be packed, by its rows or, where it is transposed, by its columns.</summary>
    /// <param name="b">The matrix, from the block's first element.</param>
    /// <param name="depth">The block's rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="first">The share begins after so many parts of the block.</param>
    /// <param name="count">How many parts it has.</param>
    /// <param name="parts">Of how many.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void PrefetchShare(Factor b, int depth, int columns, int first, int count, int parts)
    {
        (int stride, int rows, int length) = b.ColumnStride == 1 ? (b.RowStride, depth, columns) : (b.ColumnStride, columns, depth);
        int firstRow = (int)((long)rows * first / parts);
        int end = (int)((long)rows * (first + count) / parts);
        PrefetchRows(in MemoryMarshal.GetReference(b.Values), stride, firstRow, end - firstRow, length);
    }

    /// <summary>Copies a block into rows of its own, one after the other, with zeros where the block is narrower.</summary>
    /// <param name="b">The matrix, from the block's first element.</param>
    /// <param name="depth">The block's rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="width">The columns of the panel.</param>
    /// <param name="panel">(depth, width): overwritten.</param>
    [MethodImpl(Kernels.FullyOptimized)]
    public static void Pack<L>(Factor b, int depth, int columns, int width, Span<float> panel)
        where L : struct, ILanes<L>
    {
        if (columns < width)
        {
            panel[..(depth * width)].Clear();
        }

        if (b.ColumnStride == 1)
        {
            CopyRows<L>(in MemoryMarshal.GetReference(b.Values), b.RowStride, depth, columns, ref MemoryMarshal.GetReference(panel), width);
            return;
        }

        // Four columns at a time, so that a line of the panel is written in quarters and not in single floats.
        ref float p0 = ref MemoryMarshal.GetReference(panel);
        int first = 0;
        for (; Sse.IsSupported && first <= columns - 4; first += 4)
        {
            ref readonly float a0 = ref MemoryMarshal.GetReference(b.From(0, first).Values);
            ref readonly float a1 = ref Unsafe.Add(ref Unsafe.AsRef(in a0), b.ColumnStride);
            ref readonly float a2 = ref Unsafe.Add(ref Unsafe.AsRef(in a1), b.ColumnStride);
            ref readonly float a3 = ref Unsafe.Add(ref Unsafe.AsRef(in a2), b.ColumnStride);
            int row = 0;
            for (; b.RowStride == 1 && row <= depth - 4; row += 4)
            {
                Vector128<float> v0 = Vector128.LoadUnsafe(in a0, (nuint)row);
                Vector128<float> v1 = Vector128.LoadUnsafe(in a1, (nuint)row);
                Vector128<float> v2 = Vector128.LoadUnsafe(in a2, (nuint)row);
                Vector128<float> v3 = Vector128.LoadUnsafe(in a3, (nuint)row);
                StoreTransposed(v0, v1, v2, v3, ref Unsafe.Add(ref p0, row * width + first), width);
            }

            for (; row < depth; row++)
            {
                ref float destination = ref Unsafe.Add(ref p0, row * width + first);
                destination = Unsafe.Add(ref Unsafe.AsRef(in a0), row * b.RowStride);
                Unsafe.Add(ref destination, 1) = Unsafe.Add(ref Unsafe.AsRef(in a1), row * b.RowStride);
                Unsafe.Add(ref destination, 2) = Unsafe.Add(ref Unsafe.AsRef(in a2), row * b.RowStride);
                Unsafe.Add(ref destination, 3) = Unsafe.Add(ref Unsafe.AsRef(in a3), row * b.RowStride);
            }
        }

        for (; first < columns; first++)
        {
            ReadOnlySpan<float> source = b.From(0, first).Values;
            for (int row = 0; row < depth; row++)
            {
                panel[row * width + first] = source[row * b.RowStride];
            }
        }
    }

    /// <summary>Copies a block.</summary>
    /// <param name="source">From its first element.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="destination">Element (i, j) goes to i·<paramref name="rowStride"/> + j·<paramref name="columnStride"/>.</param>
    /// <param name="rowStride">From one row of the destination to the next.</param>
    /// <param name="columnStride">From one column to the next.</param>
    [MethodImpl(Kernels.FullyOptimized)]
    public static void Copy<L>(Factor source, int rows, int columns, Span<float> destination, int rowStride, int columnStride)
        where L : struct, ILanes<L>
    {
        ref readonly float s0 = ref MemoryMarshal.GetReference(source.Values);
        ref float d0 = ref MemoryMarshal.GetReference(destination);
        if (source.ColumnStride == 1 && columnStride == 1)
        {
            CopyRows<L>(in s0, source.RowStride, rows, columns, ref d0, rowStride);
            return;
        }

        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                Unsafe.Add(ref d0, row * rowStride + column * columnStride) =
                    Unsafe.Add(ref Unsafe.AsRef(in s0), row * source.RowStride + column * source.ColumnStride);
            }
        }
    }

    // The last vector of a row overlaps the one before; shorter rows go by fours and ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRows<L>(ref readonly float source, int sourceStride, int rows, int columns, ref float destination, int destinationStride)
        where L : struct, ILanes<L>
    {
        for (int row = 0; row < rows; row++)
        {
            ref readonly float from = ref Unsafe.Add(ref Unsafe.AsRef(in source), row * sourceStride);
            ref float to = ref Unsafe.Add(ref destination, row * destinationStride);
            int column = 0;
            for (; column <= columns - 16; column += 16)
            {
                L.Store(L.Load(in from, column), ref to, column);
            }

            if (column == columns)
            {
                continue;
            }

            if (columns >= 16)
            {
                L.Store(L.Load(in from, columns - 16), ref to, columns - 16);
                continue;
            }

            for (; column <= columns - 4; column += 4)
            {
                Vector128.LoadUnsafe(in from, (nuint)column).StoreUnsafe(ref to, (nuint)column);
            }

            for (; column < columns; column++)
            {
                Unsafe.Add(ref to, column) = Unsafe.Add(ref Unsafe.AsRef(in from), column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTransposed(
        Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3, ref float rows, int stride)
    {
        Vector128<float> low01 = Sse.UnpackLow(v0, v1);
        Vector128<float> high01 = Sse.UnpackHigh(v0, v1);
        Vector128<float> low23 = Sse.UnpackLow(v2, v3);
        Vector128<float> high23 = Sse.UnpackHigh(v2, v3);
        Sse.MoveLowToHigh(low01, low23).StoreUnsafe(ref rows);
        Sse.MoveHighToLow(low23, low01).StoreUnsafe(ref rows, (nuint)stride);
        Sse.MoveLowToHigh(high01, high23).StoreUnsafe(ref rows, (nuint)(2 * stride));
        Sse.MoveHighToLow(high23, high01).StoreUnsafe(ref rows, (nuint)(3 * stride));
    }
}
