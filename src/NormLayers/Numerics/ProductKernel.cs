using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>C += A·B, divided among threads by chunks of columns, each of which packs its own part of B, or else by chunks of rows.</summary>
/// <remarks>
/// B's columns may be packed already (<see cref="ColumnPacking"/>), and so may A's rows (<see cref="RowPacking"/>); then there are no more inner indices
/// than go into one panel, and columns enough to divide.
/// </remarks>
internal readonly ref struct ProductKernel : IKernel
{
    // A multiple of the columns of every tile.
    public const int UnitColumns = 32;

    // A multiple of the rows of every tile. Rows are cut only where a unit or more is left, so that each piece has the tiles of the whole.
    public const int UnitRows = 24;

    /// <summary>The inner indices of a panel that a call packs for few rows; a multiple of <see cref="MatrixProduct.Chain"/>.</summary>
    public const int ShortPanel = 256;

    // As many floats as the first-level cache holds: 512 inner indices by sixteen columns, or 256 by 32.
    private const int PanelFloats = 8192;

    // Of panels that are packed already. A tile has a cost of its own, and the second-level cache gives a panel as fast as multiply-adds take it.
    private const int PackedPanel = 512;

    // As many floats of the packed A as the second-level cache holds while one panel of B after the other passes by.
    private const int PackedBlock = 64 * 1024;

    private const int FewestColumnUnits = 4;

    // So many multiplications take about as long as an element of a normalization.
    public const int MultiplicationsPerElement = 8;

    // Rows enough that prefetching costs nothing measurable, and more floats of B than the second-level cache keeps.
    private const int FewestRowsToPrefetch = 48;
    private const int FewestFloatsToPrefetch = 128 * 1024;

    // So few inner indices, as a head of an attention has, take hardly longer than prefetching what they only write.
    private const int ShallowPanel = 64;

    // As many floats of A as the second-level cache holds while B streams by.
    private const int MostFloatsKept = 128 * 1024;

    /// <summary>The columns of a tile at the vector width in use.</summary>
    public static int TileColumns => VectorWidth.Bits == 512 ? 32 : 16;

    public required Factor A { get; init; }

    /// <summary>A's rows packed; empty if they are read where they lie.</summary>
    public ReadOnlySpan<float> PackedRows { get; init; }

    /// <summary>B; not read where there are <see cref="Panels"/>.</summary>
    public Factor B { get; init; }

    /// <summary>B's columns packed; empty if each part packs its own.</summary>
    public ReadOnlySpan<float> Panels { get; init; }

    public required ProductSize Size { get; init; }

    public required ProductTarget C { get; init; }

    /// <summary>Whether these are the product's first inner indices, where the first chain begins at a start; otherwise each is added to C.</summary>
    public required bool Begins { get; init; }

    /// <summary>Whether that start is the bias or 0, whatever C holds; otherwise it is what C holds.</summary>
    public bool Overwrites { get; init; }

    /// <summary>Where <see cref="Overwrites"/>: a number a column of C, which is not transposed then; empty for zeros.</summary>
    public ReadOnlySpan<float> Bias { get; init; }

    private int ColumnUnits => (Size.Columns + UnitColumns - 1) / UnitColumns;

    private bool ByColumns => ColumnUnits >= FewestColumnUnits;

    /// <summary>The chunks of columns, or of rows, that <see cref="Run{L,D}"/> counts.</summary>
    public int Units => ByColumns ? ColumnUnits : (Size.Rows + UnitRows - 1) / UnitRows;

    private bool PrefetchesNext => Panels.IsEmpty && Size.Rows >= FewestRowsToPrefetch && (long)Size.Inner * Size.Columns >= FewestFloatsToPrefetch;

    /// <summary>The whole product.</summary>
    public static void Run(ProductKernel product)
    {
        // By rows every part packs all of B, so there should be few.
        int multiplications = product.ByColumns || !product.Panels.IsEmpty ? MultiplicationsPerElement : 8 * MultiplicationsPerElement;
        Kernels.Run(ref product, product.Units, (long)product.Size.Rows * product.Size.Columns * product.Size.Inner / multiplications);
    }

    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        Range rows = ByColumns ? .. : Chunk(first, count, UnitRows, Size.Rows);
        Range columns = ByColumns ? Chunk(first, count, UnitColumns, Size.Columns) : ..;
        if (Size.Rows == 1 && !Panels.IsEmpty)
        {
            OneRow<L>(columns);
            return;
        }

        if (Size.Rows == 1 && PackedRows.IsEmpty && B.ColumnStride == 1 && C.ColumnStride == 1)
        {
            (int start, int length) = columns.GetOffsetAndLength(Size.Columns);
            OneRowFromRows<L>(start, length / 16 * 16);
            columns = (start + length / 16 * 16)..columns.End;
        }

        if (VectorWidth.Bits == 512)
        {
            MultiplyAdd<L, WideTiles<L>>(rows, columns);
        }
        else
        {
            MultiplyAdd<L, NarrowTiles<L>>(rows, columns);
        }
    }

    private static Range Chunk(int first, int count, int unit, int length) => (first * unit)..Math.Min((first + count) * unit, length);

    // Of panels, which no product is added to.
    private void OneRow<L>(Range columnRange)
        where L : struct, ILanes<L>
    {
        (int firstColumn, int columnCount) = columnRange.GetOffsetAndLength(Size.Columns);
        Span<float> edge = stackalloc float[RowKernel.Columns];
        for (int j = firstColumn; j < firstColumn + columnCount; j += RowKernel.Columns)
        {
            int columns = Math.Min(RowKernel.Columns, firstColumn + columnCount - j);
            Span<float> c = C.Values.Slice(j, columns);
            Span<float> target = columns % 16 == 0 ? c : edge;
            StartRow(j, target[..columns]);
            RowKernel.MultiplyAdd<L>(A, Panels[(j * Size.Inner)..], Size.Inner, (columns + 15) / 16, target);
            if (columns % 16 != 0)
            {
                target[..columns].CopyTo(c);
            }
        }
    }

    private void OneRowFromRows<L>(int firstColumn, int columns)
        where L : struct, ILanes<L>
    {
        Span<float> c = C.Values.Slice(firstColumn, columns);
        if (Overwrites)
        {
            StartRow(firstColumn, c);
        }

        RowKernel.MultiplyAddRows<L>(A, B.From(0, firstColumn), Size.Inner, c);
    }

    // What the columns from the first on begin at.
    private void StartRow(int firstColumn, Span<float> c)
    {
        if (Bias.IsEmpty)
        {
            c.Clear();
        }
        else
        {
            Bias.Slice(firstColumn, c.Length).CopyTo(c);
        }
    }

    [SkipLocalsInit]
    private void MultiplyAdd<L, T>(Range rowRange, Range columnRange)
        where L : struct, ILanes<L>
        where T : struct, ITileShape
    {
        (int firstRow, int rowCount) = rowRange.GetOffsetAndLength(Size.Rows);
        (int firstColumn, int columnCount) = columnRange.GetOffsetAndLength(Size.Columns);
        Span<float> edge = stackalloc float[T.Rows * T.Columns];
        if (!Panels.IsEmpty)
        {
            MultiplyPanels<L, T>(firstRow, rowCount, columnRange, edge);
            return;
        }

        // Few rows read a panel too seldom for a long one.
        int panelRows = rowCount < UnitRows ? ShortPanel : PanelFloats / T.Columns;
        Span<float> panel = stackalloc float[PanelFloats];
        for (int k = 0; k < Size.Inner; k += panelRows)
        {
            int depth = Math.Min(panelRows, Size.Inner - k);
            int block = PackedRows.IsEmpty ? rowCount : PackedBlock / depth / UnitRows * UnitRows;
            int rows;
            for (int i = firstRow; i < firstRow + rowCount; i += rows)
            {
                int left = firstRow + rowCount - i;
                rows = left < block + UnitRows ? left : block;
                for (int j = firstColumn; j < firstColumn + columnCount; j += T.Columns)
                {
                    int columns = Math.Min(T.Columns, firstColumn + columnCount - j);
                    MatrixBlocks.Pack<L>(B.From(k, j), depth, columns, T.Columns, panel);
                    int ahead = PrefetchesNext ? Math.Min(T.Columns, firstColumn + columnCount - j - columns) : 0;
                    MultiplyAdd<L, T>(new Block(i, rows, j, columns, k, depth), panel, ahead, default, edge);
                }
            }
        }
    }

    // Panels that are there already, in the order of their addresses, so that B passes by once; where A is too large to be kept meanwhile, by pieces of A.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MultiplyPanels<L, T>(int firstRow, int rowCount, Range columns, Span<float> edge)
        where L : struct, ILanes<L>
        where T : struct, ITileShape
    {
        (int firstColumn, int columnCount) = columns.GetOffsetAndLength(Size.Columns);
        int pieces = (Size.Inner + PackedPanel - 1) / PackedPanel;
        int panels = (columnCount + T.Columns - 1) / T.Columns;
        bool keepsA = (long)rowCount * Size.Inner <= MostFloatsKept;
        bool prefetches = (long)Size.Inner * Size.Columns >= FewestFloatsToPrefetch;
        for (int n = 0; n < pieces * panels; n++)
        {
            (int piece, int panel) = Place(n);
            int j = firstColumn + panel * T.Columns;
            int k = piece * PackedPanel;
            Block block = new(firstRow, rowCount, j, Math.Min(T.Columns, firstColumn + columnCount - j), k, Math.Min(PackedPanel, Size.Inner - k));
            ReadOnlySpan<float> ahead = default;
            if (prefetches && n + 1 < pieces * panels)
            {
                (int nextPiece, int nextPanel) = Place(n + 1);
                ahead = Panel(nextPiece * PackedPanel, Math.Min(PackedPanel, Size.Inner - nextPiece * PackedPanel), firstColumn + nextPanel * T.Columns, T.Columns);
            }

            MultiplyAdd<L, T>(block, Panel(block.K, block.Depth, j, T.Columns), 0, ahead, edge);
        }

        (int Piece, int Panel) Place(int n) => keepsA ? (n % pieces, n / pieces) : (n / panels, n % panels);
    }

    private ReadOnlySpan<float> Panel(int k, int depth, int j, int width) => Panels.Slice(j * Size.Inner + k * width, depth * width);

    // One panel of B, and the tiles of C below each other, each of which prefetches its share of the next panel or of what will be packed.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MultiplyAdd<L, T>(Block block, ReadOnlySpan<float> panel, int columnsAhead, ReadOnlySpan<float> ahead, Span<float> edge)
        where L : struct, ILanes<L>
        where T : struct, ITileShape
    {
        (int firstRow, int rowCount, int j, int columns, int k, int depth) = block;
        bool starts = Begins && k == 0;
        bool overwrites = starts && Overwrites;

        // Of what is prefetched, a tile's share with every inner index.
        int share = Math.Min(T.Columns, (T.Columns * T.Rows + rowCount - 1) / rowCount);

        // A tile wider than what is left of C, or across it, works on a copy.
        bool inPlace = columns == T.Columns && C.ColumnStride == 1;
        int stride = inPlace ? C.RowStride : T.Columns;
        TileProduct product = new()
        {
            Panel = panel,
            Depth = depth,
            StartStride = starts && !overwrites ? stride : 0,
            RestStride = starts ? 0 : stride,
            CStride = stride,
        };
        int rows;
        for (int i = firstRow; i < firstRow + rowCount; i += rows)
        {
            rows = ITileShape.RowsOf<T>(firstRow + rowCount - i);
            if (columnsAhead > 0)
            {
                MatrixBlocks.PrefetchShare(B.From(k, j + columns), depth, columnsAhead, i - firstRow, rows, rowCount);
            }

            Span<float> c = C.Values[(i * C.RowStride + j * C.ColumnStride)..];
            Span<float> target = inPlace ? c : edge;
            ReadOnlySpan<float> start = target;
            if (inPlace)
            {
                if (Panels.IsEmpty && !(overwrites && depth <= ShallowPanel))
                {
                    // Prefetches the tile below. Behind packed panels C is mostly in a cache already.
                    MatrixBlocks.PrefetchRows(in MemoryMarshal.GetReference(c), C.RowStride, rows, T.Rows, columns);
                }

                start = !overwrites ? c : Bias.IsEmpty ? MicroKernel.Zeros : Bias[j..];
            }
            else if (!overwrites)
            {
                MatrixBlocks.Copy<L>(new Factor(c, C.RowStride, C.ColumnStride), rows, columns, edge, T.Columns, 1);
            }
            else if (Bias.IsEmpty)
            {
                start = MicroKernel.Zeros;
            }
            else
            {
                Bias.Slice(j, columns).CopyTo(edge);
            }

            product.A = PackedRows.IsEmpty ? A.From(i, k) : new(PackedRows[(i * depth)..], 1, rows);
            product.Start = starts ? start : MicroKernel.Zeros;
            product.Rest = starts ? MicroKernel.MinusZeros : target;
            product.C = target;
            product.Ahead = ahead.IsEmpty ? panel : ahead;
            product.AheadStep = ahead.IsEmpty ? 0 : share * sizeof(float);
            T.MultiplyAdd(in product, rows);
            ahead = ahead[Math.Min(ahead.Length, depth * share)..];
            if (!inPlace)
            {
                MatrixBlocks.Copy<L>(new Factor(edge, T.Columns, 1), rows, columns, c, C.RowStride, C.ColumnStride);
            }
        }
    }

    /// <summary>Rows, columns and inner indices of a part of the product.</summary>
    private readonly record struct Block(int FirstRow, int RowCount, int FirstColumn, int Columns, int K, int Depth);
}

/// <summary>The dimensions of a product: C has rows and columns, A and B meet at the inner ones.</summary>
internal readonly record struct ProductSize(int Rows, int Columns, int Inner)
{
    public ProductSize Transpose() => new(Columns, Rows, Inner);
}

/// <summary>C, or its transpose.</summary>
internal readonly ref struct ProductTarget(Span<float> values, int rowStride, int columnStride)
{
    public Span<float> Values { get; } = values;

    public int RowStride { get; } = rowStride;

    public int ColumnStride { get; } = columnStride;

    public ProductTarget Transpose() => new(Values, ColumnStride, RowStride);
}
