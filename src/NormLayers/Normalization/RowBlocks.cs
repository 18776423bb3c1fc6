namespace NormLayers.Normalization;

/// <summary>The blocks of rows whose column sums are taken apart from each other and then added in order.</summary>
/// <remarks>They follow from the shape alone: neither the vector width nor the number of threads changes a block, and so no bit of a sum.</remarks>
/// <param name="Rows">The number of rows.</param>
/// <param name="RowsPerBlock">The rows of each block but the last, which may have fewer.</param>
internal readonly record struct RowBlocks(int Rows, int RowsPerBlock)
{
    private const int Most = 16;
    private const int FewestRows = 16;

    // A block's sums are written by the thread that does it and read by the caller, from the other's cache: the fewer the better.
    private const long FewestElements = 32768;

    /// <summary>The number of blocks.</summary>
    public int Count => Rows == RowsPerBlock ? 1 : (int)(((long)Rows + RowsPerBlock - 1) / RowsPerBlock);

    /// <summary>The blocks of a matrix: one if it is small, up to sixteen otherwise. A power of two is aimed at, which threads share evenly; blocks of a multiple of eight rows may be fewer.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    public static RowBlocks Of(int rows, int columns)
    {
        int count = 1;
        while (count < Most && (long)rows * columns >= 2 * count * FewestElements)
        {
            count *= 2;
        }

        return new(rows, count == 1 ? Math.Max(rows, 1) : Math.Max(FewestRows, ((rows - 1) / count + 8) & ~7));
    }

    /// <summary>The first row of a block; that of the block after the last is the number of rows.</summary>
    public int Start(int block) => (int)Math.Min((long)block * RowsPerBlock, Rows);

    /// <summary>Adds the sums of all blocks, in order, to the sums of the first.</summary>
    /// <param name="sums">The blocks' sums, one after the other.</param>
    /// <param name="length">How many sums a block has.</param>
    /// <returns>The totals: the first block's place.</returns>
    public Span<double> Total(Span<double> sums, int length) => Accumulation.Fold(sums[..(Count * length)], length);
}
