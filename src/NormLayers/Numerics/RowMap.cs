using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>A formula for each element of a row, from the same place of other rows.</summary>
internal interface IRowMap
{
    /// <summary>The results for the elements <paramref name="i"/> and, unless L is a <see cref="SingleLane"/>, the fifteen after it.</summary>
    L At<L>(nint i)
        where L : struct, ILanes<L>;
}

/// <summary>Applies formulas to rows.</summary>
/// <remarks>
/// <para>Rows are stored from cache line to cache line: a store that straddles two takes twice as long. What is left out at both ends is
/// computed first, since a row may be one that its formula reads, and stored last; so a formula runs twice for some elements.</para>
/// <para>Four vectors are read before they are written. A load stalls behind an earlier store with the same page offset (4K aliasing),
/// and arrays of 2ᵏ elements, allocated one after the other, have the same offsets (docs/performance-history.md, what else was tried).</para>
/// </remarks>
internal static unsafe class RowMap
{
    /// <summary>48 MiB: from here on, outputs have left the caches before anyone reads them (docs/performance-history.md, what else was tried).</summary>
    public const int StreamedElements = 12 << 20;

    /// <summary>24 MiB: the same where the inputs were not read just before, so that there is less in the caches to lose.</summary>
    public const int StreamedOnceElements = 6 << 20;

    /// <summary>1 MiB: beyond, two rows at a time are more streams than the caches serve well.</summary>
    public const int PairedElements = 1 << 18;

    /// <summary>The floats of a cache line.</summary>
    public const int Line = 16;

    // From here on, stores that do not straddle two lines are worth a look at the address.
    private const int AlignedLength = 256;

    private const int LongestAlignedCopy = 4096;

    private const int Unrolled = 4 * 16;

    /// <summary>Whether an output is written with non-temporal stores: it is large, does not overlap the inputs, and is 4-byte aligned.</summary>
    /// <param name="result">The output, all rows.</param>
    /// <param name="input">An input that it may be.</param>
    /// <param name="fewest">From how many elements on an output is large.</param>
    public static bool IsStreamed(ReadOnlySpan<float> result, ReadOnlySpan<float> input, int fewest = StreamedElements) =>
        result.Length >= fewest && !result.Overlaps(input) && ((nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(result)) & (sizeof(float) - 1)) == 0;

    /// <summary>Overwrites a row with a formula's results.</summary>
    /// <param name="map">The formula.</param>
    /// <param name="result">The row's first element.</param>
    /// <param name="length">How many elements it has.</param>
    /// <param name="streamed">Whether with non-temporal stores, see <see cref="IsStreamed"/>; the caller fences its rows off then: <see cref="Fence"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<L, M>(M map, ref float result, int length, bool streamed)
        where L : struct, ILanes<L>
        where M : struct, IRowMap, allows ref struct
    {
        if (streamed)
        {
            ApplyStreamed<L, M>(map, ref result, length);
        }
        else
        {
            Apply<L, M>(map, ref result, length);
        }
    }

    /// <summary>Overwrites a row with a formula's results. The row may be one of those that the formula reads.</summary>
    /// <param name="map">The formula.</param>
    /// <param name="result">The row's first element.</param>
    /// <param name="length">How many elements it has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<L, M>(M map, ref float result, int length)
        where L : struct, ILanes<L>
        where M : struct, IRowMap, allows ref struct
    {
        if (length < 16)
        {
            for (nint k = 0; k < length; k++)
            {
                SingleLane.Store(map.At<SingleLane>(k), ref result, k);
            }

            return;
        }

        nint i = length < AlignedLength ? 0 : BeforeLine(in result);
        nint last = length - 16;
        bool headApart = i > 0;
        bool tailApart = ((last - i) & 15) != 0;
        L head = headApart ? map.At<L>(0) : L.Zero;
        L tail = tailApart ? map.At<L>(last) : L.Zero;
        if (i <= last - 48)
        {
            do
            {
                L a = map.At<L>(i);
                L b = map.At<L>(i + 16);
                L c = map.At<L>(i + 32);
                L d = map.At<L>(i + 48);
                L.Store(a, ref result, i);
                L.Store(b, ref result, i + 16);
                L.Store(c, ref result, i + 32);
                L.Store(d, ref result, i + 48);
                i += Unrolled;
            }
            while (i <= last - 48);
        }

        for (; i <= last; i += 16)
        {
            L.Store(map.At<L>(i), ref result, i);
        }

        if (headApart)
        {
            L.Store(head, ref result, 0);
        }

        if (tailApart)
        {
            L.Store(tail, ref result, last);
        }
    }

    /// <summary>How many elements of a row stand before the first that begins a cache line; in a row that moves meanwhile they are right all the same.</summary>
    /// <param name="row">The row's first element.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint BeforeLine(ref readonly float row) => -(nint)Unsafe.AsPointer(ref Unsafe.AsRef(in row)) >> 2 & (Line - 1);

    /// <summary>The same for rows that all begin alike and are long enough for stores from line to line; else 0.</summary>
    /// <param name="row">The first row's first element.</param>
    /// <param name="length">How many elements each has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint BeforeLine(ref readonly float row, int length) => length < AlignedLength || length % Line != 0 ? 0 : BeforeLine(in row);

    /// <summary>
    /// As <see cref="Apply{L, M}(M, ref float, int)"/>, for a row and the one after it in memory: what both formulas load from the same place is loaded once.
    /// Worth it up to <see cref="PairedElements"/> of output.
    /// </summary>
    /// <param name="first">The first row's formula.</param>
    /// <param name="second">The second row's formula.</param>
    /// <param name="result">The first row's first element.</param>
    /// <param name="length">How many elements each has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ApplyPair<L, M>(M first, M second, ref float result, int length)
        where L : struct, ILanes<L>
        where M : struct, IRowMap, allows ref struct
    {
        ref float below = ref Unsafe.Add(ref result, length);
        if (length < 16)
        {
            for (nint k = 0; k < length; k++)
            {
                SingleLane.Store(first.At<SingleLane>(k), ref result, k);
                SingleLane.Store(second.At<SingleLane>(k), ref below, k);
            }

            return;
        }

        nint i = BeforeLine(in result, length);
        nint last = length - 16;
        bool headApart = i > 0;
        L head = headApart ? first.At<L>(0) : L.Zero;
        L headBelow = headApart ? second.At<L>(0) : L.Zero;
        bool tailApart = ((last - i) & 15) != 0;
        L tail = tailApart ? first.At<L>(last) : L.Zero;
        L tailBelow = tailApart ? second.At<L>(last) : L.Zero;
        if (i <= last - 16)
        {
            do
            {
                L a = first.At<L>(i);
                L b = second.At<L>(i);
                L c = first.At<L>(i + 16);
                L d = second.At<L>(i + 16);
                L.Store(a, ref result, i);
                L.Store(c, ref result, i + 16);
                L.Store(b, ref below, i);
                L.Store(d, ref below, i + 16);
                i += Unrolled / 2;
            }
            while (i <= last - 16);
        }

        for (; i <= last; i += 16)
        {
            L a = first.At<L>(i);
            L b = second.At<L>(i);
            L.Store(a, ref result, i);
            L.Store(b, ref below, i);
        }

        if (headApart)
        {
            L.Store(head, ref result, 0);
            L.Store(headBelow, ref below, 0);
        }

        if (tailApart)
        {
            L.Store(tail, ref result, last);
            L.Store(tailBelow, ref below, last);
        }
    }

    // For rows that are apart from the inputs.
    [MethodImpl(Kernels.FullyOptimized)]
    private static void ApplyStreamed<L, M>(M map, ref float result, int length)
        where L : struct, ILanes<L>
        where M : struct, IRowMap, allows ref struct
    {
        int i = 0;
        if (length >= Unrolled)
        {
            fixed (float* row = &result)
            {
                // Elements before the first whole line; some of those after it are written twice.
                L.Store(map.At<L>(0), ref result, 0);
                for (i = (int)(-(nint)row >> 2 & (Line - 1)); i <= length - Unrolled; i += Unrolled)
                {
                    L a = map.At<L>(i);
                    L b = map.At<L>(i + 16);
                    L c = map.At<L>(i + 32);
                    L d = map.At<L>(i + 48);
                    L.StoreStreaming(a, row + i);
                    L.StoreStreaming(b, row + i + 16);
                    L.StoreStreaming(c, row + i + 32);
                    L.StoreStreaming(d, row + i + 48);
                }
            }
        }

        for (; i <= length - 16; i += 16)
        {
            L.Store(map.At<L>(i), ref result, i);
        }

        for (; i < length; i++)
        {
            SingleLane.Store(map.At<SingleLane>(i), ref result, i);
        }
    }

    /// <summary>How many floats <see cref="AlignedCopy"/> needs as a buffer; 0 where a copy would not pay.</summary>
    /// <param name="rows">How many rows read the factors.</param>
    /// <param name="length">The length of a row.</param>
    public static int AlignedCopyLength(int rows, int length) =>
        rows >= 16 && length is >= AlignedLength and <= LongestAlignedCopy && length % Line == 0 ? length + Line : 0;

    /// <summary>
    /// A copy of factors that every row reads, each as far from the beginning of its cache line as its element of the result: reading
    /// what straddles two lines takes twice as long, and arrays begin anywhere. Without a buffer, the factors themselves.
    /// </summary>
    /// <param name="factors">One for each element of a row; may be empty.</param>
    /// <param name="result">The first element of a row of the result.</param>
    /// <param name="buffer">Overwritten, <see cref="AlignedCopyLength"/>; on the stack, so that it stays where it is.</param>
    public static ReadOnlySpan<float> AlignedCopy(ReadOnlySpan<float> factors, ref readonly float result, Span<float> buffer)
    {
        if (factors.IsEmpty || buffer.IsEmpty)
        {
            return factors;
        }

        if (BeforeLine(in factors[0]) == BeforeLine(in result))
        {
            return factors;
        }

        nint first = BeforeLine(in buffer[0]) - BeforeLine(in result) & (Line - 1);
        Span<float> copy = buffer.Slice((int)first, factors.Length);
        factors.CopyTo(copy);
        return copy;
    }

    /// <summary>Makes streamed rows visible to other threads before anything that the calling thread writes later.</summary>
    public static void Fence(bool streamed)
    {
        if (streamed)
        {
            Interlocked.MemoryBarrier();
        }
    }
}
