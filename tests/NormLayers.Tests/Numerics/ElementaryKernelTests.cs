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

    private static readonly double[] _atLeastOne =
        [1, Math.BitIncrement(1), 1.0000001, Math.BitDecrement(Math.Sqrt(2)), Math.Sqrt(2), Math.BitIncrement(Math.Sqrt(2)), 2, Math.E, 10, 1e15, 1e300, double.MaxValue];

    [Fact]
    public void ExpOfNonPositive_EdgesInEveryLane_HaveTheScalarBits() =>
        AssertScalarBits(_nonPositive, random => -800 * random.NextDouble(), Elementary.Exp, ElementaryKernel.ExpOfNonPositive);

    [Fact]
    public void LogOfAtLeastOne_EdgesInEveryLane_HaveTheScalarBits() =>
        AssertScalarBits(_atLeastOne, random => 1 + 1e6 * random.NextDouble() * random.NextDouble(), Elementary.Log, ElementaryKernel.LogOfAtLeastOne);

    [Fact]
    public void ExpAndLog_NaNInEveryPlace_StaysThere()
    {
        for (int at = 0; at < 37; at++)
        {
            double[] exponentials = new double[37];
            double[] logarithms = [.. Enumerable.Repeat(1.0, 37)];
            exponentials[at] = logarithms[at] = double.NaN;
            ElementaryKernel.ExpOfNonPositive(exponentials);
            ElementaryKernel.LogOfAtLeastOne(logarithms);
            for (int i = 0; i < 37; i++)
            {
                Assert.Equal(i == at ? double.NaN : 1, exponentials[i]);
                Assert.Equal(i == at ? double.NaN : 0, logarithms[i]);
            }
        }
    }

    private delegate void Vectors(Span<double> values);

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
