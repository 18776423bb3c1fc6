namespace NormLayers.Verification;

/// <summary>A number as the sum of two doubles: more than 100 bits, for sets of a million elements, which would take <see cref="ExactNumber"/> minutes.</summary>
/// <remarks>
/// The algorithms are Dekker's ("A floating-point technique for extending the available precision", Numerische Mathematik 18, 1971) and
/// Knuth's sum without a comparison (TAOCP vol. 2, 4.2.2). A relative error of a few 2⁻¹⁰⁴ an operation, while nothing comes near the
/// ends of a double's range: products need their low parts, so between 10⁻¹⁴⁰ and 10¹⁴⁰.
/// </remarks>
internal readonly struct DoubleDouble : IOracleNumber<DoubleDouble>
{
    // Splits 53 bits into 26 and 26 with a sign.
    private const double Splitter = (1 << 27) + 1;

    private readonly double _high;
    private readonly double _low;

    private DoubleDouble(double high, double low)
    {
        _high = high + low;
        _low = high - _high + low;
    }

    public static DoubleDouble operator +(DoubleDouble left, DoubleDouble right)
    {
        double sum = left._high + right._high;
        double share = sum - left._high;
        double error = left._high - (sum - share) + (right._high - share);
        return new DoubleDouble(sum, error + left._low + right._low);
    }

    public static DoubleDouble operator -(DoubleDouble left, DoubleDouble right) => left + new DoubleDouble(-right._high, -right._low);

    public static DoubleDouble operator *(DoubleDouble left, DoubleDouble right)
    {
        double product = left._high * right._high;
        (double leftTop, double leftBottom) = Split(left._high);
        (double rightTop, double rightBottom) = Split(right._high);
        double error = leftTop * rightTop - product + leftTop * rightBottom + leftBottom * rightTop + leftBottom * rightBottom;
        return new DoubleDouble(product, error + (left._high * right._low + left._low * right._high));
    }

    public static DoubleDouble operator /(DoubleDouble left, int right)
    {
        double first = left._high / right;
        DoubleDouble rest = left - From(first) * From(right);
        return new DoubleDouble(first, rest.ToDouble() / right);
    }

    public static DoubleDouble From(double value)
    {
        if (!double.IsFinite(value))
        {
            Throw.OutOfRange(nameof(value), "a finite number", value);
        }

        return new DoubleDouble(value, 0);
    }

    // Two steps of Newton's iteration from the root of a double: r + r·(1 − v·r²)/2.
    public DoubleDouble ReciprocalRoot()
    {
        if (_high == 0)
        {
            return this;
        }

        DoubleDouble root = From(1 / Math.Sqrt(_high));
        for (int step = 0; step < 2; step++)
        {
            root += root * (From(1) - this * (root * root)) / 2;
        }

        return root;
    }

    public DoubleDouble Absolute() => _high < 0 ? new DoubleDouble(-_high, -_low) : this;

    public int CompareTo(DoubleDouble other) => _high != other._high ? _high.CompareTo(other._high) : _low.CompareTo(other._low);

    public double ToDouble() => _high;

    private static (double Top, double Bottom) Split(double value)
    {
        double scaled = Splitter * value;
        double top = scaled - (scaled - value);
        return (top, value - top);
    }
}
