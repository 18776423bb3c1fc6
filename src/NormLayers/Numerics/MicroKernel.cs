using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The innermost loop of the matrix products: a tile of C stays in registers, A and B pass by.</summary>
internal static class MicroKernel
{
    // Rows for a tile that begins at 0, and for one to which nothing is added: x + (−0) is x, also where x is −0.
    private static readonly float[] _zeros = new float[32];
    private static readonly float[] _minusZeros = [.. Enumerable.Repeat(-0f, 32)];

    // Inner indices of one turn of the loop. The compiler follows 1024 variables, and each index takes its share of them.
    private const int Unroll = 4;

    /// <summary>A row of zeros for <see cref="TileProduct.Start"/>.</summary>
    public static ReadOnlySpan<float> Zeros => _zeros;

    /// <summary>A row for <see cref="TileProduct.Rest"/> that changes no bit.</summary>
    public static ReadOnlySpan<float> MinusZeros => _minusZeros;

    /// <summary>Adds the products of some inner indices, in chains of <see cref="MatrixProduct.Chain"/>, to a block that stays in registers.</summary>
    /// <typeparam name="V">A row of the block.</typeparam>
    /// <param name="block">The operands.</param>
    /// <param name="rows">1 to 8.</param>
    public static void MultiplyAdd<V>(in TileProduct block, int rows)
        where V : struct, ITileRow<V>
    {
        Debug.Assert(rows is >= 1 and <= 8, "No tile has so many rows.");
        switch (rows)
        {
            case 8: MultiplyAdd<V, TileHeights.Eight>(in block); break;
            case 7: MultiplyAdd<V, TileHeights.Seven>(in block); break;
            case 6: MultiplyAdd<V, TileHeights.Six>(in block); break;
            case 5: MultiplyAdd<V, TileHeights.Five>(in block); break;
            case 4: MultiplyAdd<V, TileHeights.Four>(in block); break;
            case 3: MultiplyAdd<V, TileHeights.Three>(in block); break;
            case 2: MultiplyAdd<V, TileHeights.Two>(in block); break;
            default: MultiplyAdd<V, TileHeights.One>(in block); break;
        }
    }

    // All chains in one method: a call for each would take as long as some of their steps. The loop is unrolled by four: on a core that two threads share
    // the instructions beside the multiply-adds count.
    [MethodImpl(Kernels.FullyOptimized)]
    private static void MultiplyAdd<V, N>(in TileProduct block)
        where V : struct, ITileRow<V>
        where N : struct, ITileHeight
    {
        ref float column = ref MemoryMarshal.GetReference(block.A.Values);
        TileRows rowsOfA = new(block.A.RowStride);
        nint step = (nint)block.A.ColumnStride * sizeof(float);
        ref float row = ref MemoryMarshal.GetReference(block.Panel);
        ref float ahead = ref MemoryMarshal.GetReference(block.Ahead);
        nint aheadStep = block.AheadStep;

        // The first chain's end is told by the block, every other is added to C.
        ref float rest = ref MemoryMarshal.GetReference(block.Rest);
        int restStride = block.RestStride;
        Tile<V, N> tile = default;
        tile.Load(in MemoryMarshal.GetReference(block.Start), new TileRows(block.StartStride));
        for (int left = block.Depth; left > 0; left -= MatrixProduct.Chain)
        {
            int length = Math.Min(MatrixProduct.Chain, left);
            for (; length >= Unroll; length -= Unroll)
            {
                // With the first index, with every second or with all, so that each line of this turn's share is met.
                V.Prefetch(in ahead);
                if (aheadStep > V.Columns * sizeof(float) / Unroll)
                {
                    V.Prefetch(in Unsafe.AddByteOffset(ref ahead, 2 * aheadStep));
                    if (aheadStep > V.Columns * sizeof(float) * 2 / Unroll)
                    {
                        V.Prefetch(in Unsafe.AddByteOffset(ref ahead, aheadStep));
                        V.Prefetch(in Unsafe.AddByteOffset(ref ahead, 3 * aheadStep));
                    }
                }

                ahead = ref Unsafe.AddByteOffset(ref ahead, Unroll * aheadStep);

                // c[r, j] += a[r, k] * b[k, j]
                tile.MultiplyAdd(ref column, rowsOfA, in row);
                column = ref Unsafe.AddByteOffset(ref column, step);
                tile.MultiplyAdd(ref column, rowsOfA, in Unsafe.Add(ref row, V.Columns));
                column = ref Unsafe.AddByteOffset(ref column, step);
                tile.MultiplyAdd(ref column, rowsOfA, in Unsafe.Add(ref row, 2 * V.Columns));
                column = ref Unsafe.AddByteOffset(ref column, step);
                tile.MultiplyAdd(ref column, rowsOfA, in Unsafe.Add(ref row, 3 * V.Columns));
                column = ref Unsafe.AddByteOffset(ref column, step);
                row = ref Unsafe.Add(ref row, Unroll * V.Columns);
            }

            for (; length > 0; length--)
            {
                tile.MultiplyAdd(ref column, rowsOfA, in row);
                column = ref Unsafe.AddByteOffset(ref column, step);
                row = ref Unsafe.Add(ref row, V.Columns);
            }

            ref float c = ref MemoryMarshal.GetReference(block.C);
            tile.Add(in rest, new TileRows(restStride));
            tile.Store(ref c, new TileRows(block.CStride));
            tile = default;
            rest = ref c;
            restStride = block.CStride;
        }
    }
}
