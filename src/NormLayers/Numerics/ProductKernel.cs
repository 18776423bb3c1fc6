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

    /// <summary>The inner indices of a panel where few rows read it; a multiple of <see cref="MatrixProduct.Chain"/>.</summary>
    public const int ShortPanel = 256;

    // As many floats as the first-level cache holds: 512 inner indices by sixteen columns, or 256 by 32.
    private const int PanelFloats = 8192;

    // As many floats of the packed A as the second-level cache holds while one panel of B after the other passes by.
    private const int PackedBlock = 64 * 1024;

    private const int FewestColumnUnits = 4;

    // So many multiplications take about as long as an element of a normalization.
    public const int MultiplicationsPerElement = 8;

    // Rows enough that prefetching costs nothing measurable, and more floats of B than the second-level cache keeps.
    private const int FewestRowsToPrefetch = 48;
    private const int FewestFloatsToPrefetch = 128 * 1024;

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

    /// <summary>Whether the first chain begins at what C holds; otherwise each is added to it.</summary>
    public required bool Begins { get; init; }

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
        }
        else if (VectorWidth.Bits == 512)
        {
            MultiplyAdd<L, WideTiles<L>>(rows, columns);
        }
        else
        {
            MultiplyAdd<L, NarrowTiles<L>>(rows, columns);
        }
    }

    private static Range Chunk(int first, int count, int unit, int length) => (first * unit)..Math.Min((first + count) * unit, length);

    // B's part for some columns, packed here or already.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<float> Panel<L>(int k, int j, int depth, int columns, int width, Span<float> room)
        where L : struct, ILanes<L>
    {
        if (!Panels.IsEmpty)
        {
            return Panels.Slice(j * Size.Inner + k * width, depth * width);
        }

        MatrixBlocks.Pack<L>(B.From(k, j), depth, columns, width, room);
        return room;
    }

    private void OneRow<L>(Range columnRange)
        where L : struct, ILanes<L>
    {
        (int firstColumn, int columnCount) = columnRange.GetOffsetAndLength(Size.Columns);
        Span<float> edge = stackalloc float[RowKernel.Columns];
        for (int j = firstColumn; j < firstColumn + columnCount; j += RowKernel.Columns)
        {
            int columns = Math.Min(RowKernel.Columns, firstColumn + columnCount - j);
            Span<float> c = C.Values.Slice(j, columns);
            Span<float> room = columns % 16 == 0 ? c : edge;
            if (columns % 16 != 0)
            {
                c.CopyTo(room);
            }

            RowKernel.MultiplyAdd<L>(A, Panels[(j * Size.Inner)..], Size.Inner, (columns + 15) / 16, room);
            if (columns % 16 != 0)
            {
                room[..columns].CopyTo(c);
            }
        }
    }

    [SkipLocalsInit]
    private void MultiplyAdd<L, T>(Range rowRange, Range columnRange)
        where L : struct, ILanes<L>
        where T : struct, ITileShape
    {
        (int firstRow, int rowCount) = rowRange.GetOffsetAndLength(Size.Rows);
        (int firstColumn, int columnCount) = columnRange.GetOffsetAndLength(Size.Columns);
        Span<float> room = stackalloc float[PanelFloats];
        Span<float> edge = stackalloc float[T.Rows * T.Columns];

        // Few rows read a panel too seldom for a long one.
        int panelRows = rowCount < UnitRows ? ShortPanel : PanelFloats / T.Columns;
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
                    ReadOnlySpan<float> panel = Panel<L>(k, j, depth, columns, T.Columns, room);
                    int ahead = PrefetchesNext ? Math.Min(T.Columns, firstColumn + columnCount - j - columns) : 0;
                    MultiplyAdd<L, T>(i, rows, j, columns, k, depth, panel, ahead, edge);
                }
            }
        }
    }

    // One panel of B, and the tiles of C below each other, each of which prefetches its share of the next panel.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MultiplyAdd<L, T>(int firstRow, int rowCount, int j, int columns, int k, int depth, ReadOnlySpan<float> panel, int ahead, Span<float> edge)
        where L : struct, ILanes<L>
        where T : struct, ITileShape
    {
        bool begins = Begins && k == 0;
        int rows;
        for (int i = firstRow; i < firstRow + rowCount; i += rows)
        {
            rows = T.RowsOf(firstRow + rowCount - i);
            if (ahead > 0)
            {
                MatrixBlocks.PrefetchShare(B.From(k, j + columns), depth, ahead, i - firstRow, rows, rowCount);
            }

            Factor a = PackedRows.IsEmpty ? A.From(i, k) : new(PackedRows[(i * depth)..], 1, rows);
            Span<float> c = C.Values[(i * C.RowStride + j * C.ColumnStride)..];
            if (columns == T.Columns && C.ColumnStride == 1)
            {
                // Prefetches the tile below.
                MatrixBlocks.PrefetchRows(in MemoryMarshal.GetReference(c), C.RowStride, rows, T.Rows, columns);
                T.MultiplyAdd(a, panel, depth, rows, begins, c, C.RowStride);
                continue;
            }

            // A tile wider than what is left of C, or across it, works on a copy.
            MatrixBlocks.Copy<L>(new Factor(c, C.RowStride, C.ColumnStride), rows, columns, edge, T.Columns, 1);
            T.MultiplyAdd(a, panel, depth, rows, begins, edge, T.Columns);
            MatrixBlocks.Copy<L>(new Factor(edge, T.Columns, 1), rows, columns, c, C.RowStride, C.ColumnStride);
        }
    }
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
