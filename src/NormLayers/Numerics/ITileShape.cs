namespace NormLayers.Numerics;

/// <summary>C += A·B by blocks of C of one width.</summary>
internal interface ITileShape
{
    /// <summary>The most rows of a block.</summary>
    static abstract int Rows { get; }

    /// <summary>Its columns.</summary>
    static abstract int Columns { get; }

    /// <summary>How many rows the next block takes.</summary>
    /// <param name="left">How many are left, ≥ 1.</param>
    static abstract int RowsOf(int left);

    /// <summary>Adds the products of some inner indices, in chains of <see cref="MatrixProduct.Chain"/>, to a block that stays in registers.</summary>
    /// <param name="a">A, from the block's first row and the first of them.</param>
    /// <param name="panel">The block's columns of B, packed: (depth, <see cref="Columns"/>).</param>
    /// <param name="depth">How many inner indices.</param>
    /// <param name="rows">1 to <see cref="Rows"/>; where there are fewer, the last is computed several times over, to the same result.</param>
    /// <param name="begins">Whether they are the product's first, whose first chain begins at what C holds.</param>
    /// <param name="c">The block: added to.</param>
    /// <param name="cStride">From one row of C to the next.</param>
    static abstract void MultiplyAdd(Factor a, ReadOnlySpan<float> panel, int depth, int rows, bool begins, Span<float> c, int cStride);
}
