using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Copies B's columns into panels as wide as a tile, each with all inner indices, padded with zeros. Units are <see cref="ProductKernel.UnitColumns"/> columns.</summary>
internal readonly ref struct ColumnPacking(Factor b, int depth, int columns, Span<float> panels) : IKernel
{
    private readonly Factor _b = b;
    private readonly int _depth = depth;
    private readonly int _columns = columns;
    private readonly Span<float> _panels = panels;

    public int Units => (_columns + ProductKernel.UnitColumns - 1) / ProductKernel.UnitColumns;

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int width = ProductKernel.TileColumns;
        int end = Math.Min((first + count) * ProductKernel.UnitColumns, _columns); // A panel without a column is never read.
        for (int j = first * ProductKernel.UnitColumns; j < end; j += width)
        {
            MatrixBlocks.Pack<L>(_b.From(0, j), _depth, Math.Min(width, _columns - j), width, _panels.Slice(j * _depth, width * _depth));
        }
    }
}
