using NormLayers.Lab.Data;
using NormLayers.Lab.Experiments;

namespace NormLayers.Lab.Tests.Experiments;

/// <summary>Networks that diverge count as guessing, whatever the number of classes.</summary>
public sealed class GuessingLevelTests
{
    [Theory]
    [InlineData("dyt", 2)]
    [InlineData("dyt", 4)]
    [InlineData("lr-sweep", 2)]
    [InlineData("lr-sweep", 4)]
    public void Run_EveryNetworkDiverges_CountsAsGuessing(string name, int classes)
    {
        int[] labels = [.. Enumerable.Range(0, 128).Select(i => i % classes)];
        Dataset data = new("not a number", [.. Enumerable.Repeat(float.NaN, 128)], labels, 1, classes);
        ExperimentContext context = new(CancellationToken: TestContext.Current.CancellationToken) { Images = new ImageData(new DataSplit(data, data), data.Name, false) };

        ExperimentTable table = ExperimentCatalog.All.Single(e => e.Name == name).Run(context).Table;

        int largestRate = name == "lr-sweep" ? 1 : 0;
        Assert.All(table.Rows, row => Assert.All(row.Values.Skip(largestRate), accuracy => Assert.Equal(1.0 / classes, accuracy)));
        Assert.All(table.Rows, row => Assert.All(row.Values.Take(largestRate), rate => Assert.Equal(double.NaN, rate)));
    }
}
