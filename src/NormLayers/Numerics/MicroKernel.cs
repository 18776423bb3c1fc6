using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The innermost loop of the matrix products: a tile of C stays in registers, A and B pass by.</summary>
internal static class MicroKernel
{
    // Rows for a tile that begins at 0, and for one to which nothing is added: x + (−0) is x, also where x is −0.
    private static readonly float[] _zeros = new float[32];
    private static readonly float[] _minusZeros = [.. Enumerable.Repeat(-0f, 32)];

    /// <summary>A row of zeros for <see cref="TileProduct.Start"/>.</summary>
    public static ReadOnlySpan<float> Zeros => _zeros;

    /// <summary>As <see cref="ITileShape.MultiplyAdd"/>, by one tile.</summary>
    public static void MultiplyAdd<V, N>(in TileProduct block, int rows)
        where V : struct, ITileRow<V>
        where N : struct, ITileHeight
    {
        ref float column = ref MemoryMarshal.GetReference(block.A.Values);
        ref float row = ref MemoryMarshal.GetReference(block.Panel);
        ref float ahead = ref MemoryMarshal.GetReference(block.Ahead);
        ref float c = ref MemoryMarshal.GetReference(block.C);
        TileRows rowsOfA = new(rows, block.A.RowStride);
        TileRows rowsOfC = new(rows, block.CStride);
        for (int first = 0; first < block.Depth; first += MatrixProduct.Chain)
        {
            int length = Math.Min(MatrixProduct.Chain, block.Depth - first);
            if (first == 0 && !block.Start.IsEmpty)
            {
                TileRows startRows = new(rows, block.StartStride);
                AddChain<V, N>(ref column, block.A.ColumnStride, in rowsOfA, ref row, length, in MemoryMarshal.GetReference(block.Start), in startRows, in _minusZeros[0], default, ref c, in rowsOfC, ref ahead, block.LinesAhead);
            }
            else
            {
                AddChain<V, N>(ref column, block.A.ColumnStride, in rowsOfA, ref row, length, in _zeros[0], default, in c, in rowsOfC, ref c, in rowsOfC, ref ahead, block.LinesAhead);
            }

            column = ref Unsafe.Add(ref column, (nint)length * block.A.ColumnStride);
            row = ref Unsafe.Add(ref row, length * V.Columns);
            ahead = ref Unsafe.Add(ref ahead, length / 2 * block.LinesAhead * 16);
        }
    }

    // Without branches around the tile, which would take it out of its registers; and four steps at once are more than the compiler inlines.
    [MethodImpl(Kernels.FullyOptimized)]
    private static void AddChain<V, N>(
        ref float column, nint step, in TileRows rowsOfA, ref float row, int length, ref readonly float start, in TileRows startRows,
        ref readonly float rest, in TileRows restRows, ref float c, in TileRows rowsOfC, ref float ahead, int linesAhead)
        where V : struct, ITileRow<V>
        where N : struct, ITileHeight
    {
        Tile<V, N> tile = default;
        tile.Load(in start, in startRows);
        int k = 0;
        for (; k <= length - 2; k += 2)
        {
            for (int line = 0; line < linesAhead; line++)
            {
                Cache.PrefetchToSecondLevel(in ahead);
                ahead = ref Unsafe.Add(ref ahead, 16);
            }

            // c[r, j] += a[r, k] * b[k, j]
            tile.MultiplyAdd(ref column, in rowsOfA, in row, 0);
            column = ref Unsafe.Add(ref column, step);
            tile.MultiplyAdd(ref column, in rowsOfA, in row, V.Columns);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, 2 * V.Columns);
        }

        if (k < length)
        {
            tile.MultiplyAdd(ref column, in rowsOfA, in row, 0);
        }

        tile.Add(in rest, in restRows);
        tile.Store(ref c, in rowsOfC);
    }
}
