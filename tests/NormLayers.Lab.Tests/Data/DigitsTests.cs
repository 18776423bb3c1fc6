using NormLayers.Lab.Data;

namespace NormLayers.Lab.Tests.Data;

public class DigitsTests
{
    private static readonly Dataset Data = Digits.Load();

    [Fact]
    public void Load_Always_HasTheDocumentedShape()
    {
        Assert.Equal((1797, 64, 10), (Data.Count, Data.FeatureCount, Data.ClassCount));
        Assert.Equal("digits", Data.Name);
    }

    [Fact]
    public void Load_Always_HasTheCountsOfTheSource()
    {
        int[] counts = [.. Enumerable.Range(0, 10).Select(c => Data.Labels.Count(label => label == c))];

        Assert.Equal([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], counts);
    }

    [Fact]
    public void Load_Pixels_AreSixteenthsFromZeroToOne()
    {
        Assert.Equal((0f, 1f), (Data.Features.Min(), Data.Features.Max()));
        Assert.All(Data.Features, pixel => Assert.Equal(0, pixel * 16 % 1));
    }

    [Fact]
    public void Load_FirstRow_IsAZero()
    {
        float[] firstRow = [0, 0, 5, 13, 9, 1, 0, 0];

        Assert.Equal(Array.ConvertAll(firstRow, pixel => pixel / 16), Data.Features[..8]);
        Assert.Equal(0, Data.Labels[0]);
    }
}
