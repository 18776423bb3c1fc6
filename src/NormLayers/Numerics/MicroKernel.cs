using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The innermost loop of the matrix products: a tile of C stays in registers, A and B pass by.</summary>
internal static class MicroKernel
{
    /// <summary>As <see cref="ITileShape.MultiplyAdd"/>, by one tile.</summary>
    [MethodImpl(Kernels.Loops)]
    public static void MultiplyAdd<T>(Factor a, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
        where T : struct, ITile<T>
    {
        ref float column = ref MemoryMarshal.GetReference(a.Values);
        ref float row = ref MemoryMarshal.GetReference(panel);
        TileRows rowsOfA = new(rows, a.RowStride);
        TileRows rowsOfC = new(rows, cStride);
        nint step = a.ColumnStride;
        T tile = T.Load(in MemoryMarshal.GetReference(c), in rowsOfC);
        int k = 0;
        for (; k <= depth - 4; k += 4)
        {
            // c[r, j] += a[r, k] * b[k, j]
            tile.Add(ref column, in rowsOfA, in row, 0);
            column = ref Unsafe.Add(ref column, step);
            tile.Add(ref column, in rowsOfA, in row, T.Columns);
            column = ref Unsafe.Add(ref column, step);
            tile.Add(ref column, in rowsOfA, in row, 2 * T.Columns);
            column = ref Unsafe.Add(ref column, step);
            tile.Add(ref column, in rowsOfA, in row, 3 * T.Columns);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, 4 * T.Columns);
        }

        for (; k < depth; k++)
        {
            tile.Add(ref column, in rowsOfA, in row, 0);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, T.Columns);
        }

        tile.Store(ref MemoryMarshal.GetReference(c), in rowsOfC);
    }
}
