using NormLayers.Lab.Trials;

namespace NormLayers.Lab.Tests.Trials;

public sealed class QuartilesTests
{
    [Theory]
    [InlineData(new[] { 3.0 }, 3, 3, 3)]
    [InlineData(new[] { 2.0, 1 }, 1.25, 1.5, 1.75)]
    [InlineData(new[] { 5.0, 1, 4, 2, 3 }, 2, 3, 4)]
    [InlineData(new[] { 10.0, 20, 30, 100 }, 17.5, 25, 47.5)]
    [InlineData(new[] { 1, double.NaN, 3 }, double.NaN, double.NaN, double.NaN)]
    [InlineData(new[] { double.PositiveInfinity, double.PositiveInfinity }, double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(new[] { -1e308, 1e308 }, -5e307, 0, 5e307)]
    public void Of_Values_DividesBetweenNeighbours(double[] values, double first, double median, double third) =>
        Assert.Equal(new Quartiles(first, median, third), Quartiles.Of(values));

    [Fact]
    public void Of_NoValue_Throws() => Assert.Throws<ArgumentException>("values", () => Quartiles.Of([]));
}
