using NormLayers.Numerics;

namespace NormLayers.Tests.Numerics;

/// <summary>Exponentials and logarithms of whole arrays have the bits of the scalar ones, in every lane and in the rest after the last sixteen.</summary>
public sealed class ElementaryKernelTests
{
    private static readonly double[] _nonPositive =
    [
        0, -0.0, -double.Epsilon, -1e-300, -1e-17, -0.34657359027997264, -0.34657359027997270, -1, -708, -708.3964185322641, -709, -720.5,
        -740, -744.4400719213812, -745.1332191019411, -745.1332191019412, -745.2, -745.3, -746, -1399, -1400, -1401, -1e300, double.MinValue, double.NegativeInfinity,
    ];

    private static readonly double[] _nonNegative =
    [
        0, double.Epsilon, 1e-300, 1e-20, Math.ScaleB(1, -53), Math.ScaleB(1, -52), 1e-15, 1e-9, 1e-3, 0.25, Math.BitDecrement(Math.Sqrt(2) - 1),
        Math.Sqrt(2) - 1, Math.BitIncrement(Math.Sqrt(2) - 1), 0.5, 1, 2, Math.E, 10, 1e15, 1e17, 1e300, double.MaxValue,
    ];

    [Fact]
    public void ExpOfNonPositive_EdgesInEveryLane_HaveTheScalarBits() =>
        AssertScalarBits(_nonPositive, random => -800 * random.NextDouble(), Elementary.Exp, ElementaryKernel.ExpOfNonPositive);

    [Fact]
    public void LogOfOnePlus_EdgesInEveryLane_HaveTheBitsOfOneAlone() =>
        AssertScalarBits(_nonNegative, random => Math.ScaleB(random.NextDouble(), random.NextInt(80) - 60), LogOfOnePlus, ElementaryKernel.LogOfOnePlus);

    [Fact]
    public void LogOfOnePlus_AnyMagnitude_IsWithinFourUlp()
    {
        RandomSource random = new(11);
        double[] x = [.. _nonNegative, .. Enumerable.Range(0, 2000).Select(_ => Math.ScaleB(1 + random.NextDouble(), random.NextInt(120) - 80))];
        foreach (double value in x)
        {
            double exact = ExactLogOfOnePlus(value);
            Assert.Equal(exact, LogOfOnePlus(value), 4 * (Math.BitIncrement(exact) - exact));
        }
    }

    [Fact]
    public void ExpAndLog_NaNInEveryPlace_StaysThere()
    {
        for (int at = 0; at < 37; at++)
        {
            double[] exponentials = new double[37];
            double[] logarithms = new double[37];
            exponentials[at] = logarithms[at] = double.NaN;
            ElementaryKernel.ExpOfNonPositive(exponentials);
            ElementaryKernel.LogOfOnePlus(logarithms);
            for (int i = 0; i < 37; i++)
            {
                Assert.Equal(i == at ? double.NaN : 1, exponentials[i]);
                Assert.Equal(i == at ? double.NaN : 0, logarithms[i]);
            }
        }
    }

    // Below 1 by 2·artanh(x / (2 + x)), whose terms all have one sign: within 2 ulp.
    internal static double ExactLogOfOnePlus(double x)
    {
        double s = x / (2 + x);
        return x >= 1 ? Math.Log(1 + x) : 2 * Enumerable.Range(0, 20).Reverse().Sum(k => Math.Pow(s, 2 * k + 1) / (2 * k + 1));
    }

    private delegate void Vectors(Span<double> values);

    private static double LogOfOnePlus(double x)
    {
        Span<double> alone = [x];
        ElementaryKernel.LogOfOnePlus(alone);
        return alone[0];
    }

    private static void AssertScalarBits(double[] edges, Func<RandomSource, double> draw, Func<double, double> scalar, Vectors vectors)
    {
        RandomSource random = new(7);
        for (int start = 0; start < edges.Length; start++)
        {
            // Every edge comes to every lane, and to the elements that do not fill sixteen.
            double[] x = [.. edges[start..], .. edges[..start], .. Enumerable.Range(0, 300 + start % 16).Select(_ => draw(random))];
            double[] actual = [.. x];
            vectors(actual);
            for (int i = 0; i < x.Length; i++)
            {
                Assert.True(
                    BitConverter.DoubleToInt64Bits(scalar(x[i])) == BitConverter.DoubleToInt64Bits(actual[i]),
                    $"At {x[i]:g17}, place {i}: {scalar(x[i]):g17} alone, {actual[i]:g17} in vectors.");
            }
        }
    }
}
