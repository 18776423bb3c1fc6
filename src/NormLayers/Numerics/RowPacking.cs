namespace NormLayers.Numerics;

/// <summary>Copies A's rows, in groups as high as a tile, so that a tile reads them in order. Units are <see cref="ProductKernel.UnitRows"/> rows, the last up to twice as many.</summary>
internal readonly ref struct RowPacking(Factor a, ProductSize size, Span<float> packed) : IKernel
{
    private readonly Factor _a = a;
    private readonly ProductSize _size = size;
    private readonly Span<float> _packed = packed;

    public static int Units(ProductSize size) => Math.Max(1, size.Rows / ProductKernel.UnitRows);

    public static int Length(ProductSize size) => size.Rows * size.Inner;

    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int firstRow = first * ProductKernel.UnitRows;
        int end = first + count == Units(_size) ? _size.Rows : (first + count) * ProductKernel.UnitRows;
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
            rows = ITileShape.RowsOf<T>(end - i);
            MatrixBlocks.Pack<L>(_a.From(i, 0).Transpose(), _size.Inner, rows, rows, _packed[(i * _size.Inner)..]);
        }
    }
}
