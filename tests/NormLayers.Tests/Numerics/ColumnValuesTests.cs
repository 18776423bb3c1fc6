using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Numerics;

/// <summary>Values of channels copied to their columns, and taken back.</summary>
public sealed class ColumnValuesTests
{
    [Fact]
    public void Of_AnyLength_WritesEachChannelsColumnsAndNoMore()
    {
        for (int length = 1; length <= 20; length++)
        {
            for (int channels = 0; channels <= 9; channels++)
            {
                float[] values = Samples.Normal(channels);
                float[] columns = [.. Enumerable.Repeat(-77f, channels * length + 40)];
                double[] wide = [.. Enumerable.Repeat(-77.0, columns.Length)];

                ColumnValues.Of(values, length, columns.AsSpan(20, channels * length));
                ColumnValues.Of(Compare.Widen(values), length, wide.AsSpan(20, channels * length));

                IEnumerable<float> untouched = Enumerable.Repeat(-77f, 20);
                float[] expected = [.. untouched, .. values.SelectMany(v => Enumerable.Repeat(v, length)), .. untouched];
                Assert.Equal(expected, columns);
                Assert.Equal(Compare.Widen(expected), wide);
            }
        }
    }

    [Fact]
    public void Sum_InPlace_AddsEachChannelsColumns()
    {
        Assert.Equal([6.0, 15, 24], ColumnValues.Sum((double[])[1, 2, 3, 4, 5, 6, 7, 8, 9], 3).ToArray());
        Assert.Equal([1.0, -0.0, 3], ColumnValues.Sum((double[])[1, -0.0, 3], 1).ToArray());
    }

    [Fact]
    public void First_RowAndWhatFollows_GivesEachChannelsFirstColumn()
    {
        float[] channels = new float[3];
        ColumnValues.First([1, 2, 3, 4, 5, 6, 7], 2, channels);
        Assert.Equal([1f, 3, 5], channels);
        ColumnValues.First([1, 2, 3, 4, 5, 6, 7], 1, channels);
        Assert.Equal([1f, 2, 3], channels);
    }
}
