using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>A formula for a plane of an array, of which each has one of its own.</summary>
/// <typeparam name="M">The formula.</typeparam>
/// <typeparam name="K">What it is computed from.</typeparam>
internal interface IPlaneMap<M, K> : IRowMap
    where M : struct, IPlaneMap<M, K>, allows ref struct
    where K : struct, allows ref struct
{
    /// <summary>A plane's formula; it counts elements from the plane's first, and is also evaluated up to fifteen before it and after its last.</summary>
    /// <param name="kernel">What it is computed from.</param>
    /// <param name="plane">The plane.</param>
    /// <param name="channel">Its channel.</param>
    static abstract M Of(scoped ref readonly K kernel, int plane, int channel);
}

/// <summary>Applies formulas to planes that lie one after the other.</summary>
/// <remarks>
/// They are stored as one run of vectors of sixteen, in a long run from cache line to cache line, however short a plane is. A vector that belongs to
/// two planes is computed by the formulas of both, and each gives its lanes. No element is computed after it was overwritten, so that
/// the result may be an array that the formulas read. Planes of 49 elements, each stored by itself, took half as long again
/// (docs/performance-history.md, what else was tried).
/// </remarks>
internal static unsafe class PlaneMap
{
    // In a shorter run, the single elements before the first whole line take longer than stores that straddle two (docs/performance-history.md, what else was tried).
    private const int AlignedLength = 1024;

    /// <summary>Overwrites planes with their formulas' results.</summary>
    /// <param name="kernel">What the formulas are computed from.</param>
    /// <param name="first">The first plane.</param>
    /// <param name="count">How many.</param>
    /// <param name="channels">The number of channels, which planes belong to by turns.</param>
    /// <param name="length">The elements of a plane, at least sixteen.</param>
    /// <param name="result">All planes.</param>
    /// <param name="streamed">Whether by non-temporal stores, see <see cref="RowMap.IsStreamed"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<L, M, K>(scoped ref readonly K kernel, int first, int count, int channels, int length, Span<float> result, bool streamed)
        where L : struct, ILanes<L>
        where M : struct, IPlaneMap<M, K>, allows ref struct
        where K : struct, allows ref struct
    {
        if (count == 0)
        {
            return;
        }

        if (streamed)
        {
            Apply<L, M, K, Yes>(in kernel, first, count, channels, length, result);
            RowMap.Fence(streamed);
        }
        else
        {
            Apply<L, M, K, No>(in kernel, first, count, channels, length, result);
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private static void Apply<L, M, K, TStreamed>(scoped ref readonly K kernel, int first, int count, int channels, int length, Span<float> result)
        where L : struct, ILanes<L>
        where M : struct, IPlaneMap<M, K>, allows ref struct
        where K : struct, allows ref struct
        where TStreamed : struct, IFlag
    {
        fixed (float* start = result)
        {
            float* plane = start + (nint)first * length;
            int channel = first % channels;
            M map = M.Of(in kernel, first, channel);
            nint i = TStreamed.Holds || (long)count * length >= AlignedLength ? RowMap.BeforeLine(in *plane) : 0;
            for (nint k = 0; k < i; k++)
            {
                SingleLane.Store(map.At<SingleLane>(k), ref *plane, k);
            }

            for (int next = first + 1; next < first + count; next++)
            {
                i = Inside<L, M, TStreamed>(map, plane, i, length);
                channel = channel + 1 == channels ? 0 : channel + 1;
                M nextMap = M.Of(in kernel, next, channel);
                if (i < length)
                {
                    Store<L, TStreamed>(L.Join((int)(length - i), map.At<L>(i), nextMap.At<L>(i - length)), plane + i);
                    i += 16;
                }

                i -= length;
                plane += length;
                map = nextMap;
            }

            for (i = Inside<L, M, TStreamed>(map, plane, i, length); i < length; i++)
            {
                SingleLane.Store(map.At<SingleLane>(i), ref *plane, i);
            }
        }
    }

    // The vectors from element i on that belong to one plane; returns the first element after them. Four are read before they are
    // written, see RowMap.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Inside<L, M, TStreamed>(M map, float* plane, nint i, int length)
        where L : struct, ILanes<L>
        where M : struct, IRowMap, allows ref struct
        where TStreamed : struct, IFlag
    {
        for (; i <= length - 64; i += 64)
        {
            L a = map.At<L>(i);
            L b = map.At<L>(i + 16);
            L c = map.At<L>(i + 32);
            L d = map.At<L>(i + 48);
            Store<L, TStreamed>(a, plane + i);
            Store<L, TStreamed>(b, plane + i + 16);
            Store<L, TStreamed>(c, plane + i + 32);
            Store<L, TStreamed>(d, plane + i + 48);
        }

        for (; i <= length - 16; i += 16)
        {
            Store<L, TStreamed>(map.At<L>(i), plane + i);
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<L, TStreamed>(L value, float* destination)
        where L : struct, ILanes<L>
        where TStreamed : struct, IFlag
    {
        if (TStreamed.Holds)
        {
            L.StoreStreaming(value, destination);
        }
        else
        {
            L.Store(value, ref *destination, 0);
        }
    }
}
