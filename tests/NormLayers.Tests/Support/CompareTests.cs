using Xunit.Sdk;

namespace NormLayers.Tests.Support;

public sealed class CompareTests
{
    [Fact]
    public void Within_NaNWhereNumberExpected_Fails() =>
        Assert.Throws<FailException>(() => Compare.Within([1.0, 2.0], [1.0, double.NaN], 1e9, "y"));

    [Fact]
    public void Within_NumberWhereNaNExpected_Fails() =>
        Assert.Throws<FailException>(() => Compare.Within([double.NaN], [1.0], 1e9, "y"));

    [Fact]
    public void Within_NaNWhereNaNExpected_Passes() => Compare.Within([double.NaN], [double.NaN], 0, "y");

    [Fact]
    public void Within_Infinity_PassesOnlyForTheSameInfinity()
    {
        Compare.Within([double.PositiveInfinity], [double.PositiveInfinity], 1, "y");
        Assert.Throws<FailException>(() => Compare.Within([double.PositiveInfinity], [double.NegativeInfinity], 1, "y"));
        Assert.Throws<FailException>(() => Compare.Within([1.0], [double.PositiveInfinity], 1, "y"));
    }

    [Fact]
    public void Within_InfiniteOrNaNTolerance_Fails()
    {
        Assert.Throws<FailException>(() => Compare.Within([1.0], [1.0], double.NaN, "y"));
        Assert.Throws<FailException>(() => Compare.Within([1.0], [1.0], double.PositiveInfinity, "y"));
    }

    [Fact]
    public void Within_DifferentLengthsOrNothing_Fails()
    {
        Assert.Throws<FailException>(() => Compare.Within([1.0], [1.0, 1.0], 1, "y"));
        Assert.Throws<FailException>(() => Compare.Within([], ReadOnlySpan<double>.Empty, 1, "y"));
        Assert.Throws<FailException>(() => Compare.SameBits([], [], "y"));
    }

    [Fact]
    public void Within_SevenMismatches_ReportsTheFirstFive()
    {
        FailException failure = Assert.Throws<FailException>(() => Compare.Within(new double[7], [1.0, 1, 1, 1, 1, 1, 1], 0.5, "dx"));
        Assert.Contains("dx: 7 of 7 values differ.", failure.Message, StringComparison.Ordinal);
        Assert.Contains("[0] expected 0, got 1: off by 1, allowed 0.5", failure.Message, StringComparison.Ordinal);
        Assert.Contains("[4]", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("[5]", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SameBits_MinusZero_Fails() => Assert.Throws<FailException>(() => Compare.SameBits([0f], [-0f], "y"));

    [Theory]
    [InlineData(1.0, 1.1920928955078125e-07)]
    [InlineData(1.999, 1.1920928955078125e-07)]
    [InlineData(-2.0, 2.384185791015625e-07)]
    [InlineData(0.0, 1.4012984643248171e-45)]
    [InlineData(1e-42, 1.4012984643248171e-45)]
    public void Ulp_Magnitude_IsTheDistanceToTheNextFloat(double magnitude, double expected)
    {
        Assert.Equal(expected, Tolerance.Ulp(magnitude));
        float value = (float)Math.Abs(magnitude);
        Assert.Equal(expected, (double)MathF.BitIncrement(value) - value);
    }
}
