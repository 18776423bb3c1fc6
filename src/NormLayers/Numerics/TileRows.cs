using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Where a matrix has the rows of a tile, from the first of them on; rows that it does not have stand for the last.</summary>
/// <param name="rows">How many there are, ≥ 1.</param>
/// <param name="stride">From one to the next.</param>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly struct TileRows(int rows, int stride)
{
    public readonly nint Row1 = Math.Min(1, rows - 1) * stride;
    public readonly nint Row2 = Math.Min(2, rows - 1) * stride;
    public readonly nint Row3 = Math.Min(3, rows - 1) * stride;
    public readonly nint Row4 = Math.Min(4, rows - 1) * stride;
    public readonly nint Row5 = Math.Min(5, rows - 1) * stride;
    public readonly nint Row6 = Math.Min(6, rows - 1) * stride;
    public readonly nint Row7 = Math.Min(7, rows - 1) * stride;
}
