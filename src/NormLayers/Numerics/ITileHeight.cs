namespace NormLayers.Numerics;

/// <summary>How many rows a <see cref="Tile{V,N}"/> has, as a type argument: the compiler removes the others.</summary>
internal interface ITileHeight
{
    /// <summary>Gets the number of rows, 1 to 8.</summary>
    static abstract int Rows { get; }
}
