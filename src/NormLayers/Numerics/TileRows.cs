using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Where a matrix has the rows of a tile, in bytes from the first of them on: each is one, two or four times what a register holds, as an address may be.</summary>
/// <param name="stride">From one row to the next, in elements.</param>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly struct TileRows(int stride)
{
    private readonly nint _one = (nint)stride * sizeof(float);
    private readonly nint _three = (nint)stride * (3 * sizeof(float));
    private readonly nint _five = (nint)stride * (5 * sizeof(float));
    private readonly nint _seven = (nint)stride * (7 * sizeof(float));

    public nint Row1 => _one;

    public nint Row2 => 2 * _one;

    public nint Row3 => _three;

    public nint Row4 => 4 * _one;

    public nint Row5 => _five;

    public nint Row6 => 2 * _three;

    public nint Row7 => _seven;
}
