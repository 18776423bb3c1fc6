namespace NormLayers.Numerics;

/// <summary>A block of C that stays in registers while products are added to it: <see cref="MicroKernel"/> has the loop.</summary>
/// <remarks>
/// Each is written out row by row: what a loop picks by its index does not stay in a register. Nor does one call another: six rows as
/// four and two would have two copies of B's row, which are more registers than there are.
/// </remarks>
internal interface ITile<TSelf>
    where TSelf : struct, ITile<TSelf>
{
    /// <summary>The block's columns.</summary>
    static abstract int Columns { get; }

    /// <summary>Reads the block.</summary>
    /// <param name="c">Its first element.</param>
    /// <param name="rows">Where C has the block's rows.</param>
    static abstract TSelf Load(ref readonly float c, in TileRows rows);

    /// <summary>c[r, j] += a[r, k]·b[k, j] for one inner index k.</summary>
    /// <param name="a">Column k of A, from the block's first row.</param>
    /// <param name="rows">Where A has the block's rows.</param>
    /// <param name="b">The panel of B, packed.</param>
    /// <param name="row">Where its row k begins.</param>
    void Add(ref float a, in TileRows rows, ref readonly float b, nint row);

    /// <summary>Adds what C holds, with one rounding.</summary>
    /// <param name="c">Its first element.</param>
    /// <param name="rows">Where C has the block's rows.</param>
    void Add(ref readonly float c, in TileRows rows);

    /// <summary>Writes the block: overwrites C.</summary>
    /// <param name="c">Its first element.</param>
    /// <param name="rows">Where C has the block's rows.</param>
    void Store(ref float c, in TileRows rows);
}
