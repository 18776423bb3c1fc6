using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>The three products of a linear layer's training step, on row-major float matrices.</summary>
/// <remarks>
/// <para>All three are C += A·B. Every element of C is one chain of fused multiply-adds over the inner index in order, starting
/// at what C held: its bits depend on no tile, vector width, thread, nor on which other rows share the batch.</para>
/// <para>B is packed in panels of <see cref="PanelRows"/> inner indices by sixteen columns (two such panels side by side where
/// the processor has 512-bit vectors), padded with zeros, so that a tile reads it in order; A is read where it lies. A tile
/// keeps its piece of C in registers while it walks down the panel; where C has fewer rows than the tile, the last one is
/// computed several times over, to the same result.</para>
/// </remarks>
internal static class MatrixProduct
{
    private const int PanelRows = 256;
    private const int NarrowColumns = 16;

    /// <summary>y = x·wᵀ + bias: overwrites <paramref name="y"/>.</summary>
    /// <param name="x">(N, K).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="bias">(M); empty means zeros.</param>
    /// <param name="inner">K.</param>
    /// <param name="y">(N, M).</param>
    public static void MultiplyTransposed(ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> bias, int inner, Span<float> y)
    {
        int M = w.Length / inner;
        if (bias.IsEmpty)
        {
            y.Clear();
        }

        for (int start = 0; start < y.Length && !bias.IsEmpty; start += M)
        {
            bias.CopyTo(y.Slice(start, M));
        }

        MultiplyAdd(new Factor(x, inner, 1), new Factor(w, 1, inner), new Size(x.Length / inner, M, inner), y);
    }

    /// <summary>dx = dy·w: overwrites <paramref name="dx"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dx">(N, K).</param>
    public static void Multiply(ReadOnlySpan<float> dy, ReadOnlySpan<float> w, int inner, Span<float> dx)
    {
        int M = w.Length / inner;
        dx.Clear();
        MultiplyAdd(new Factor(dy, M, 1), new Factor(w, inner, 1), new Size(dy.Length / M, inner, M), dx);
    }

    /// <summary>dw += dyᵀ·x: <b>adds to</b> <paramref name="dw"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="x">(N, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dw">(M, K).</param>
    public static void AddTransposedProduct(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, int inner, Span<float> dw)
    {
        int M = dw.Length / inner;
        MultiplyAdd(new Factor(dy, 1, M), new Factor(x, inner, 1), new Size(M, inner, x.Length / inner), dw);
    }

    private static void MultiplyAdd(Factor a, Factor b, Size size, Span<float> c)
    {
        // A narrow C would leave most of a tile's columns empty, so its transpose is computed: Cᵀ += Bᵀ·Aᵀ, by the same chains.
        Product product = size.Columns < NarrowColumns && size.Rows > size.Columns
            ? new(b.Transpose(), a.Transpose(), new Size(size.Columns, size.Rows, size.Inner), c, 1, size.Columns)
            : new(a, b, size, c, size.Columns, 1);
        Kernels.Run(ref product, product.Units, product.Work);
    }

    /// <summary>C += A·B, shared out by stretches of columns, each of which packs its own part of B, or else by stretches of rows.</summary>
    private readonly ref struct Product(Factor a, Factor b, Size size, Span<float> c, int rowStride, int columnStride) : IKernel
    {
        // A multiple of the columns, and of the rows, of every tile.
        private const int UnitColumns = 32;
        private const int UnitRows = 24;
        private const int FewestColumnUnits = 4;

        // So many multiplications take about as long as an element of a normalization.
        private const int MultiplicationsPerElement = 8;

        private readonly Factor _a = a;
        private readonly Factor _b = b;
        private readonly Size _size = size;
        private readonly Span<float> _c = c;
        private readonly int _rowStride = rowStride;
        private readonly int _columnStride = columnStride;

        public int Units => ByColumns ? ColumnUnits : (_size.Rows + UnitRows - 1) / UnitRows;

        // By rows every part packs all of B, so there should be few.
        public long Work => (long)_size.Rows * _size.Columns * _size.Inner / (ByColumns ? MultiplicationsPerElement : 8 * MultiplicationsPerElement);

        private int ColumnUnits => (_size.Columns + UnitColumns - 1) / UnitColumns;

        private bool ByColumns => ColumnUnits >= FewestColumnUnits;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            Range rows = ByColumns ? .. : Stretch(first, count, UnitRows, _size.Rows);
            Range columns = ByColumns ? Stretch(first, count, UnitColumns, _size.Columns) : ..;
            if (VectorWidth.Bits == 512)
            {
                MultiplyAdd<L, WideTile<L>>(rows, columns);
            }
            else
            {
                MultiplyAdd<L, NarrowTile<L>>(rows, columns);
            }
        }

        private static Range Stretch(int first, int count, int unit, int length) => (first * unit)..Math.Min((first + count) * unit, length);

        [SkipLocalsInit]
        private void MultiplyAdd<L, T>(Range rowRange, Range columnRange)
            where L : struct, ILanes<L>
            where T : struct, ITile
        {
            (int firstRow, int rowCount) = rowRange.GetOffsetAndLength(_size.Rows);
            (int firstColumn, int columnCount) = columnRange.GetOffsetAndLength(_size.Columns);
            Span<float> panel = stackalloc float[PanelRows * T.Columns];
            Span<float> edge = stackalloc float[T.Rows * T.Columns];
            for (int k = 0; k < _size.Inner; k += PanelRows)
            {
                int depth = Math.Min(PanelRows, _size.Inner - k);
                for (int j = firstColumn; j < firstColumn + columnCount; j += T.Columns)
                {
                    int columns = Math.Min(T.Columns, firstColumn + columnCount - j);
                    Pack<L>(_b, k, depth, j, columns, T.Columns, panel);
                    for (int i = firstRow; i < firstRow + rowCount; i += T.Rows)
                    {
                        int rows = Math.Min(T.Rows, firstRow + rowCount - i);
                        ReadOnlySpan<float> aTile = _a.From(i, k);
                        Span<float> cTile = _c[(i * _rowStride + j * _columnStride)..];
                        if (columns == T.Columns && _columnStride == 1)
                        {
                            PrefetchRows(in MemoryMarshal.GetReference(cTile), _rowStride, rows, T.Rows, columns);
                            T.MultiplyAdd(aTile, _a.RowStride, _a.ColumnStride, panel, depth, rows, cTile, _rowStride);
                            continue;
                        }

                        // A tile wider than what is left of C, or across it, works on a copy.
                        CopyBlock<L>(new Strided(cTile, _rowStride, _columnStride), rows, columns, new Strided(edge, T.Columns, 1));
                        T.MultiplyAdd(aTile, _a.RowStride, _a.ColumnStride, panel, depth, rows, edge, T.Columns);
                        CopyBlock<L>(new Strided(edge, T.Columns, 1), rows, columns, new Strided(cTile, _rowStride, _columnStride));
                    }
                }
            }
        }
    }

    // Of C one row's piece lies a whole row away from the next, which no prefetcher guesses: the tile below is asked for meanwhile.
    [MethodImpl(Kernels.Loops)]
    private static void PrefetchRows(ref readonly float c, int rowStride, int first, int count, int columns)
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

    [MethodImpl(Kernels.Loops)]
    private static void Pack<L>(Factor b, int k, int depth, int j, int columns, int width, Span<float> panel)
        where L : struct, ILanes<L>
    {
        if (columns < width)
        {
            panel[..(depth * width)].Clear();
        }

        if (b.ColumnStride == 1)
        {
            CopyRows<L>(in MemoryMarshal.GetReference(b.From(k, j)), b.RowStride, depth, columns, ref MemoryMarshal.GetReference(panel), width);
            return;
        }

        // Four columns at a time, so that a line of the panel is written in quarters and not in single floats.
        ref float p0 = ref MemoryMarshal.GetReference(panel);
        int first = 0;
        for (; Sse.IsSupported && first <= columns - 4; first += 4)
        {
            ref readonly float a0 = ref MemoryMarshal.GetReference(b.From(k, j + first));
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
            ReadOnlySpan<float> source = b.From(k, j + first);
            for (int row = 0; row < depth; row++)
            {
                panel[row * width + first] = source[row * b.RowStride];
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

    [MethodImpl(Kernels.Loops)]
    private static void CopyBlock<L>(Strided source, int rows, int columns, Strided destination)
        where L : struct, ILanes<L>
    {
        ref readonly float s0 = ref MemoryMarshal.GetReference(source.Values);
        ref float d0 = ref MemoryMarshal.GetReference(destination.Values);
        if (source.ColumnStride == 1 && destination.ColumnStride == 1)
        {
            CopyRows<L>(in s0, source.RowStride, rows, columns, ref d0, destination.RowStride);
            return;
        }

        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                Unsafe.Add(ref d0, row * destination.RowStride + column * destination.ColumnStride) =
                    Unsafe.Add(ref Unsafe.AsRef(in s0), row * source.RowStride + column * source.ColumnStride);
            }
        }
    }

    // The last vector of a row overlaps the one before; rows shorter than a vector go float by float.
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

            if (column < columns && columns >= 16)
            {
                L.Store(L.Load(in from, columns - 16), ref to, columns - 16);
            }
            else
            {
                for (; column < columns; column++)
                {
                    Unsafe.Add(ref to, column) = Unsafe.Add(ref Unsafe.AsRef(in from), column);
                }
            }
        }
    }

    /// <summary>A block of a matrix to be written to.</summary>
    private readonly ref struct Strided(Span<float> values, int rowStride, int columnStride)
    {
        public Span<float> Values { get; } = values;

        public int RowStride { get; } = rowStride;

        public int ColumnStride { get; } = columnStride;
    }

    private readonly record struct Size(int Rows, int Columns, int Inner);

    /// <summary>A matrix or its transpose: element (i, j) stands at i·RowStride + j·ColumnStride.</summary>
    private readonly ref struct Factor(ReadOnlySpan<float> values, int rowStride, int columnStride)
    {
        private readonly ReadOnlySpan<float> _values = values;

        public int RowStride { get; } = rowStride;

        public int ColumnStride { get; } = columnStride;

        public Factor Transpose() => new(_values, ColumnStride, RowStride);

        public ReadOnlySpan<float> From(int row, int column) => _values[(row * RowStride + column * ColumnStride)..];
    }

    /// <summary>C += A·B for one small block of C.</summary>
    private interface ITile
    {
        static abstract int Rows { get; }

        static abstract int Columns { get; }

        static abstract void MultiplyAdd(
            ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride);
    }

    /// <summary>8 rows by 32 columns: 16 registers of 512 bits for C, two for B.</summary>
    private readonly struct WideTile<L> : ITile
        where L : struct, ILanes<L>
    {
        public static int Rows => 8;

        public static int Columns => 32;

        [MethodImpl(Kernels.Loops)]
        public static void MultiplyAdd(
            ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
        {
            ref readonly float b0 = ref MemoryMarshal.GetReference(panel);
            ref float c0 = ref MemoryMarshal.GetReference(c);
            ref readonly float a0 = ref MemoryMarshal.GetReference(a);
            int last = rows - 1;
            int r1 = Math.Min(1, last);
            int r2 = Math.Min(2, last);
            int r3 = Math.Min(3, last);
            int r4 = Math.Min(4, last);
            int r5 = Math.Min(5, last);
            int r6 = Math.Min(6, last);
            int r7 = Math.Min(7, last);
            Pair<L> s0 = Pair<L>.Load(in c0, 0);
            Pair<L> s1 = Pair<L>.Load(in c0, r1 * cStride);
            Pair<L> s2 = Pair<L>.Load(in c0, r2 * cStride);
            Pair<L> s3 = Pair<L>.Load(in c0, r3 * cStride);
            Pair<L> s4 = Pair<L>.Load(in c0, r4 * cStride);
            Pair<L> s5 = Pair<L>.Load(in c0, r5 * cStride);
            Pair<L> s6 = Pair<L>.Load(in c0, r6 * cStride);
            Pair<L> s7 = Pair<L>.Load(in c0, r7 * cStride);
            (nint o1, nint o2, nint o3, nint o4) = (r1 * rowStride, r2 * rowStride, r3 * rowStride, r4 * rowStride);
            (nint o5, nint o6, nint o7, nint step) = (r5 * rowStride, r6 * rowStride, r7 * rowStride, columnStride);
            ref float column = ref Unsafe.AsRef(in a0);
            ref float row = ref Unsafe.AsRef(in b0);
            for (int k = 0; k < depth; k++)
            {
                // c[r, 0..32] += a[r, k] * b[k, 0..32]
                Pair<L> b = Pair<L>.Load(in row, 0);
                Pair<L>.Add(ref s0, column, b);
                Pair<L>.Add(ref s1, Unsafe.Add(ref column, o1), b);
                Pair<L>.Add(ref s2, Unsafe.Add(ref column, o2), b);
                Pair<L>.Add(ref s3, Unsafe.Add(ref column, o3), b);
                Pair<L>.Add(ref s4, Unsafe.Add(ref column, o4), b);
                Pair<L>.Add(ref s5, Unsafe.Add(ref column, o5), b);
                Pair<L>.Add(ref s6, Unsafe.Add(ref column, o6), b);
                Pair<L>.Add(ref s7, Unsafe.Add(ref column, o7), b);
                column = ref Unsafe.Add(ref column, step);
                row = ref Unsafe.Add(ref row, 32);
            }

            Pair<L>.Store(s7, ref c0, r7 * cStride);
            Pair<L>.Store(s6, ref c0, r6 * cStride);
            Pair<L>.Store(s5, ref c0, r5 * cStride);
            Pair<L>.Store(s4, ref c0, r4 * cStride);
            Pair<L>.Store(s3, ref c0, r3 * cStride);
            Pair<L>.Store(s2, ref c0, r2 * cStride);
            Pair<L>.Store(s1, ref c0, r1 * cStride);
            Pair<L>.Store(s0, ref c0, 0);
        }
    }

    /// <summary>6 rows by 16 columns: 12 registers of 256 bits for C, two for B.</summary>
    private readonly struct NarrowTile<L> : ITile
        where L : struct, ILanes<L>
    {
        public static int Rows => 6;

        public static int Columns => 16;

        [MethodImpl(Kernels.Loops)]
        public static void MultiplyAdd(
            ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
        {
            ref readonly float b0 = ref MemoryMarshal.GetReference(panel);
            ref float c0 = ref MemoryMarshal.GetReference(c);
            ref readonly float a0 = ref MemoryMarshal.GetReference(a);
            int last = rows - 1;
            int r1 = Math.Min(1, last);
            int r2 = Math.Min(2, last);
            int r3 = Math.Min(3, last);
            int r4 = Math.Min(4, last);
            int r5 = Math.Min(5, last);
            L s0 = L.Load(in c0, 0);
            L s1 = L.Load(in c0, r1 * cStride);
            L s2 = L.Load(in c0, r2 * cStride);
            L s3 = L.Load(in c0, r3 * cStride);
            L s4 = L.Load(in c0, r4 * cStride);
            L s5 = L.Load(in c0, r5 * cStride);
            (nint o1, nint o2, nint o3) = (r1 * rowStride, r2 * rowStride, r3 * rowStride);
            (nint o4, nint o5, nint step) = (r4 * rowStride, r5 * rowStride, columnStride);
            ref float column = ref Unsafe.AsRef(in a0);
            ref float row = ref Unsafe.AsRef(in b0);
            for (int k = 0; k < depth; k++)
            {
                // c[r, 0..16] += a[r, k] * b[k, 0..16]
                L b = L.Load(in row, 0);
                L.FusedMultiplyAdd(ref s0, L.Create(column), b);
                L.FusedMultiplyAdd(ref s1, L.Create(Unsafe.Add(ref column, o1)), b);
                L.FusedMultiplyAdd(ref s2, L.Create(Unsafe.Add(ref column, o2)), b);
                L.FusedMultiplyAdd(ref s3, L.Create(Unsafe.Add(ref column, o3)), b);
                L.FusedMultiplyAdd(ref s4, L.Create(Unsafe.Add(ref column, o4)), b);
                L.FusedMultiplyAdd(ref s5, L.Create(Unsafe.Add(ref column, o5)), b);
                column = ref Unsafe.Add(ref column, step);
                row = ref Unsafe.Add(ref row, 16);
            }

            L.Store(s5, ref c0, r5 * cStride);
            L.Store(s4, ref c0, r4 * cStride);
            L.Store(s3, ref c0, r3 * cStride);
            L.Store(s2, ref c0, r2 * cStride);
            L.Store(s1, ref c0, r1 * cStride);
            L.Store(s0, ref c0, 0);
        }
    }

    /// <summary>Thirty-two lanes.</summary>
    private struct Pair<L>
        where L : struct, ILanes<L>
    {
        private L _low;
        private L _high;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pair<L> Load(ref readonly float source, int index) =>
            new() { _low = L.Load(in source, index), _high = L.Load(in source, index + 16) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Pair<L> value, ref float destination, int index)
        {
            L.Store(value._low, ref destination, index);
            L.Store(value._high, ref destination, index + 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(ref Pair<L> sum, float a, in Pair<L> b)
        {
            L left = L.Create(a);
            L.FusedMultiplyAdd(ref sum._low, left, b._low);
            L.FusedMultiplyAdd(ref sum._high, left, b._high);
        }
    }
}
