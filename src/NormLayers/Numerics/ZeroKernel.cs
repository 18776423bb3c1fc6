using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Sets an array to zero with non-temporal stores: other memory is used before it is read again.</summary>
/// <remarks>Writes the array and reads nothing; an ordinary store would first read the line that it goes to. Units are chunks.</remarks>
internal readonly ref struct ZeroKernel : IKernel
{
    // 2 MiB.
    private const int FewestElements = 1 << 19;

    private readonly Span<float> _values;

    private ZeroKernel(Span<float> values) => _values = values;

    /// <summary>Overwrites with zeros; in the ordinary way where the caches keep the array.</summary>
    public static void Clear(Span<float> values)
    {
        if (values.Length < FewestElements)
        {
            values.Clear();
            return;
        }

        ZeroKernel kernel = new(values);
        Kernels.Run(ref kernel, ElementChunks.Count(values.Length), values.Length);
    }

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        (int start, int end) = ElementChunks.Elements(first, count, _values.Length);
        RowMap.Apply<L, Map>(default, ref Unsafe.Add(ref MemoryMarshal.GetReference(_values), start), end - start, streamed: true);
        RowMap.Fence(streamed: true);
    }

    private readonly struct Map : IRowMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(nint i)
            where L : struct, ILanes<L>
            => L.Zero;
    }
}
