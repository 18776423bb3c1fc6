using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers.Tests.Numerics;

/// <summary>What work is cut into covers all of it, once and in order, up to the largest sizes.</summary>
public sealed class PartitionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(int.MaxValue)]
    public void Stretches_AnyLength_CoverIt(int length)
    {
        int count = ElementChunks.Count(length);
        Assert.Equal((0, length), ElementChunks.Elements(0, count, length));
        (int start, int end) = ElementChunks.Elements(count - 1, 1, length);
        Assert.True(start < end && end == length, $"The last of {count} goes from {start} to {end}.");
        Assert.Equal(start, ElementChunks.Elements(0, count - 1, length).End);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(100, 1000)]
    [InlineData(1000, 1000)]
    [InlineData(int.MaxValue, 1)]
    public void RowBlocks_AnyRows_CoverThem(int rows, int columns)
    {
        RowBlocks blocks = RowBlocks.Of(rows, columns);
        Assert.Equal(0, blocks.Start(0));
        Assert.Equal(rows, blocks.Start(blocks.Count));
        Assert.All(Enumerable.Range(0, blocks.Count), b => Assert.InRange(blocks.Start(b + 1) - blocks.Start(b), 1, blocks.RowsPerBlock));
    }
}
