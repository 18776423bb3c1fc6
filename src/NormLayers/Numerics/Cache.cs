using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>What kernels tell the caches.</summary>
internal static unsafe class Cache
{
    // The next row's first lines are asked for while this row's last are worked on (docs/performance.md, reading ahead).
    private const int Ahead = 1024;

    /// <summary>Asks for the line a kilobyte after an element; it need not be part of the array.</summary>
    /// <param name="row">The row's first element.</param>
    /// <param name="index">The element.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadAhead(ref readonly float row, int index)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in row)) + (nint)index * sizeof(float) + Ahead);
        }
    }
}
