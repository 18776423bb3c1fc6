using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>A matrix, its transpose, or a part that begins at some element: element (i, j) is at i·RowStride + j·ColumnStride.</summary>
internal readonly ref struct Factor(ReadOnlySpan<float> values, int rowStride, int columnStride)
{
    public ReadOnlySpan<float> Values { get; } = values;

    public int RowStride { get; } = rowStride;

    public int ColumnStride { get; } = columnStride;

    public Factor Transpose() => new(Values, ColumnStride, RowStride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Factor From(int row, int column) => new(Values[(row * RowStride + column * ColumnStride)..], RowStride, ColumnStride);
}
