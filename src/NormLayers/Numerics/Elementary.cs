using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Exponential, logarithm, power and hyperbolic tangent from additions, multiplications, divisions and roots, so that their bits are the same everywhere.</summary>
/// <remarks>The runtime's <c>Math.Exp</c> and <c>Math.Log</c> call the operating system's C library, whose last bits differ.</remarks>
internal static class Elementary
{
    /// <summary>2⁵² + 2⁵¹: the last bits of a small integer plus this are the integer.</summary>
    internal const double IntegerShift = 6755399441055744.0;

    /// <summary>The bits of √½.</summary>
    internal const long RootHalfBits = 0x3FE6_A09E_667F_3BCD;

    /// <summary>Of x in eˣ as a factor of floats: the result is 0, whatever it is multiplied with, and the exponent can still be halved.</summary>
    internal const double LeastOfFactor = -1400;

    private const double Log2E = 1.4426950408889634;
    private const double Ln2 = 0.69314718055994531;

    // ln 2 in two parts: the first has its last 21 bits zero, so that n·Ln2High is exact for |n| < 2²¹.
    private const double Ln2High = 0.69314718036912382;
    private const double Ln2Low = 1.9082149292705877e-10;

    // Of x in tanh x: the slope is far below the smallest float there, and (1 + e⁻²ˣ)² far below the largest double.
    private const double MostOfTanh = 175;

    // As LeastOfFactor: the result is infinite, and eˣ finite as a double.
    private const double MostOfFactor = 709;

    /// <summary>eˣ, within 1 ulp.</summary>
    /// <param name="x">Any number; below −745.2 the result is 0, above 709.8 infinity.</param>
    /// <returns>eˣ; NaN for NaN.</returns>
    /// <remarks>x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ is its Taylor polynomial of degree 13, whose remainder is below 2⁻⁵⁷.</remarks>
    public static double Exp(double x)
    {
        if (!(x < 709.79))
        {
            return x <= 709.782712893384 ? ExpCore<SingleDouble>(new(x)).Value : double.IsNaN(x) ? x : double.PositiveInfinity;
        }

        return x < -745.2 ? 0 : ExpCore<SingleDouble>(new(x)).Value;
    }

    /// <summary>The natural logarithm, within 1 ulp.</summary>
    /// <param name="x">Any number.</param>
    /// <returns>ln x; −∞ for 0, NaN for negative numbers and NaN.</returns>
    /// <remarks>x = 2ⁿ·m with √½ ≤ m &lt; √2; ln m = 2·artanh((m − 1)/(m + 1)), a series in odd powers.</remarks>
    public static double Log(double x)
    {
        if (!(x > 0) || double.IsPositiveInfinity(x))
        {
            return x == 0 ? double.NegativeInfinity : x > 0 ? x : double.NaN;
        }

        return x < 2.2250738585072014E-308
            ? LogCore<SingleDouble>(new(x * (1UL << 54)), new(-54)).Value
            : LogCore<SingleDouble>(new(x), default).Value;
    }

    /// <summary>The hyperbolic tangent, within 5 ulp.</summary>
    /// <param name="x">Any number.</param>
    /// <returns>tanh x; NaN for NaN, 0 for −0.</returns>
    public static double Tanh(double x) => TanhCore<SingleDouble>(new(x), out _).Value;

    /// <summary>eˣ for numbers whose exponential is finite, on one lane or eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static D ExpCore<D>(D x)
        where D : struct, IDoubleLanes<D>
    {
        D expM1 = ExpMinusOneOfRemainder(x, out D n);

        // 2ⁿ in two factors, each a normal number, so that a subnormal result is rounded once, by the last product.
        D half = D.Round(n * D.Create(0.5));
        return (D.Create(1) + expM1) * D.PowerOfTwo(half) * D.PowerOfTwo(n - half);
    }

    /// <summary>eˣ with a relative error below 6·10⁻¹¹, for −708 ≤ x ≤ 709, on one lane or eight: for results that are rounded to float, in half the time.</summary>
    /// <remarks>x = n·ln 2 + r; (eʳ − 1 − r)/r² is a polynomial of degree 5, with the least possible error of eʳ.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static D ExpOfFloatCore<D>(D x)
        where D : struct, IDoubleLanes<D>
    {
        D n = D.Round(x * D.Create(Log2E));
        D r = x - n * D.Create(Ln2);
        D square = r * r; // In pairs, so that fewer terms wait for others.
        D s = D.Create(0.00019790341318181188) * r + D.Create(0.0013944659623331087);
        s = s * square + (D.Create(0.008333497075180284) * r + D.Create(0.04166629494734316));
        s = s * square + (D.Create(0.16666665868934138) * r + D.Create(0.5000000067682087));
        return (D.Create(1) + r + square * s) * D.PowerOfTwo(n);
    }

    /// <summary>x⁻ᵖ as a factor of floats, for p ≥ 0 and normal x up to 10²⁸⁰ or little more, on one lane or eight; 0 for infinity, and NaN for NaN, but 1 where p is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static D ReciprocalPowerCore<D>(D x, double p)
        where D : struct, IDoubleLanes<D>
    {
        if (p == 0)
        {
            return D.Create(1);
        }

        if (p is 0.5 or 0.75)
        {
            D root = D.Sqrt(x);
            return D.Create(1) / (p == 0.5 ? root : root * D.Sqrt(root));
        }

        // e^(−p·ln x). The second term is nothing beside the logarithm of a number, and keeps infinity and NaN, whose logarithm means nothing.
        D exponent = D.Create(-p) * (LogCore(x, D.Create(0)) + x * D.Create(1e-300));
        return ExpCore(D.Min(D.Max(exponent, D.Create(LeastOfFactor)), D.Create(MostOfFactor)));
    }

    /// <summary>tanh x and its slope 1 − tanh²x, each within 5 ulp, on one lane or eight; the slope is at least 10⁻¹⁵² where x is a number.</summary>
    /// <remarks>
    /// −x = n·½ ln 2 + s with |s| ≤ ¼ ln 2. τ = tanh s is s + s³·q(s²): q interpolates at the Chebyshev points, and τ/s is within 2⁻⁵⁶.
    /// tanh(n·½ ln 2) is (p − 1)/(p + 1) with p = 2ⁿ, and the addition theorem gives tanh x by one division.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static D TanhCore<D>(D x, out D slope)
        where D : struct, IDoubleLanes<D>
    {
        D minus = D.Create(0) - D.Min(D.Max(x, D.Create(-MostOfTanh)), D.Create(MostOfTanh));
        D n = D.Round(minus * D.Create(2 * Log2E));
        D s = minus - n * D.Create(Ln2High / 2) - n * D.Create(Ln2Low / 2);
        D z = s * s;
        D q = D.Create(0.003463892717465758);
        q = q * z + D.Create(-0.008858934482427923);
        q = q * z + D.Create(0.02186942178564989);
        q = q * z + D.Create(-0.05396825349922673);
        q = q * z + D.Create(0.13333333333212694);
        q = q * z + D.Create(-0.3333333333333328);
        D tau = s + s * (z * q);

        // tanh x = (1 − p − (1 + p)τ)/(1 + p − (1 − p)τ), its slope 4p(1 − τ²) over the denominator's square. Nothing cancels: where n = 0, 1 − p is 0.
        D p = D.PowerOfTwo(n);
        (D onePlus, D oneMinus) = (D.Create(1) + p, D.Create(1) - p);
        D denominator = onePlus - oneMinus * tau;
        slope = D.Create(4) * p * (D.Create(1) - tau * tau) / (denominator * denominator);
        return (oneMinus - onePlus * tau) / denominator;
    }

    // eʳ − 1 with x = n·ln 2 + r.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D ExpMinusOneOfRemainder<D>(D x, out D n)
        where D : struct, IDoubleLanes<D>
    {
        n = D.Round(x * D.Create(Log2E));
        D r = x - n * D.Create(Ln2High) - n * D.Create(Ln2Low);
        D sum = D.Create(1.0 / 6227020800);
        sum = sum * r + D.Create(1.0 / 479001600);
        sum = sum * r + D.Create(1.0 / 39916800);
        sum = sum * r + D.Create(1.0 / 3628800);
        sum = sum * r + D.Create(1.0 / 362880);
        sum = sum * r + D.Create(1.0 / 40320);
        sum = sum * r + D.Create(1.0 / 5040);
        sum = sum * r + D.Create(1.0 / 720);
        sum = sum * r + D.Create(1.0 / 120);
        sum = sum * r + D.Create(1.0 / 24);
        sum = sum * r + D.Create(1.0 / 6);
        sum = sum * r + D.Create(0.5);
        return r + r * r * sum;
    }

    /// <summary>ln x + shift·ln 2 for positive normal numbers, on one lane or eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static D LogCore<D>(D x, D shift)
        where D : struct, IDoubleLanes<D>
    {
        D m = D.Split(x, out D n);
        n += shift;
        D f = m - D.Create(1);
        D s = f / (D.Create(2) + f);
        D z = s * s;
        D tail = D.Create(1.0 / 23);
        tail = tail * z + D.Create(1.0 / 21);
        tail = tail * z + D.Create(1.0 / 19);
        tail = tail * z + D.Create(1.0 / 17);
        tail = tail * z + D.Create(1.0 / 15);
        tail = tail * z + D.Create(1.0 / 13);
        tail = tail * z + D.Create(1.0 / 11);
        tail = tail * z + D.Create(1.0 / 9);
        tail = tail * z + D.Create(1.0 / 7);
        tail = tail * z + D.Create(1.0 / 5);
        tail = tail * z + D.Create(1.0 / 3);

        // ln(1+f) = 2s + 2s·z·tail, and 2s = f − f·s exactly in real numbers: f carries no rounding, s does.
        return n * D.Create(Ln2High) + (f - (f * s - D.Create(2) * s * z * tail - n * D.Create(Ln2Low)));
    }
}
