using System.Globalization;

namespace NormLayers.Tests.Checks;

/// <summary>Compares an outcome with its oracle, element by element, and returns the worst error of each output in u.</summary>
internal static class Verify
{
    /// <summary>Runs a problem and compares all that comes out.</summary>
    /// <param name="subject">The thing under test.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="vanishing">Outputs whose exact gradient is zero or nearly so, and which are not asked to be 100 times their tolerance.</param>
    public static IReadOnlyDictionary<string, double> Run(ISubject subject, Problem problem, params IReadOnlyList<string> vanishing)
    {
        Oracle oracle = Oracle.Of(subject.Family, problem);
        Outcome outcome = subject.Run(problem);
        Dictionary<string, double> worst = [];
        int compared = 0;
        foreach (((string name, Bounded? expected), (_, double[]? actual)) in oracle.All.Zip(outcome.All))
        {
            if (expected is null || actual is null)
            {
                continue;
            }

            worst[name] = Compare($"{subject.Family} {name}", expected, actual);
            compared++;
            if (name is "dx" or "dGamma" or "dBeta" && !vanishing.Contains(name))
            {
                int[] finite = [.. Enumerable.Range(0, actual.Length).Where(i => double.IsFinite(expected.Exact[i]) && double.IsFinite(expected.U[i]))];
                double largest = finite.Select(i => Math.Abs(expected.Exact[i])).DefaultIfEmpty().Max();
                double tolerance = finite.Select(expected.Allowed).DefaultIfEmpty().Max();
                Assert.True(largest >= 100 * tolerance, $"{name}: the largest gradient {largest} says nothing at a tolerance of {tolerance}.");
            }
        }

        Assert.True(compared > 0 && outcome.Y.Length > 0, "Nothing was compared.");
        return worst;
    }

    /// <summary>Compares one output; the worst error in u.</summary>
    public static double Compare(string name, Bounded expected, double[] actual)
    {
        Assert.Equal(expected.Exact.Length, actual.Length);
        double worst = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double exact = expected.Exact[i];
            if (!float.IsFinite((float)exact))
            {
                if (!SameNonFinite(exact, actual[i]))
                {
                    Assert.Fail(Text($"{name}[{i}]: expected {exact}, got {actual[i]}."));
                }

                continue;
            }

            // Written only where it is wanted: there are millions of elements.
            double error = Math.Abs(actual[i] - exact);
            if (!(error <= expected.Allowed(i)))
            {
                Assert.Fail(Text($"{name}[{i}]: expected {exact:r} ± {expected.Allowed(i):g3}, u = {expected.U[i]:g3}, got {actual[i]:r}: off by {error / expected.U[i]:g3}u."));
            }

            worst = Math.Max(worst, error / expected.U[i]);
        }

        return worst;
    }

    /// <summary>Two values, each within its own tolerance of the same number.</summary>
    public static void Near(string name, double expected, double actual, double tolerance) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance, Text($"{name}: {expected:r} and {actual:r} differ by {Math.Abs(expected - actual):g3}, allowed {tolerance:g3}."));

    public static void SameBits(string name, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.DoubleToInt64Bits(expected[i]) != BitConverter.DoubleToInt64Bits(actual[i]))
            {
                Assert.Fail(Text($"{name}[{i}]: {expected[i]:r} and {actual[i]:r} should have the same bits."));
            }
        }
    }

    // A mean over a row with an infinity is infinite or, where it is corrected by a second pass, NaN; either way the row is lost.
    private static bool SameNonFinite(double exact, double actual) =>
        double.IsNaN(exact) ? double.IsNaN(actual)
        : double.IsInfinity(exact) ? !double.IsFinite(actual)
        : Math.Sign(exact) == Math.Sign(actual) && Math.Abs(actual) > float.MaxValue;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
