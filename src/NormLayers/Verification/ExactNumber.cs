using System.Numerics;

namespace NormLayers.Verification;

/// <summary>A number as a whole multiple of 2⁻⁷⁰⁰: sums, differences and products of floats lose nothing that a float could show.</summary>
/// <remarks>
/// Sums and differences are exact; products, quotients and roots are cut off at 2⁻⁷⁰⁰. Results of normalization lie between 10⁻¹⁰⁰
/// and 10¹⁰⁰, so every one of them has more than 300 good bits.
/// </remarks>
internal readonly struct ExactNumber(BigInteger units) : IOracleNumber<ExactNumber>
{
    private const int FractionBits = 700;

    private readonly BigInteger _units = units;

    public static ExactNumber operator +(ExactNumber left, ExactNumber right) => new(left._units + right._units);

    public static ExactNumber operator -(ExactNumber left, ExactNumber right) => new(left._units - right._units);

    public static ExactNumber operator *(ExactNumber left, ExactNumber right) => new((left._units * right._units) >> FractionBits);

    public static ExactNumber operator /(ExactNumber left, int right) => new(left._units / right);

    public static ExactNumber From(double value)
    {
        if (!double.IsFinite(value))
        {
            Throw.OutOfRange(nameof(value), "a finite number", value);
        }

        long bits = BitConverter.DoubleToInt64Bits(value);
        int biased = (int)((bits >> 52) & 0x7FF);
        long mantissa = bits & 0x000F_FFFF_FFFF_FFFF;
        int exponent = biased == 0 ? -1074 : biased - 1075;
        BigInteger magnitude = biased == 0 ? mantissa : mantissa | 0x0010_0000_0000_0000;
        int shift = exponent + FractionBits;
        BigInteger units = shift >= 0 ? magnitude << shift : magnitude >> -shift;
        return new ExactNumber(bits < 0 ? -units : units);
    }

    public ExactNumber ReciprocalRoot()
    {
        if (_units.IsZero)
        {
            return this;
        }

        // 1/√(u·2⁻ᶠ) = √(2³ᶠ/u)·2⁻ᶠ, the root taken of an integer.
        return new ExactNumber(IntegerRoot((BigInteger.One << (3 * FractionBits)) / _units));
    }

    public ExactNumber Absolute() => new(BigInteger.Abs(_units));

    public int CompareTo(ExactNumber other) => _units.CompareTo(other._units);

    public double ToDouble()
    {
        int excess = (int)Math.Max(0, BigInteger.Abs(_units).GetBitLength() - 64);
        return Math.ScaleB((double)(_units >> excess), excess - FractionBits);
    }

    // Newton's iteration from above; it falls until it has the root.
    private static BigInteger IntegerRoot(BigInteger value)
    {
        BigInteger root = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            BigInteger next = (root + value / root) >> 1;
            if (next >= root)
            {
                return root;
            }

            root = next;
        }
    }
}
