using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>From the sums over a set to its statistics, and from these to the factors of y and dx: eight sets at a time, or one.</summary>
/// <remarks>
/// <para>With a shift p near the mean: s₁ = Σ(x − p), s₂ = Σ(x − p)², mean = p + s₁/m, variance = s₂/m − (s₁/m)² (Chan, Golub, LeVeque 1983). A
/// channel's p is its first element, a row's 0: one operation less, and rows are read again from the first-level cache. Of the 53 bits of a double this may
/// lose six in a row, or twenty in a channel. Where p is so far from the mean that it would lose more, the set is read again with its mean as p (docs/numerics.md, the sums: mean and variance).</para>
/// <para>The mean is a double-double: rounded to one double, a mean of 10⁷ standard deviations would be off by 10⁻⁹ of them, which is many
/// ulp of an element near it. The low part is exact where p is larger than s₁/m; elsewhere the mean is not that large.</para>
/// <para>The factors are floats. Line: (x − pivot)·slope + shift, with pivot the float nearest to the mean, so that x − pivot is exact for x near it; what pivot leaves of the mean is in the shift.</para>
/// </remarks>
internal static class SetFactors
{
    /// <summary>The least share of E[(x − p)²] that a variance must be where p is a first element: p is then at most a thousand standard deviations off, as in any set of less than 10⁶ elements.</summary>
    public const double LeastOfShifted = 1e-6;

    /// <summary>The least share of E[x²] that a row's variance must be: the mean is then at most eight standard deviations from 0.</summary>
    public const double LeastOfRaw = 1.0 / 65;

    /// <summary>Mean and variance from the sums around a shift. [F1] [F2]</summary>
    /// <param name="shift">p.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    /// <param name="share">1/m: a product takes a third of a division's time, and rounds in the 53rd bit.</param>
    /// <param name="least">The least share of Σ(x − p)²/m that the variance must be.</param>
    /// <param name="moments">The mean, its low part, and the biased variance, ≥ 0 or NaN.</param>
    /// <returns>Whether the shift was near enough to trust the variance.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Moments<D>(D shift, D sum, D squares, D share, double least, out (D Mean, D Low, D Variance) moments)
        where D : struct, IDoubleLanes<D>
    {
        D offset = sum * share;
        D meanSquare = squares * share;
        moments.Mean = shift + offset; // [F1]
        moments.Low = shift - moments.Mean + offset;
        moments.Variance = D.Max(meanSquare - offset * offset, D.Create(0)); // [F2]
        return !D.AnyLess(moments.Variance, D.Create(least) * meanSquare);
    }

    /// <summary>1/√(variance + ε), 1/(√variance + ε), or 1/max(√variance, ε). [F3]</summary>
    /// <returns>False if one is 1/0 or NaN: <see cref="OrZero"/> decides then.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRstd<D>(D variance, in Epsilon epsilon, out D rstd)
        where D : struct, IDoubleLanes<D>
    {
        D value = D.Create(epsilon.Value);
        D root = epsilon.OutsideRoot ? D.Sqrt(variance) + value : epsilon.LimitsRoot ? D.Max(D.Sqrt(variance), value) : D.Sqrt(variance + value);
        rstd = D.Create(1) / root; // [F3]
        return D.AllBelow(rstd, double.PositiveInfinity);
    }

    /// <summary>The rstd of one set; 0 where it would be 1/0.</summary>
    public static double OrZero(double rstd) => double.IsPositiveInfinity(rstd) ? 0 : rstd;

    /// <summary>The factors of γ·(x − mean)·rstd + β = (x − pivot)·slope + shift.</summary>
    /// <param name="set">The set's statistics.</param>
    /// <param name="gamma">γ of the set; 1 where the elements have their own.</param>
    /// <param name="beta">β of the set; 0 where the elements have their own.</param>
    /// <param name="line">Overwritten at <paramref name="at"/>.</param>
    /// <param name="at">The set's place.</param>
    /// <returns>Whether floats hold all of them.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Forward<D>(in SetOf<D> set, D gamma, D beta, in LineFactors line, int at)
        where D : struct, IDoubleLanes<D>
    {
        D slope = gamma * set.Rstd;
        D.Narrow(set.Mean, ref line.Pivot, at);
        D.Narrow(slope, ref line.Slope, at);
        D.Narrow(beta - (set.Mean - D.Widen(in line.Pivot, at) + set.Low) * slope, ref line.Shift, at);
        return FloatRange.FitAsAddends(set.Mean) && FloatRange.FitAsFactors(slope);
    }

    /// <summary>
    /// The factors of dx = rstd·(g − mean(g) − x̂·mean(g·x̂)) = g·scale + (x − pivot)·slope + shift. Slope and shift are computed for the rounded
    /// scale, so that all three terms are off by the same factor. [B5]
    /// </summary>
    /// <param name="set">The set's statistics.</param>
    /// <param name="scale">rstd, times γ where g does not contain it; 0 for a set of one element, which has no gradient.</param>
    /// <param name="meanG">mean(g). [B3]</param>
    /// <param name="meanGXHat">mean(g·x̂). [B4]</param>
    /// <param name="line">Overwritten at <paramref name="at"/>; its scale too.</param>
    /// <param name="at">The set's place.</param>
    /// <returns>Whether floats hold all of them.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Backward<D>(in SetOf<D> set, D scale, D meanG, D meanGXHat, in LineFactors line, int at)
        where D : struct, IDoubleLanes<D>
    {
        D.Narrow(set.Mean, ref line.Pivot, at);
        D.Narrow(scale, ref line.Scale, at);
        D minusScale = D.Create(-1) * D.Widen(in line.Scale, at);
        D perX = set.Rstd * meanGXHat;
        D slope = minusScale * perX;
        D shift = minusScale * (meanG - (set.Mean - D.Widen(in line.Pivot, at)) * perX);
        D.Narrow(slope, ref line.Slope, at);
        D.Narrow(shift, ref line.Shift, at);
        return FloatRange.FitAsAddends(set.Mean) && FloatRange.FitAsFactors(scale) && FloatRange.FitAsFactors(slope) && FloatRange.FitAsAddends(shift);
    }

    /// <summary>x̂ of one element in double, for sets whose factors no float holds. [F4]</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D XHat<D>(D x, D mean, D rstd)
        where D : struct, IDoubleLanes<D>
        => (x - mean) * rstd;

    /// <summary>dx of one element in double, for sets whose factors no float holds. [B5]</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Gradient<D>(D xHat, D g, D rstd, D meanG, D meanGXHat)
        where D : struct, IDoubleLanes<D>
        => rstd * (g - meanG - xHat * meanGXHat);
}

/// <summary>ε and its place.</summary>
/// <param name="Value">ε, ≥ 0.</param>
/// <param name="OutsideRoot">Whether it is added to the root, and not under it.</param>
/// <param name="LimitsRoot">Whether it is added nowhere, and the root is at least ε.</param>
internal readonly record struct Epsilon(double Value, bool OutsideRoot = false, bool LimitsRoot = false)
{
    /// <summary>Whether it is under the root, where <see cref="GradientFactor"/> is 1.</summary>
    public bool UnderRoot => !OutsideRoot && !LimitsRoot;

    /// <summary>dr/dv with ε elsewhere than under the root, over −r³/2: a factor of mean(g·x̂). Where ε limits the root, r is a constant.</summary>
    /// <param name="rstd">r = 1/(√v + ε), or 1/max(√v, ε).</param>
    public double GradientFactor(double rstd) =>
        LimitsRoot ? rstd < 1 / Math.Abs(Value) ? 1 : 0 // Of −0, too.
        : OutsideRoot && 1 - rstd * Value is > 0 and var rootTimesR ? 1 / rootTimesR
        : 1;
}

/// <summary>The statistics of eight sets, or of one.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Low">The low part of the mean as a double-double.</param>
/// <param name="Rstd">r.</param>
internal readonly record struct SetOf<D>(D Mean, D Low, D Rstd)
    where D : struct, IDoubleLanes<D>;

/// <summary>The factors of (x − pivot)·slope + shift, and of g·scale beside it, for some sets.</summary>
internal readonly ref struct LineFactors
{
    public readonly ref float Pivot;
    public readonly ref float Slope;
    public readonly ref float Shift;
    public readonly ref float Scale;

    /// <param name="floats">Three factors of each set, each kind after the other, or four with the scale; also to be overwritten.</param>
    /// <param name="count">How many sets.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public LineFactors(ReadOnlySpan<float> floats, int count)
    {
        Pivot = ref MemoryMarshal.GetReference(floats);
        Slope = ref Unsafe.Add(ref Pivot, count);
        Shift = ref Unsafe.Add(ref Pivot, 2 * count);
        Scale = ref floats.Length > 3 * count ? ref Unsafe.Add(ref Pivot, 3 * count) : ref Unsafe.NullRef<float>();
    }
}
