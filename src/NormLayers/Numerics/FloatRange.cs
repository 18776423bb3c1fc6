using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Which numbers made in double a float can take over without a loss beyond its rounding, in what is computed with it too.</summary>
internal static class FloatRange
{
    /// <summary>Whether each is a factor that fits: 0, or between 10⁻³⁶ and 10³⁰ in magnitude; none of them NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasFactors<D>(D factors)
        where D : struct, IDoubleLanes<D>
        => D.AllWithin(factors, 1e-36, 1e30);

    /// <summary>
    /// Whether each is a mean or a shift that fits: below 10³¹ in magnitude, half an ulp of the largest float, so that what it is added to
    /// stays finite; none of them NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasTerms<D>(D terms)
        where D : struct, IDoubleLanes<D>
        => D.AllBelow(terms, 1e31);

    /// <inheritdoc cref="HasFactors{D}"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasFactor(double factor) => HasFactors<SingleDouble>(new(factor));

    /// <inheritdoc cref="HasTerms{D}"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasTerm(double term) => HasTerms<SingleDouble>(new(term));
}
