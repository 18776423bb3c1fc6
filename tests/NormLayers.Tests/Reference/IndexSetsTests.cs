namespace NormLayers.Tests.Reference;

/// <summary>Which elements belong together, written out by hand on small tensors.</summary>
public sealed class IndexSetsTests
{
    [Fact]
    public void Of_TensorOfTwoThreeTwo_AreThese()
    {
        Shape shape = (2, 3, 2);
        Assert.Equal("0 1 | 2 3 | 4 5 | 6 7 | 8 9 | 10 11", Text(IndexSets.Rows(), shape));
        Assert.Equal("0 1 2 3 4 5 | 6 7 8 9 10 11", Text(IndexSets.Rows(2), shape));
        Assert.Equal("0 2 4 6 8 10 | 1 3 5 7 9 11", Text(IndexSets.Columns(), shape));
        Assert.Equal("0 6 | 1 7 | 2 8 | 3 9 | 4 10 | 5 11", Text(IndexSets.Columns(2), shape));
        Assert.Equal("0 1 6 7 | 2 3 8 9 | 4 5 10 11", Text(IndexSets.Channels, shape));
        Assert.Equal("0 1 | 2 3 | 4 5 | 6 7 | 8 9 | 10 11", Text(IndexSets.Instances, shape));
        Assert.Equal("0 1 2 3 4 5 6 7 8 9 10 11", Text(IndexSets.All, shape));
        Assert.Equal("0 2 4 | 1 3 5 | 6 8 10 | 7 9 11", Text(IndexSets.Over(1), shape));
        Assert.Equal("0 1 6 7 | 2 3 8 9 | 4 5 10 11", Text(IndexSets.Over(0, -1), shape));
        Assert.Equal("0 3 6 9 | 1 4 7 10 | 2 5 8 11", Text(IndexSets.By((_, i) => i % 3), shape));
    }

    [Fact]
    public void Groups_OfChannels_AreNeighboursOfOneSample()
    {
        Assert.Equal("0 1 | 2 3 | 4 5 | 6 7", Text(IndexSets.Groups(2), (2, 4)));
        Assert.Equal("0 1 2 3 | 4 5 6 7", Text(IndexSets.Groups(1), (2, 2, 2)));
        Assert.Equal(Text(IndexSets.Instances, (2, 3, 4)), Text(IndexSets.Groups(3), (2, 3, 4)));
        Assert.Equal("0 1 2 3 | 4 5 6 7", Text(IndexSets.Groups(2), (1, 4, 1, 2)));
    }

    [Fact]
    public void Of_EmptyTensor_HasNoSets()
    {
        Assert.Empty(IndexSets.Channels.Of((0, 3)));
        Assert.Empty(IndexSets.Groups(3).Of((2, 3, 0)));
    }

    [Theory]
    [InlineData(4, 2, 6)]
    public void Groups_ShapeThatDoesNotDivide_IsRefused(int groups, params int[] shape) =>
        Assert.Contains($"multiple of {groups} groups", Assert.Throws<ArgumentException>(() => IndexSets.Groups(groups).Of(new Shape(shape))).Message, StringComparison.Ordinal);

    [Fact]
    public void Of_ShapeOfTooFewDimensions_IsRefused()
    {
        foreach (IndexSets sets in (IndexSets[])[IndexSets.Channels, IndexSets.Instances, IndexSets.Rows(2), IndexSets.Columns(2), IndexSets.Groups(1), IndexSets.Chunks(2), IndexSets.Over(1), IndexSets.Over(-2)])
        {
            Assert.Contains("Expected 2 dimensions or more, got (6)", Assert.Throws<ArgumentException>(() => sets.Of(new Shape(6))).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(6)]
    public void By_NumberThatIsNoSet_IsRefused(int set)
    {
        string message = Assert.Throws<ArgumentException>(() => IndexSets.By((_, i) => i == 4 ? set : 0).Of((2, 3))).Message;
        Assert.Contains($"Expected a rule that numbers the sets of (2, 3) from 0 to less than its 6 elements, got set {set} for element 4", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Factories_NumbersBelowOne_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => IndexSets.Groups(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => IndexSets.Rows(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => IndexSets.Columns(-1));
    }

    private static string Text(IndexSets sets, Shape shape) => string.Join(" | ", sets.Of(shape).Select(S => string.Join(' ', S)));
}
