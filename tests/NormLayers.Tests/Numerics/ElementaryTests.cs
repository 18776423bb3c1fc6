using System.Globalization;
using System.Numerics;
using NormLayers.Numerics;

namespace NormLayers.Tests.Numerics;

/// <summary>Against the runtime's functions, themselves good to 1 ulp: 2 ulp in all.</summary>
public sealed class ElementaryTests
{
    private const long AllowedUlps = 2;

    [Theory]
    [InlineData(-745.13, 709.78, 200_000)]
    [InlineData(-745.2, -708, 50_000)]
    [InlineData(-1, 1, 200_000)]
    [InlineData(-1e-8, 1e-8, 10_000)]
    public void Exp_Range_IsWithinTwoUlp(double low, double high, int count)
    {
        RandomSource random = new(1);
        for (int i = 0; i < count; i++)
        {
            double x = random.NextDouble(low, high);
            AssertUlps(Math.Exp(x), Elementary.Exp(x), x);
        }
    }

    [Fact]
    public void Exp_MultiplesOfHalfLn2_AreWithinTwoUlp()
    {
        // Where the reduction changes from one power of two to the next.
        for (int n = -2140; n <= 2047; n++)
        {
            foreach (double nudge in (double[])[-1e-12, 0, 1e-12])
            {
                double x = n * (Math.Log(2) / 2) + nudge;
                AssertUlps(Math.Exp(x), Elementary.Exp(x), x);
            }
        }
    }

    // Against the exact value, in integers: multiples of 2⁻¹²⁰⁰. The logarithm y of x is off by (eʸ - x)/x.
    [Fact]
    public void ExpAndLog_RandomArguments_AreWithinOneUlpOfTheExactValue()
    {
        RandomSource random = new(4);
        (double worstExp, double worstLog) = (0, 0);
        for (int i = 0; i < 1000; i++)
        {
            double x = random.NextDouble(-700, 700) * Math.Pow(10, -random.NextInt(4));
            double exp = Elementary.Exp(x);
            worstExp = Math.Max(worstExp, Math.Abs(Ratio(Fixed(exp) - ExactExp(x), Fixed(Math.BitIncrement(exp) - exp))));

            double log = Elementary.Log(exp);
            double error = Ratio(ExactExp(log) - Fixed(exp), Fixed(exp));
            worstLog = Math.Max(worstLog, Math.Abs(error) / (Math.BitIncrement(Math.Abs(log)) - Math.Abs(log)));
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"exp {worstExp:0.000}, log {worstLog:0.000} ulp"));
        Assert.InRange(worstExp, 0.4, 1);
        Assert.InRange(worstLog, 0.4, 1);
    }

    // The error repeats with each ln 2, and is largest at the ends and between.
    [Fact]
    public void ExpOfFloat_WholeDomain_IsWithinItsBound()
    {
        double worst = Enumerable.Range(0, 1_000_001).Max(i =>
        {
            double x = -708 + 1417e-6 * i;
            return Math.Abs(Elementary.ExpOfFloatCore<SingleDouble>(new(x)).Value / Elementary.Exp(x) - 1);
        });

        Assert.InRange(worst, 4e-11, 6e-11);
    }

    [Theory]
    [InlineData(0.0, 1.0)]
    [InlineData(double.Epsilon, 1.0)]
    [InlineData(double.NegativeInfinity, 0.0)]
    [InlineData(-1e300, 0.0)]
    [InlineData(-746, 0.0)]
    [InlineData(710, double.PositiveInfinity)]
    [InlineData(double.MaxValue, double.PositiveInfinity)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(double.NaN, double.NaN)]
    public void Exp_Special_IsExact(double x, double expected) => Assert.Equal(expected, Elementary.Exp(x));

    [Fact]
    public void Exp_LargestFiniteArgument_IsFinite()
    {
        double x = Math.Log(double.MaxValue);
        AssertUlps(Math.Exp(x), Elementary.Exp(x), x);
        Assert.True(double.IsFinite(Elementary.Exp(x)));
        Assert.Equal(double.PositiveInfinity, Elementary.Exp(Math.BitIncrement(x)));
    }

    [Theory]
    [InlineData(0.5, 2, 200_000)]
    [InlineData(0.999, 1.001, 100_000)]
    [InlineData(0, 1e-300, 10_000)]
    [InlineData(1, 1e300, 10_000)]
    public void Log_Range_IsWithinTwoUlp(double low, double high, int count)
    {
        RandomSource random = new(2);
        for (int i = 0; i < count; i++)
        {
            double x = random.NextDouble(low, high);
            AssertUlps(Math.Log(x), Elementary.Log(x), x);
        }
    }

    [Fact]
    public void Log_EveryExponent_IsWithinTwoUlp()
    {
        RandomSource random = new(3);
        for (int exponent = -1074; exponent <= 1023; exponent++)
        {
            for (int i = 0; i < 20; i++)
            {
                double x = Math.ScaleB(1 + random.NextDouble(), exponent);
                AssertUlps(Math.Log(x), Elementary.Log(x), x);
            }
        }
    }

    [Fact]
    public void Log_AroundOneAndRootTwo_IsWithinTwoUlp()
    {
        foreach (double centre in (double[])[1, Math.Sqrt(2), Math.Sqrt(0.5), 2])
        {
            double x = centre;
            for (int i = 0; i < 1000; i++)
            {
                AssertUlps(Math.Log(x), Elementary.Log(x), x);
                x = Math.BitIncrement(x);
            }

            x = centre;
            for (int i = 0; i < 1000; i++)
            {
                AssertUlps(Math.Log(x), Elementary.Log(x), x);
                x = Math.BitDecrement(x);
            }
        }
    }

    [Theory]
    [InlineData(1.0, 0.0)]
    [InlineData(0.0, double.NegativeInfinity)]
    [InlineData(-1.0, double.NaN)]
    [InlineData(double.NegativeInfinity, double.NaN)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(double.NaN, double.NaN)]
    public void Log_Special_IsExact(double x, double expected) => Assert.Equal(expected, Elementary.Log(x));

    [Fact]
    public void LogOfExp_Range_ReturnsTheArgument()
    {
        RandomSource random = new(4);
        for (int i = 0; i < 10_000; i++)
        {
            double x = random.NextDouble(-700, 700);
            Assert.Equal(x, Elementary.Log(Elementary.Exp(x)), 1e-15 * Math.Max(1, Math.Abs(x)));
        }
    }

    // 5 ulp, and 1 of the runtime's own.
    [Theory]
    [InlineData(-1, 1, 200_000)]
    [InlineData(-20, 20, 100_000)]
    [InlineData(-1e-8, 1e-8, 10_000)]
    [InlineData(-1e-300, 1e-300, 1000)]
    public void Tanh_Range_IsWithinSixUlp(double low, double high, int count)
    {
        RandomSource random = new(5);
        for (int i = 0; i < count; i++)
        {
            double x = random.NextDouble(low, high);
            AssertUlps(Math.Tanh(x), Elementary.Tanh(x), x, allowed: 6);
        }
    }

    // With cosh² of the runtime, which is off by 3 ulp.
    [Theory]
    [InlineData(-1, 1)]
    [InlineData(-174, 174)]
    public void TanhSlope_Range_IsWithinEightUlp(double low, double high)
    {
        RandomSource random = new(6);
        for (int i = 0; i < 100_000; i++)
        {
            double x = random.NextDouble(low, high);
            _ = Elementary.TanhCore<SingleDouble>(new(x), out SingleDouble slope);
            AssertUlps(1 / (Math.Cosh(x) * Math.Cosh(x)), slope.Value, x, allowed: 8);
        }
    }

    [Fact]
    public void Tanh_WhereTheReductionChanges_IsWithinSixUlp()
    {
        for (int n = -120; n <= 120; n++)
        {
            foreach (double nudge in (double[])[-1e-12, 0, 1e-12])
            {
                double x = n * (Math.Log(2) / 4) + nudge;
                AssertUlps(Math.Tanh(x), Elementary.Tanh(x), x, allowed: 6);
            }
        }
    }

    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(double.Epsilon, double.Epsilon)]
    [InlineData(30, 1.0)]
    [InlineData(-30, -1.0)]
    [InlineData(double.MaxValue, 1.0)]
    [InlineData(double.NegativeInfinity, -1.0)]
    [InlineData(double.PositiveInfinity, 1.0)]
    [InlineData(double.NaN, double.NaN)]
    public void Tanh_Special_IsExact(double x, double expected) => Assert.Equal(expected, Elementary.Tanh(x));

    private static void AssertUlps(double expected, double actual, double x, long allowed = AllowedUlps)
    {
        long distance = Math.Abs(BitConverter.DoubleToInt64Bits(expected) - BitConverter.DoubleToInt64Bits(actual));
        if (distance > allowed)
        {
            Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"At {x:g17}: expected {expected:g17}, got {actual:g17}, {distance} ulp off."));
        }
    }

    [Theory]
    [InlineData(0.001)]
    [InlineData(0.25)]
    [InlineData(0.5)]
    [InlineData(0.75)]
    [InlineData(1)]
    [InlineData(1.02)]
    public void ReciprocalPower_LargestAndNotFinite_AreRight(double p)
    {
        static double Power(double x, double p)
        {
            double[] result = new double[1];
            SingleDouble.Store(Elementary.ReciprocalPowerCore(SingleDouble.Create(x), p), ref result[0], 0);
            return result[0];
        }

        foreach (double x in (double[])[1e-300, 1, 1e200, 1e280, 1.1e280])
        {
            double expected = Math.Pow(x, -p);
            Assert.InRange(Power(x, p), expected * (1 - 4e-13), expected * (1 + 4e-13));
        }

        Assert.Equal(0, (float)(Power(double.PositiveInfinity, p) * float.MaxValue));
        Assert.Equal(double.NaN, Power(double.NaN, p));
        Assert.Equal(1, Power(double.PositiveInfinity, 0));
        Assert.Equal(1, Power(double.NaN, 0));
    }

    private const int FixedBits = 1200;

    // A double is a whole multiple of 2⁻¹⁰⁷⁴.
    private static BigInteger Fixed(double value)
    {
        int exponent = Math.Max(Math.ILogB(value), -1022) - 52;
        return (BigInteger)Math.ScaleB(value, -exponent) << (exponent + FixedBits);
    }

    private static double Ratio(BigInteger numerator, BigInteger denominator) => Math.ScaleB((double)((numerator << 120) / denominator), -120);

    // Taylor's series of x/1024, squared ten times, with 1200 bits more while it lasts.
    private static BigInteger ExactExp(double x)
    {
        const int Bits = 2 * FixedBits;
        BigInteger argument = (Fixed(x) << (Bits - FixedBits)) >> 10;
        BigInteger term = BigInteger.One << Bits;
        BigInteger sum = term;
        for (int n = 1; !term.IsZero && term != BigInteger.MinusOne; n++)
        {
            term = (term * argument >> Bits) / n;
            sum += term;
        }

        for (int square = 0; square < 10; square++)
        {
            sum = sum * sum >> Bits;
        }

        return sum >> (Bits - FixedBits);
    }
}
