namespace NormLayers.Numerics;

/// <summary>Exponential and logarithm from additions, multiplications and one division, so that their bits are the same everywhere.</summary>
/// <remarks>The runtime's <c>Math.Exp</c> and <c>Math.Log</c> call the operating system's C library, whose last bits differ.</remarks>
public static class Elementary
{
    private const double Log2E = 1.4426950408889634;

    // ln 2 in two parts: the first has its last 21 bits zero, so that n·Ln2High is exact for |n| < 2²¹.
    private const double Ln2High = 0.69314718036912382;
    private const double Ln2Low = 1.9082149292705877e-10;

    /// <summary>eˣ, within 1 ulp.</summary>
    /// <param name="x">Any number; below −745.2 the result is 0, above 709.8 infinity.</param>
    /// <returns>eˣ; NaN for NaN.</returns>
    /// <remarks>x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ is its Taylor polynomial of degree 13, whose remainder is below 2⁻⁵⁷.</remarks>
    public static double Exp(double x)
    {
        if (!(x < 709.79))
        {
            return x <= 709.782712893384 ? ExpCore(x) : double.IsNaN(x) ? x : double.PositiveInfinity;
        }

        return x < -745.2 ? 0 : ExpCore(x);
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

        int n = 0;
        if (x < 2.2250738585072014E-308)
        {
            x *= 1UL << 54;
            n = -54;
        }

        long bits = BitConverter.DoubleToInt64Bits(x);
        n += (int)(bits >> 52) - 1023;
        double m = BitConverter.Int64BitsToDouble((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
        if (m > 1.4142135623730951)
        {
            m *= 0.5;
            n++;
        }

        double f = m - 1;
        double s = f / (2 + f);
        double z = s * s;
        double tail = 1.0 / 23;
        tail = tail * z + 1.0 / 21;
        tail = tail * z + 1.0 / 19;
        tail = tail * z + 1.0 / 17;
        tail = tail * z + 1.0 / 15;
        tail = tail * z + 1.0 / 13;
        tail = tail * z + 1.0 / 11;
        tail = tail * z + 1.0 / 9;
        tail = tail * z + 1.0 / 7;
        tail = tail * z + 1.0 / 5;
        tail = tail * z + 1.0 / 3;

        // ln(1+f) = 2s + 2s·z·tail, and 2s = f − f·s exactly in real numbers: f carries no rounding, s does.
        return n * Ln2High + (f - (f * s - 2 * s * z * tail - n * Ln2Low));
    }

    private static double ExpCore(double x)
    {
        double n = Math.Round(x * Log2E);
        double r = x - n * Ln2High - n * Ln2Low;
        double sum = 1.0 / 6227020800;
        sum = sum * r + 1.0 / 479001600;
        sum = sum * r + 1.0 / 39916800;
        sum = sum * r + 1.0 / 3628800;
        sum = sum * r + 1.0 / 362880;
        sum = sum * r + 1.0 / 40320;
        sum = sum * r + 1.0 / 5040;
        sum = sum * r + 1.0 / 720;
        sum = sum * r + 1.0 / 120;
        sum = sum * r + 1.0 / 24;
        sum = sum * r + 1.0 / 6;
        sum = sum * r + 0.5;

        // 2ⁿ in two factors, each a normal number, so that a subnormal result is rounded once, by the last product.
        int half = (int)n / 2;
        return (1 + (r + r * r * sum)) * PowerOfTwo(half) * PowerOfTwo((int)n - half);
    }

    private static double PowerOfTwo(int n) => BitConverter.Int64BitsToDouble((long)(n + 1023) << 52);
}
