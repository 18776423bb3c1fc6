using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Whether two spans share memory, also of different element types.</summary>
internal static class MemoryOverlap
{
    /// <summary>Whether at least one byte belongs to both; never for an empty span.</summary>
    public static bool Exists<T, U>(ReadOnlySpan<T> left, ReadOnlySpan<U> right)
        where T : unmanaged
        where U : unmanaged
    {
        if (left.IsEmpty || right.IsEmpty)
        {
            return false;
        }

        nint distance = Unsafe.ByteOffset(
            ref Unsafe.As<T, byte>(ref MemoryMarshal.GetReference(left)), ref Unsafe.As<U, byte>(ref MemoryMarshal.GetReference(right)));
        return (nuint)distance < (nuint)left.Length * (nuint)Unsafe.SizeOf<T>()
            || (nuint)(-distance) < (nuint)right.Length * (nuint)Unsafe.SizeOf<U>();
    }
}
