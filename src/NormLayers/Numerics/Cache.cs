using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>What kernels tell the caches.</summary>
internal static unsafe class Cache
{
    // 4 MiB.
    private const int Elements = 1 << 20;

    /// <summary>Whether a tensor comes from memory, so that asking for it ahead pays; from the caches it only takes time.</summary>
    /// <param name="elements">How many floats it has.</param>
    public static bool IsExceeded(int elements) => elements >= Elements;

    /// <summary>Prefetches an element's line into the second-level cache; it need not be part of the array.</summary>
    /// <param name="row">The row's first element.</param>
    /// <param name="index">The element.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchToSecondLevel(ref readonly float row, nint index)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in row)) + index * sizeof(float));
        }
    }

    /// <summary>Asks the first-level cache for the line of an element that will be read soon; it need not be part of the array.</summary>
    /// <param name="row">The row's first element.</param>
    /// <param name="index">The element.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(ref readonly float row, nint index)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in row)) + index * sizeof(float));
        }
    }
}
