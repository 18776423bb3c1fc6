using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The two sums of a pass over a set: what an element, or a vector, adds to them.</summary>
internal interface ITerm
{
    /// <summary>How many tensors are read.</summary>
    static abstract int Tensors { get; }

    /// <summary>Prefetches the element <paramref name="i"/> of all that is read.</summary>
    void Prefetch(nint i);

    /// <summary>What is subtracted from x in the channel, or column, <paramref name="c"/> and, unless the lanes are single, in the seven after it.</summary>
    D Centre<D>(nint c)
        where D : struct, IDoubleLanes<D>;

    /// <summary>Adds the element <paramref name="i"/> and, unless the lanes are single, the seven after it.</summary>
    /// <param name="i">The element.</param>
    /// <param name="centre">What is subtracted from x.</param>
    /// <param name="sum">The sum without x, or of x − centre alone.</param>
    /// <param name="product">The sum of products with x − centre.</param>
    void Add<D>(nint i, D centre, ref D sum, ref D product)
        where D : struct, IDoubleLanes<D>;
}

/// <summary>Σ(x − p) and Σ(x − p)². [F1] [F2]</summary>
/// <param name="x">x.</param>
/// <param name="shift">p of each channel, or column.</param>
internal readonly ref struct MomentTerm(ReadOnlySpan<float> x, ReadOnlySpan<float> shift) : ITerm
{
    private readonly ref readonly float _x = ref MemoryMarshal.GetReference(x);
    private readonly ref readonly float _shift = ref MemoryMarshal.GetReference(shift);

    public static int Tensors => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => Cache.Prefetch(in _x, i);

    public D Centre<D>(nint c)
        where D : struct, IDoubleLanes<D>
        => D.Widen(in _shift, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add<D>(nint i, D centre, ref D sum, ref D product)
        where D : struct, IDoubleLanes<D>
        => Moments<MeanAndVariance>.Add(D.Widen(in _x, i) - centre, ref sum, ref product);
}

/// <summary>Σdy and Σdy·(x − mean). [B1] [B2], the latter without rstd</summary>
/// <param name="x">x.</param>
/// <param name="dy">dy.</param>
/// <param name="mean">The mean of each channel, or column.</param>
internal readonly ref struct GradientTerm(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, ReadOnlySpan<double> mean) : ITerm
{
    private readonly ref readonly double _mean = ref MemoryMarshal.GetReference(mean);
    private readonly ref readonly float _x = ref MemoryMarshal.GetReference(x);
    private readonly ref readonly float _dy = ref MemoryMarshal.GetReference(dy);

    public static int Tensors => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        Cache.Prefetch(in _x, i);
        Cache.Prefetch(in _dy, i);
    }

    public D Centre<D>(nint c)
        where D : struct, IDoubleLanes<D>
        => D.Load(in _mean, c);

    // sum += dy[i]; product += dy[i] * (x[i] - mean)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add<D>(nint i, D centre, ref D sum, ref D product)
        where D : struct, IDoubleLanes<D>
    {
        D dy = D.Widen(in _dy, i);
        sum += dy;
        D.FusedMultiplyAdd(ref product, dy, D.Widen(in _x, i) - centre);
    }
}

/// <summary>The sums of a forward pass.</summary>
internal static class Moments<S>
    where S : struct, IStatistic
{
    // sum += c; squares += c * c, with c = x - p, or c = x where nothing is subtracted
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<D>(D c, ref D sum, ref D squares)
        where D : struct, IDoubleLanes<D>
    {
        if (S.HasMean)
        {
            sum += c;
        }

        D.FusedMultiplyAdd(ref squares, c, c);
    }
}
