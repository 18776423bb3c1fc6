using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The innermost loop of the matrix products: a tile of C stays in registers, A and B pass by.</summary>
internal static class MicroKernel
{
    // Rows for a tile that begins at 0, and for one to which nothing is added: x + (−0) is x, also where x is −0.
    private static readonly float[] _zeros = new float[32];
    private static readonly float[] _minusZeros = [.. Enumerable.Repeat(-0f, 32)];

    /// <summary>As <see cref="ITileShape.MultiplyAdd"/>, by one tile.</summary>
    public static void MultiplyAdd<T>(Factor a, ReadOnlySpan<float> panel, int depth, int rows, bool begins, Span<float> c, int cStride)
        where T : struct, ITile<T>
    {
        ref float column = ref MemoryMarshal.GetReference(a.Values);
        ref float row = ref MemoryMarshal.GetReference(panel);
        ref float c0 = ref MemoryMarshal.GetReference(c);
        TileRows rowsOfA = new(rows, a.RowStride);
        TileRows rowsOfC = new(rows, cStride);
        for (int first = 0; first < depth; first += MatrixProduct.Chain)
        {
            int length = Math.Min(MatrixProduct.Chain, depth - first);
            if (begins && first == 0)
            {
                AddChain<T>(ref column, a.ColumnStride, in rowsOfA, ref row, length, in c0, in rowsOfC, in _minusZeros[0], default, ref c0, in rowsOfC);
            }
            else
            {
                AddChain<T>(ref column, a.ColumnStride, in rowsOfA, ref row, length, in _zeros[0], default, in c0, in rowsOfC, ref c0, in rowsOfC);
            }

            column = ref Unsafe.Add(ref column, (nint)length * a.ColumnStride);
            row = ref Unsafe.Add(ref row, length * T.Columns);
        }
    }

    // Without branches around the tile, which would take it out of its registers; and four steps at once are more than the compiler inlines.
    [MethodImpl(Kernels.Loops)]
    private static void AddChain<T>(
        ref float column, nint step, in TileRows rowsOfA, ref float row, int length, ref readonly float start, in TileRows startRows,
        ref readonly float rest, in TileRows restRows, ref float c, in TileRows rowsOfC)
        where T : struct, ITile<T>
    {
        T tile = T.Load(in start, in startRows);
        int k = 0;
        for (; k <= length - 2; k += 2)
        {
            // c[r, j] += a[r, k] * b[k, j]
            tile.Add(ref column, in rowsOfA, in row, 0);
            column = ref Unsafe.Add(ref column, step);
            tile.Add(ref column, in rowsOfA, in row, T.Columns);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, 2 * T.Columns);
        }

        if (k < length)
        {
            tile.Add(ref column, in rowsOfA, in row, 0);
        }

        tile.Add(in rest, in restRows);
        tile.Store(ref c, in rowsOfC);
    }
}
