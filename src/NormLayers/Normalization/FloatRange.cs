using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Tests whether a double converts to float without overflow or underflow, there and in what it is computed with.</summary>
internal static class FloatRange
{
    /// <summary>Whether each fits as a factor: 0, or between 10⁻³⁶ and 10³⁰ in magnitude; none of them NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FitAsFactors<D>(D factors)
        where D : struct, IDoubleLanes<D>
        => D.AllWithin(factors, 1e-36, 1e30);

    /// <summary>
    /// Whether each fits as an addend: below 10³¹ in magnitude, half an ulp of the largest float, so that what it is added to
    /// stays finite; none of them NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FitAsAddends<D>(D addends)
        where D : struct, IDoubleLanes<D>
        => D.AllBelow(addends, 1e31);

    /// <summary>Whether a channel's mean and its unbiased variance, which is the one that is tracked, are finite floats.</summary>
    /// <param name="mean">The batch's mean.</param>
    /// <param name="unbiasedVariance">The batch's variance times m/(m − 1).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FitFloat(double mean, double unbiasedVariance) =>
        float.IsFinite((float)mean) & float.IsFinite((float)unbiasedVariance);
}
