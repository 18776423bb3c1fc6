namespace NormLayers.Tests;

public sealed class ShapeTests
{
    public static TheoryData<int[], string> Wrong => new()
    {
        { [], "1 to 8 dimensions, got 0" },
        { [1, 1, 1, 1, 1, 1, 1, 1, 1], "1 to 8 dimensions, got 9" },
        { [2, -1], "0 or more, got -1 at position 1" },
        { [int.MinValue], "0 or more, got -2147483648 at position 0" },
        { [65536, 32768], "at most 2147483647 elements, got more, from dimension 1 on" },
        { [1, int.MaxValue, 2], "got more, from dimension 2 on" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Constructor_NoShape_SaysWhy(int[] dimensions, string message)
    {
        ArgumentException e = Assert.Throws<ArgumentException>(nameof(dimensions), () => new Shape(dimensions));

        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_MostElementsAndDimensions_AreAShape()
    {
        Assert.Equal(int.MaxValue, new Shape(int.MaxValue, 1).Length);
        Assert.Equal((8, 6), (new Shape(1, 2, 1, 3, 1, 1, 1, 1).Rank, new Shape(1, 2, 1, 3, 1, 1, 1, 1).Length));
        Assert.Equal(0, new Shape(0, 7).Length);
    }

    [Fact]
    public void Equals_SameDimensions_IsTrueOnlyThen()
    {
        Shape shape = (2, 3, 4);

        Assert.True(shape == new Shape(2, 3, 4) && shape.Equals((object)new Shape(2, 3, 4)));
        Assert.Equal(shape.GetHashCode(), new Shape(2, 3, 4).GetHashCode());
        foreach (Shape other in (Shape[])[(3, 2, 4), (2, 12), (2, 3, 4, 1), (4, 3, 2)])
        {
            Assert.True(shape != other && !shape.Equals((object)other));
        }

        Assert.False(shape.Equals("(2, 3, 4)"));
    }
}
