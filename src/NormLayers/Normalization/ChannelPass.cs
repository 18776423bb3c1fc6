using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>y or dx from the factors of channels: over planes, or over the columns of a matrix. Units are planes in memory order, or rows.</summary>
/// <remarks>
/// A channel whose factors no float holds is computed in double, by itself: rows are cut at its columns, runs of planes at its planes.
/// The factors are read for every row, so they begin as far from a cache line as the rows that are stored from line to line, and else at one.
/// </remarks>
/// <typeparam name="TGradient">Whether dx = dy·scale + line is computed, and not y = line.</typeparam>
internal ref struct ChannelPass<TGradient> : IKernel
    where TGradient : struct, IFlag
{
    private bool _areColumns;
    private int _samples;
    private ReadOnlySpan<float> _factors;
    private ReadOnlySpan<int> _special;

    /// <summary>Statistics, γ, β and ε; for dx the sums, and no β.</summary>
    public ChannelSets Sets;

    /// <summary>The input.</summary>
    public ReadOnlySpan<float> X;

    /// <summary>The gradient with respect to y; empty for y.</summary>
    public ReadOnlySpan<float> Dy;

    /// <summary>Overwritten with y or dx; may be x or dy respectively.</summary>
    public Span<float> Result;

    /// <summary>Whether y = max(·, 0).</summary>
    public bool ReLU;

    /// <summary>Whether the statistics come from elsewhere, and so X has not just been read.</summary>
    public bool ReadsOnce;

    public int Channels { readonly get; private set; }

    public int PlaneLength { readonly get; private set; }

    /// <summary>The factors of the channels, or of the columns: each kind after the other, as in <see cref="LineFactors"/>.</summary>
    public readonly ReadOnlySpan<float> Factors => _factors;

    // Pivot, slope and shift; for dx a scale, too.
    private static int Kinds => TGradient.Holds ? 4 : 3;

    private readonly int Columns => Channels * PlaneLength;

    private readonly bool IsStreamed => RowMap.IsStreamed(Result, X, ReadsOnce ? RowMap.StreamedOnceElements : RowMap.StreamedElements) && (!TGradient.Holds || RowMap.IsStreamed(Result, Dy));

    /// <summary>Does all planes, with factors from <see cref="Sets"/>, in which rstd is overwritten where a variance is given.</summary>
    /// <param name="planes">N, C and L.</param>
    /// <param name="rest">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public void Run(scoped in Planes planes, Workspace rest)
    {
        Span<float> factors = rest.FloatsAligned(Kinds * planes.Channels, Result, planes.Columns);
        Sets.Line = new LineFactors(factors, planes.Channels);
        int special = TGradient.Holds
            ? ChannelFactors.Run<ChannelFactors.Backward, ChannelSets>(in Sets, planes.Channels)
            : ChannelFactors.Run<ChannelFactors.Forward, ChannelSets>(in Sets, planes.Channels);
        Run(in planes, factors, special, rest);
    }

    /// <summary>Does all planes, with factors that are known.</summary>
    /// <param name="planes">N, C and L.</param>
    /// <param name="factors">The factors of each channel, as in <see cref="LineFactors"/>; a special one has a slope of NaN, or for dx a scale of NaN.</param>
    /// <param name="special">How many channels are special.</param>
    /// <param name="rest">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public void Run(scoped in Planes planes, ReadOnlySpan<float> factors, int special, Workspace rest)
    {
        // Fields are written one by one: a constructor, or a copy of all sets, is a call of the runtime, which takes as long as a small tensor's sums.
        (_areColumns, _samples, Channels, PlaneLength) = (planes.AreColumns, planes.Samples, planes.Channels, planes.Length);

        // Where columns are lanes, each has the factors of its channel.
        _factors = _areColumns && PlaneLength > 1 ? ColumnValues.Of(factors, PlaneLength, rest.FloatsAligned(factors.Length * PlaneLength, Result, Columns)) : factors;
        _special = special == 0 ? default : FindSpecial(rest.Integers(special * (_areColumns ? PlaneLength : 1)));
        Kernels.Run(ref this, _areColumns ? _samples : _samples * Channels, X.Length);
    }

    /// <summary>How many doubles are enough as workspace: factors of channels and of columns, and the place of each special one.</summary>
    public static long WorkspaceLength(in Planes planes) =>
        ((long)Kinds * planes.Channels + RowMap.Line + 1) / 2 + (planes.AreColumns ? ((Kinds + 1L) * planes.Columns + RowMap.Line + 1) / 2 + 1 : (planes.Channels + 1) / 2);

    [MethodImpl(Kernels.FullyOptimized)]
    public readonly void Run<L, D>(int first, int count)
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

    // The columns, or channels, whose slope, or for dx whose scale, is NaN.
    private readonly Span<int> FindSpecial(Span<int> places)
    {
        int count = _factors.Length / Kinds;
        ReadOnlySpan<float> marks = _factors.Slice((TGradient.Holds ? 3 : 1) * count, count);
        for (int c = 0, next = 0; next < places.Length; c++)
        {
            places[next] = c;
            next += float.IsNaN(marks[c]) ? 1 : 0;
        }

        return places;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Run<L, D, TReLU>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TReLU : struct, IFlag
    {
        if (!_special.IsEmpty)
        {
            AroundSpecial<L, D, TReLU>(first, count);
        }
        else if (_areColumns)
        {
            Rows<L, TReLU>(first, count);
        }
        else
        {
            PlaneMap.Apply<L, ChannelMap<TGradient, TReLU>, ChannelPass<TGradient>>(in this, first, count, Channels, PlaneLength, Result, IsStreamed);
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void Rows<L, TReLU>(int first, int count)
        where L : struct, ILanes<L>
        where TReLU : struct, IFlag
    {
        int W = Columns;
        LineFactors line = new(_factors, W);

        // Where the tensor stays in the cache, two rows at a time share the factors' loads.
        int paired = !TGradient.Holds && X.Length <= RowMap.PairedElements ? count & ~1 : 0;
        Pairs<L, TReLU>(in line, first, paired);
        bool streamed = IsStreamed;
        for (int n = first + paired; n < first + count; n++)
        {
            ApplyRow<L, TReLU>(in line, n * W, 0, W, streamed);
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void Pairs<L, TReLU>(scoped in LineFactors factors, int first, int count)
        where L : struct, ILanes<L>
        where TReLU : struct, IFlag
    {
        int W = Columns;
        LineFactors line = factors; // Its references stay in registers.
        for (int n = first; n < first + count; n += 2)
        {
            RowMap.ApplyPair<L, ColumnMapForward<TReLU>>(Forward<TReLU>(in line, n * W, 0), Forward<TReLU>(in line, (n + 1) * W, 0), ref ResultAt(n * W), W);
        }
    }

    // Runs of columns of a row, or of planes of a sample, between the special ones.
    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void AroundSpecial<L, D, TReLU>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
        where TReLU : struct, IFlag
    {
        LineFactors line = new(_factors, Columns);
        int places = _areColumns ? Columns : Channels;
        int end = _areColumns ? (first + count) * places : first + count;
        for (int at = _areColumns ? first * places : first; at < end;)
        {
            int place = at % places;
            int index = _special.BinarySearch(place);
            if (index >= 0)
            {
                InDouble<D>(_areColumns ? place / PlaneLength : place, _areColumns ? at : at * PlaneLength, _areColumns ? 1 : PlaneLength);
                at++;
                continue;
            }

            int run = Math.Min((~index < _special.Length ? _special[~index] : places) - place, end - at);
            if (_areColumns)
            {
                ApplyRow<L, TReLU>(in line, at, place, run, streamed: false);
            }
            else
            {
                PlaneMap.Apply<L, ChannelMap<TGradient, TReLU>, ChannelPass<TGradient>>(in this, at, run, Channels, PlaneLength, Result, IsStreamed);
            }

            at += run;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ref float ResultAt(nint i) => ref Unsafe.Add(ref MemoryMarshal.GetReference(Result), i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ColumnMapForward<TReLU> Forward<TReLU>(scoped in LineFactors line, nint i, int column)
        where TReLU : struct, IFlag
        => new(in Unsafe.Add(ref MemoryMarshal.GetReference(X), i), in line, column);

    // Elements of a row from i on, of which the first is in this column.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void ApplyRow<L, TReLU>(scoped in LineFactors line, nint i, int column, int length, bool streamed)
        where L : struct, ILanes<L>
        where TReLU : struct, IFlag
    {
        if (TGradient.Holds)
        {
            ColumnMapBackward map = new(in Unsafe.Add(ref MemoryMarshal.GetReference(X), i), in Unsafe.Add(ref MemoryMarshal.GetReference(Dy), i), in line, column);
            RowMap.Apply<L, ColumnMapBackward>(map, ref ResultAt(i), length, streamed);
        }
        else
        {
            RowMap.Apply<L, ColumnMapForward<TReLU>>(Forward<TReLU>(in line, i, column), ref ResultAt(i), length, streamed);
        }
    }

    // The lines of the reference, eight elements at a time and then one by one.
    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void InDouble<D>(int channel, int start, int length)
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
