using System.Globalization;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>The layers against exact arithmetic on hostile data, and the arithmetic against what is known.</summary>
public sealed class AccuracyCheckTests
{
    [Fact]
    public void Run_BothLayers_StayWithinTheirBounds()
    {
        IReadOnlyList<AccuracyRow> rows = AccuracyCheck.Run(cancellationToken: TestContext.Current.CancellationToken);
        foreach (AccuracyRow row in rows)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{row.Layer,-12} {row.Data,-28} {row.Output,-16} {row.WorstError,8:0.000} of {row.Bound}"));
        }

        Assert.Equal(2 * 15 * 4 + (15 - 1) * 2, rows.Count);
        Assert.DoesNotContain(rows, r => !r.Passed);
        Assert.True(rows.Max(r => r.WorstError) > 0.4, "Errors below half an ulp everywhere would mean that nothing was measured.");
    }

    [Theory]
    [InlineData(2.0)]
    [InlineData(1e-80)]
    [InlineData(3e60)]
    public void ReciprocalRoot_Squared_IsTheReciprocal(double value)
    {
        ExactNumber root = ((ExactNumber)value).ReciprocalRoot();
        double product = (root * root * value).ToDouble();
        Assert.Equal(1, product, 1e-15);
        Assert.Equal(1 / Math.Sqrt(value), root.ToDouble(), 1e-15 / Math.Sqrt(value));
    }

    [Fact]
    public void ExactNumber_OfAnyDouble_IsThatDouble()
    {
        foreach (double value in (double[])[0, 1, -1.5, 1e30, -1e-30, float.Epsilon, float.MaxValue, Math.PI])
        {
            Assert.Equal(value, ((ExactNumber)value).ToDouble());
        }
    }

    [Fact]
    public void ErrorOf_ResultOneUlpOff_IsOne()
    {
        ExactNormalization.Bounded bounded = new(1.5, 1.5);
        Assert.Equal(0, bounded.ErrorOf(1.5f));
        Assert.Equal(1, bounded.ErrorOf(MathF.BitIncrement(1.5f)));
        Assert.Equal(0.25, new ExactNormalization.Bounded(1.5, -4).ErrorOf(MathF.BitIncrement(1.5f)));
        Assert.True(double.IsNaN(bounded.ErrorOf(float.PositiveInfinity)));
    }
}
