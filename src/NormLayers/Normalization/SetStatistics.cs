using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Mean, its low part, and rstd of each set: rows, channels or groups.</summary>
/// <param name="mean">The mean; empty if it is not kept, or the statistic has none.</param>
/// <param name="low">The low part of the mean as a double-double; empty means zeros.</param>
/// <param name="rstd">1/√(variance + ε), or that of the layer's own formula.</param>
internal readonly ref struct SetStatistics(Span<double> mean, Span<double> low, Span<double> rstd)
{
    public readonly Span<double> Mean = mean;

    public readonly Span<double> Low = low;

    public readonly Span<double> Rstd = rstd;

    /// <summary>How many sets there are.</summary>
    public int Count => Rstd.Length;

    /// <summary>The statistics of some sets.</summary>
    public SetStatistics Slice(int first, int count) => new(
        Mean.IsEmpty ? default : Mean.Slice(first, count), Low.IsEmpty ? default : Low.Slice(first, count), Rstd.Slice(first, count));

    /// <summary>The statistics of set <paramref name="s"/> and, unless the lanes are single, the seven after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SetOf<D> Of<D>(int s)
        where D : struct, IDoubleLanes<D>
        => new(Load<D>(Mean, s), Load<D>(Low, s), Load<D>(Rstd, s));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Load<D>(ReadOnlySpan<double> values, int s)
        where D : struct, IDoubleLanes<D>
        => values.IsEmpty ? D.Create(0) : D.Load(in MemoryMarshal.GetReference(values), s);
}
