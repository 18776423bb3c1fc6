using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>C += A·B by blocks of C of one width.</summary>
internal interface ITileShape
{
    /// <summary>The most rows of a block.</summary>
    static abstract int Rows { get; }

    /// <summary>Its columns.</summary>
    static abstract int Columns { get; }

    /// <summary>Adds the products of some inner indices, in chains of <see cref="MatrixProduct.Chain"/>, to a block that stays in registers.</summary>
    /// <param name="block">The operands.</param>
    /// <param name="rows">1 to <see cref="Rows"/>.</param>
    static abstract void MultiplyAdd(in TileProduct block, int rows);

    /// <summary>How many rows the next block takes: all of them, and of the last <see cref="ProductKernel.UnitRows"/> an even share, so that no row is computed twice.</summary>
    /// <param name="left">How many rows are left, ≥ 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int RowsOf<T>(int left)
        where T : struct, ITileShape
    {
        if (left >= ProductKernel.UnitRows)
        {
            return T.Rows;
        }

        int blocks = (left + T.Rows - 1) / T.Rows;
        return (left + blocks - 1) / blocks;
    }
}
