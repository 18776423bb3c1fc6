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

    /// <summary>A row for <see cref="TileProduct.Rest"/> that changes no bit.</summary>
    public static ReadOnlySpan<float> MinusZeros => _minusZeros;

    /// <summary>As <see cref="ITileShape.MultiplyAdd"/>, by one tile.</summary>
    /// <remarks>All chains in one method: a call for each would take as long as some of their steps. Four steps at once are more than the compiler inlines.</remarks>
    [MethodImpl(Kernels.FullyOptimized)]
    public static void MultiplyAdd<V, N>(in TileProduct block)
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
            for (int pairs = length >> 1; pairs > 0; pairs--)
            {
                V.Prefetch(in ahead);
                ahead = ref Unsafe.AddByteOffset(ref ahead, aheadStep);

                // c[r, j] += a[r, k] * b[k, j]
                tile.MultiplyAdd(ref column, rowsOfA, in row, 0);
                column = ref Unsafe.AddByteOffset(ref column, step);
                tile.MultiplyAdd(ref column, rowsOfA, in row, V.Columns);
                column = ref Unsafe.AddByteOffset(ref column, step);
                row = ref Unsafe.Add(ref row, 2 * V.Columns);
            }

            if ((length & 1) != 0)
            {
                tile.MultiplyAdd(ref column, rowsOfA, in row, 0);
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
