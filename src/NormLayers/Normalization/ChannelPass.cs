using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>y or dx from the factors of channels: over planes, or over the columns of a matrix. Units are planes in memory order, or rows.</summary>
/// <remarks>
/// A channel whose factors no float holds is computed in double, by itself: rows are cut at its columns, runs of planes at its planes.
/// The factors are read for every row, so they are copied once to a buffer with the output's cache-line alignment.
/// </remarks>
/// <typeparam name="TGradient">Whether dx = dy·scale + line is computed, and not y = line.</typeparam>
internal readonly ref struct ChannelPass<TGradient> : IKernel
    where TGradient : struct, IFlag
{
    public required ReadOnlySpan<float> X { get; init; }

    /// <summary>The gradient with respect to y; empty for y.</summary>
    public ReadOnlySpan<float> Dy { get; init; }

    public required Planes Planes
    {
        get;
        init
        {
            field = value;
            PlaneLength = value.Length;
        }
    }

    /// <summary>The factors of each channel, or of each column.</summary>
    public required ColumnFactors Factors
    {
        init
        {
            Pivot = value.Pivot;
            Slope = value.Slope;
            Shift = value.Shift;
            Scale = value.Scale;
        }
    }

    /// <summary>The columns, or channels, whose factors no float holds, in ascending order.</summary>
    public required ReadOnlySpan<int> Special { get; init; }

    /// <summary>What those are computed from.</summary>
    public required ChannelSets Sets { get; init; }

    /// <summary>Overwritten with y or dx; may be x or dy respectively.</summary>
    public required Span<float> Result { get; init; }

    public bool ReLU { get; init; }

    // Kept one by one: each is read once a plane.
    public ReadOnlySpan<float> Pivot { get; private init; }

    public ReadOnlySpan<float> Slope { get; private init; }

    public ReadOnlySpan<float> Shift { get; private init; }

    public ReadOnlySpan<float> Scale { get; private init; }

    public int PlaneLength { get; private init; }

    private bool IsStreamed => RowMap.IsStreamed(Result, X) && (!TGradient.Holds || RowMap.IsStreamed(Result, Dy));

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        if (ReLU)
        {
            Run<L, D, Yes>(first, count);
        }
        else
        {
            Run<L, D, No>(first, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Run<L, D, TReLU>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TReLU : struct, IFlag
    {
        if (Planes.AreColumns)
        {
            Rows<L, TReLU>(first, count);
        }
        else if (Special.IsEmpty)
        {
            PlaneMap.Apply<L, ChannelMap<TGradient, TReLU>, ChannelPass<TGradient>>(in this, first, count, Planes.Channels, Planes.Length, Result, IsStreamed);
        }
        else
        {
            PlanesAroundSpecial<L, D, TReLU>(first, count);
        }
    }

    [MethodImpl(Kernels.Loops)]
    [SkipLocalsInit]
    private void Rows<L, TReLU>(int first, int count)
        where L : struct, ILanes<L>
        where TReLU : struct, IFlag
    {
        int W = Pivot.Length;
        int kinds = TGradient.Holds ? 4 : 3;
        int bufferLength = RowMap.AlignedCopyLength(count, W);
        Span<float> buffers = bufferLength == 0 ? default : stackalloc float[kinds * bufferLength];
        ref readonly float result = ref MemoryMarshal.GetReference(Result);
        ReadOnlySpan<float> pivot = RowMap.AlignedCopy(Pivot, in result, buffers[..bufferLength]);
        ReadOnlySpan<float> slope = RowMap.AlignedCopy(Slope, in result, buffers.Slice(bufferLength, bufferLength));
        ReadOnlySpan<float> shift = RowMap.AlignedCopy(Shift, in result, buffers.Slice(2 * bufferLength, bufferLength));
        ReadOnlySpan<float> scale = TGradient.Holds ? RowMap.AlignedCopy(Scale, in result, buffers[(3 * bufferLength)..]) : default;
        ColumnFactors factors = new(pivot, slope, shift, scale);
        if (!Special.IsEmpty)
        {
            RowsAroundSpecial<L, TReLU>(factors, first, count);
            return;
        }

        // Where the tensor stays in the cache, two rows at a time share the factors' loads.
        int paired = !TGradient.Holds && X.Length <= RowMap.PairedElements ? count & ~1 : 0;
        Pairs<L, TReLU>(factors, first, paired);
        bool streamed = IsStreamed;
        for (int n = first + paired; n < first + count; n++)
        {
            RowMap.Apply<L, ColumnMap<TGradient, TReLU>>(RowAt<TReLU>(factors, n, 0), ref Unsafe.Add(ref MemoryMarshal.GetReference(Result), (nint)n * W), W, streamed);
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(Kernels.Loops)]
    private void Pairs<L, TReLU>(ColumnFactors factors, int first, int count)
        where L : struct, ILanes<L>
        where TReLU : struct, IFlag
    {
        int W = factors.Count;
        for (int n = first; n < first + count; n += 2)
        {
            ref float result = ref Unsafe.Add(ref MemoryMarshal.GetReference(Result), (nint)n * W);
            RowMap.ApplyPair<L, ColumnMap<TGradient, TReLU>>(RowAt<TReLU>(factors, n, 0), RowAt<TReLU>(factors, n + 1, 0), ref result, W);
        }
    }

    [MethodImpl(Kernels.Loops)]
    private void RowsAroundSpecial<L, TReLU>(ColumnFactors factors, int first, int count)
        where L : struct, ILanes<L>
        where TReLU : struct, IFlag
    {
        int W = factors.Count;
        for (int n = first; n < first + count; n++)
        {
            int start = 0;
            for (int s = 0; s <= Special.Length; s++)
            {
                int end = s < Special.Length ? Special[s] : W;
                RowMap.Apply<L, ColumnMap<TGradient, TReLU>>(
                    RowAt<TReLU>(factors, n, start), ref Unsafe.Add(ref MemoryMarshal.GetReference(Result), (nint)n * W + start), end - start);
                if (end < W)
                {
                    InDouble<SingleDouble>(end / Planes.Length, n * W + end, 1);
                }

                start = end + 1;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ColumnMap<TGradient, TReLU> RowAt<TReLU>(ColumnFactors factors, int n, int first)
        where TReLU : struct, IFlag
    {
        nint at = (nint)n * factors.Count + first;
        return new(in Unsafe.Add(ref MemoryMarshal.GetReference(X), at), in Unsafe.Add(ref MemoryMarshal.GetReference(Dy), at), factors, first);
    }

    [MethodImpl(Kernels.Loops)]
    private void PlanesAroundSpecial<L, D, TReLU>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TReLU : struct, IFlag
    {
        int run = first;
        for (int plane = first; plane <= first + count; plane++)
        {
            int channel = plane % Planes.Channels;
            bool special = plane < first + count && Special.BinarySearch(channel) >= 0;
            if (!special && plane < first + count)
            {
                continue;
            }

            PlaneMap.Apply<L, ChannelMap<TGradient, TReLU>, ChannelPass<TGradient>>(in this, run, plane - run, Planes.Channels, Planes.Length, Result, IsStreamed);
            run = plane + 1;
            if (special)
            {
                InDouble<D>(channel, plane * Planes.Length, Planes.Length);
            }
        }
    }

    // The lines of the reference, eight elements at a time and then one by one.
    [MethodImpl(Kernels.Loops)]
    private void InDouble<D>(int channel, int start, int length)
        where D : struct, IDoubleLanes<D>
    {
        int i = start;
        for (; i <= start + length - 8 && typeof(D) != typeof(SingleDouble); i += 8)
        {
            D.Narrow(Sets.InDouble<D, TGradient>(channel, X, Dy, i), ref Result[i], 0);
        }

        for (; i < start + length; i++)
        {
            SingleDouble.Narrow(Sets.InDouble<SingleDouble, TGradient>(channel, X, Dy, i), ref Result[i], 0);
        }

        for (i = start; ReLU && i < start + length; i++)
        {
            Result[i] = Result[i] <= 0 ? 0 : Result[i];
        }
    }
}

/// <summary>The factors of each column or channel: pivots, slopes, shifts, and for dx scales.</summary>
internal readonly ref struct ColumnFactors(ReadOnlySpan<float> pivot, ReadOnlySpan<float> slope, ReadOnlySpan<float> shift, ReadOnlySpan<float> scale)
{
    public ReadOnlySpan<float> Pivot { get; } = pivot;

    public ReadOnlySpan<float> Slope { get; } = slope;

    public ReadOnlySpan<float> Shift { get; } = shift;

    /// <summary>Empty for y.</summary>
    public ReadOnlySpan<float> Scale { get; } = scale;

    /// <summary>How many columns or channels.</summary>
    public int Count => Pivot.Length;

    /// <summary>The factors that lie one kind after the other.</summary>
    /// <param name="factors">Three kinds, or four with the scales.</param>
    /// <param name="count">How many of each.</param>
    public static ColumnFactors Of(ReadOnlySpan<float> factors, int count) =>
        new(factors[..count], factors.Slice(count, count), factors.Slice(2 * count, count), factors[(3 * count)..]);
}
