using System.Globalization;
using System.Text;

namespace NormLayers.Tests.Support;

/// <summary>Comparisons that cannot pass by accident: NaN, different lengths and nothing to compare all fail.</summary>
internal static class Compare
{
    private const int Shown = 5;

    /// <summary>Each value within one tolerance of what is expected; NaN where NaN is expected, infinity where infinity is.</summary>
    public static void Within(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance, string what) =>
        Within(expected, actual, Repeat(tolerance, expected.Length), what);

    /// <inheritdoc cref="Within(ReadOnlySpan{double}, ReadOnlySpan{double}, double, string)"/>
    public static void Within(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, double tolerance, string what) =>
        Within(expected, Widen(actual), tolerance, what);

    /// <inheritdoc cref="Within(ReadOnlySpan{double}, ReadOnlySpan{double}, double, string)"/>
    public static void Within(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, ReadOnlySpan<double> tolerances, string what) =>
        Within(expected, Widen(actual), tolerances, what);

    /// <summary>Each value within its own tolerance of what is expected; NaN where NaN is expected, infinity where infinity is.</summary>
    public static void Within(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, ReadOnlySpan<double> tolerances, string what)
    {
        if (expected.Length != actual.Length || expected.Length != tolerances.Length)
        {
            Assert.Fail($"{what}: {expected.Length} expected values, {actual.Length} actual ones, {tolerances.Length} tolerances.");
        }

        if (expected.IsEmpty)
        {
            Assert.Fail($"{what}: nothing to compare.");
        }

        StringBuilder mismatches = new();
        int count = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (IsWithin(expected[i], actual[i], tolerances[i]))
            {
                continue;
            }

            if (count++ < Shown)
            {
                mismatches.AppendLine().Append(
                    CultureInfo.InvariantCulture,
                    $"  [{i}] expected {expected[i]:g17}, got {actual[i]:g17}: off by {Math.Abs(expected[i] - actual[i]):g3}, allowed {tolerances[i]:g3}");
            }
        }

        if (count > 0)
        {
            Assert.Fail($"{what}: {count} of {expected.Length} values differ.{mismatches}");
        }
    }

    /// <summary>The same bits in every element; -0 is not 0.</summary>
    public static void SameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        if (expected.Length != actual.Length || expected.IsEmpty)
        {
            Assert.Fail($"{what}: {expected.Length} expected values, {actual.Length} actual ones.");
        }

        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToUInt32Bits(expected[i]) != BitConverter.SingleToUInt32Bits(actual[i]))
            {
                Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"{what}: bits differ first at [{i}]: {expected[i]:g9} and {actual[i]:g9}."));
            }
        }
    }

    /// <summary>Each element exactly one value; -0 passes for 0.</summary>
    public static void AllEqual(float expected, ReadOnlySpan<float> actual, string what) =>
        Within(Repeat(expected, actual.Length), actual, 0, what);

    /// <summary>Floats as doubles: exact.</summary>
    public static double[] Widen(ReadOnlySpan<float> values)
    {
        double[] wide = new double[values.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return wide;
    }

    /// <summary>Doubles rounded to the nearest floats.</summary>
    public static float[] Narrow(ReadOnlySpan<double> values)
    {
        float[] narrow = new float[values.Length];
        for (int i = 0; i < narrow.Length; i++)
        {
            narrow[i] = (float)values[i];
        }

        return narrow;
    }

    // A NaN tolerance is a fault of the test: nothing is within it.
    private static bool IsWithin(double expected, double actual, double tolerance) =>
        double.IsNaN(expected) ? double.IsNaN(actual)
        : double.IsInfinity(expected) ? actual == expected
        : Math.Abs(expected - actual) <= tolerance && double.IsFinite(tolerance);

    private static double[] Repeat(double value, int length)
    {
        double[] values = new double[length];
        Array.Fill(values, value);
        return values;
    }
}
