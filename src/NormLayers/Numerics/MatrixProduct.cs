using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The three products of a linear layer's training step, on row-major float matrices.</summary>
/// <remarks>
/// <para>All three are C += A·B. Every element of C is one chain of fused multiply-adds over the inner index in order, starting
/// at what C held: its bits depend on no tile, vector width, thread, nor on which other rows share the batch.</para>
/// <para>B is packed in panels as wide as a tile (sixteen columns, or 32 with vectors of 512 bits), padded with
/// zeros, so that a tile reads it in order; the next panel is prefetched where B comes from memory. A is
/// read where it lies, or where its columns lie far apart and each is read often, from a copy of <see cref="ShortPanel"/> inner
/// indices, for which the calling thread keeps a buffer. A tile keeps its piece of C in registers while it walks down the panel.</para>
/// </remarks>
internal static class MatrixProduct
{
    // As many floats as the first-level cache holds: 512 inner indices by sixteen columns, or 256 by 32. A short panel has 256 of either.
    private const int PanelFloats = 8192;
    private const int ShortPanel = 256;

    private const int NarrowColumns = 16;

    // A multiple of the rows of every tile. Rows are cut only where a unit or more is left, so that each piece has the tiles of the whole.
    private const int UnitRows = 24;

    // Columns that lie so far apart are on so many pages of memory that the processor forgets where a page is before the next tile
    // comes back to it: where that happens often enough, A is packed first.
    private const int FarColumns = 512;
    private const int ManyColumns = 256;

    // As many floats of the packed A as the second-level cache holds while one panel of B after the other passes by.
    private const int PackedBlock = 64 * 1024;

    [ThreadStatic]
    private static AlignedBuffer _packed;

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
        else
        {
            for (int start = 0; start < y.Length; start += M)
            {
                bias.CopyTo(y.Slice(start, M));
            }
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
        if (size.Columns < NarrowColumns && size.Rows > size.Columns)
        {
            // A narrow C would leave most of a tile's columns empty, so its transpose is computed: Cᵀ += Bᵀ·Aᵀ, by the same chains.
            MultiplyAdd(b.Transpose(), a.Transpose(), new Size(size.Columns, size.Rows, size.Inner), c, 1, size.Columns);
        }
        else
        {
            MultiplyAdd(a, b, size, c, size.Columns, 1);
        }
    }

    private static void MultiplyAdd(Factor a, Factor b, Size size, Span<float> c, int rowStride, int columnStride)
    {
        if (a.ColumnStride < FarColumns || size.Columns < ManyColumns)
        {
            Run(new Product(a, default, b, size, c, rowStride, columnStride));
            return;
        }

        for (int k = 0; k < size.Inner; k += ShortPanel)
        {
            Size stretch = size with { Inner = Math.Min(ShortPanel, size.Inner - k) };
            Span<float> packed = _packed.FloatsAtLeast(RowPacking.Length(stretch));
            RowPacking packing = new(a.From(0, k), stretch, packed);
            Kernels.Run(ref packing, RowPacking.Units(stretch), packed.Length);
            Run(new Product(a, packed, b.From(k, 0), stretch, c, rowStride, columnStride));
        }
    }

    private static void Run(Product product) => Kernels.Run(ref product, product.Units, product.Work);

    /// <summary>Copies A's rows, in groups as high as a tile, so that a tile reads them in order. Units are <see cref="UnitRows"/> rows, the last up to twice as many.</summary>
    private readonly ref struct RowPacking(Factor a, Size size, Span<float> packed) : IKernel
    {
        private readonly Factor _a = a;
        private readonly Size _size = size;
        private readonly Span<float> _packed = packed;

        public static int Units(Size size) => Math.Max(1, size.Rows / UnitRows);

        public static int Length(Size size) => size.Rows * size.Inner;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            int firstRow = first * UnitRows;
            int end = first + count == Units(_size) ? _size.Rows : (first + count) * UnitRows;
            if (VectorWidth.Bits == 512)
            {
                Pack<L, WideTiles<L>>(firstRow, end);
            }
            else
            {
                Pack<L, NarrowTiles<L>>(firstRow, end);
            }
        }

        private void Pack<L, T>(int firstRow, int end)
            where L : struct, ILanes<L>
            where T : struct, ITileShape
        {
            int rows;
            for (int i = firstRow; i < end; i += rows)
            {
                rows = T.RowsOf(end - i);
                MatrixBlocks.Pack<L>(_a.From(i, 0).Transpose(), _size.Inner, rows, rows, _packed[(i * _size.Inner)..]);
            }
        }
    }

    /// <summary>C += A·B, divided among threads by chunks of columns, each of which packs its own part of B, or else by chunks of rows.</summary>
    /// <remarks>A's rows may be packed; then there are no more inner indices than go into one panel, and columns enough to share out.</remarks>
    private readonly ref struct Product(Factor a, ReadOnlySpan<float> packed, Factor b, Size size, Span<float> c, int rowStride, int columnStride) : IKernel
    {
        // A multiple of the columns of every tile.
        private const int UnitColumns = 32;
        private const int FewestColumnUnits = 4;

        // So many multiplications take about as long as an element of a normalization.
        private const int MultiplicationsPerElement = 8;

        // Rows enough that asking takes no time to speak of, and more floats of B than the second-level cache keeps meanwhile.
        private const int FewestRowsToAsk = 48;
        private const int FewestFloatsToAsk = 128 * 1024;

        private readonly Factor _a = a;
        private readonly ReadOnlySpan<float> _packed = packed;
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

        private bool AsksAhead => _size.Rows >= FewestRowsToAsk && (long)_size.Inner * _size.Columns >= FewestFloatsToAsk;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            Range rows = ByColumns ? .. : Stretch(first, count, UnitRows, _size.Rows);
            Range columns = ByColumns ? Stretch(first, count, UnitColumns, _size.Columns) : ..;
            if (VectorWidth.Bits == 512)
            {
                MultiplyAdd<L, WideTiles<L>>(rows, columns);
            }
            else
            {
                MultiplyAdd<L, NarrowTiles<L>>(rows, columns);
            }
        }

        private static Range Stretch(int first, int count, int unit, int length) => (first * unit)..Math.Min((first + count) * unit, length);

        [SkipLocalsInit]
        private void MultiplyAdd<L, T>(Range rowRange, Range columnRange)
            where L : struct, ILanes<L>
            where T : struct, ITileShape
        {
            (int firstRow, int rowCount) = rowRange.GetOffsetAndLength(_size.Rows);
            (int firstColumn, int columnCount) = columnRange.GetOffsetAndLength(_size.Columns);
            Span<float> panel = stackalloc float[PanelFloats];
            Span<float> edge = stackalloc float[T.Rows * T.Columns];

            // Few rows read a panel too seldom for a long one.
            int panelRows = rowCount < UnitRows ? ShortPanel : PanelFloats / T.Columns;
            for (int k = 0; k < _size.Inner; k += panelRows)
            {
                int depth = Math.Min(panelRows, _size.Inner - k);
                int block = _packed.IsEmpty ? rowCount : PackedBlock / depth / UnitRows * UnitRows;
                int rows;
                for (int i = firstRow; i < firstRow + rowCount; i += rows)
                {
                    int left = firstRow + rowCount - i;
                    rows = left < block + UnitRows ? left : block;
                    for (int j = firstColumn; j < firstColumn + columnCount; j += T.Columns)
                    {
                        int columns = Math.Min(T.Columns, firstColumn + columnCount - j);
                        MatrixBlocks.Pack<L>(_b.From(k, j), depth, columns, T.Columns, panel);
                        int ahead = AsksAhead ? Math.Min(T.Columns, firstColumn + columnCount - j - columns) : 0;
                        MultiplyAdd<L, T>(i, rows, j, columns, k, depth, panel, ahead, edge);
                    }
                }
            }
        }

        // One panel of B, and the tiles of C below each other, each of which prefetches its share of the next panel.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void MultiplyAdd<L, T>(int firstRow, int rowCount, int j, int columns, int k, int depth, Span<float> panel, int ahead, Span<float> edge)
            where L : struct, ILanes<L>
            where T : struct, ITileShape
        {
            int rows;
            for (int i = firstRow; i < firstRow + rowCount; i += rows)
            {
                rows = T.RowsOf(firstRow + rowCount - i);
                if (ahead > 0)
                {
                    MatrixBlocks.PrefetchShare(_b.From(k, j + columns), depth, ahead, i - firstRow, rows, rowCount);
                }

                Factor a = _packed.IsEmpty ? _a.From(i, k) : new(_packed[(i * depth)..], 1, rows);
                Span<float> c = _c[(i * _rowStride + j * _columnStride)..];
                if (columns == T.Columns && _columnStride == 1)
                {
                    // Prefetches the tile below.
                    MatrixBlocks.PrefetchRows(in MemoryMarshal.GetReference(c), _rowStride, rows, T.Rows, columns);
                    T.MultiplyAdd(a, panel, depth, rows, c, _rowStride);
                    continue;
                }

                // A tile wider than what is left of C, or across it, works on a copy.
                MatrixBlocks.Copy<L>(new Factor(c, _rowStride, _columnStride), rows, columns, edge, T.Columns, 1);
                T.MultiplyAdd(a, panel, depth, rows, edge, T.Columns);
                MatrixBlocks.Copy<L>(new Factor(edge, T.Columns, 1), rows, columns, c, _rowStride, _columnStride);
            }
        }
    }

    private readonly record struct Size(int Rows, int Columns, int Inner);
}
