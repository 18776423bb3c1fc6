using System.Globalization;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>The search for the worst error finds more than random data do, and never more than is proved.</summary>
[Trait("Duration", "long")]
public sealed class AccuracySearchTests
{
    [Fact]
    public void Run_EachLayer_FindsMoreThanRandomDataAndLessThanIsProved()
    {
        IReadOnlyList<AccuracyRow> random = AccuracySearch.Run(20, steps: 0, seed: 1, TestContext.Current.CancellationToken);
        IReadOnlyList<AccuracyRow> found = AccuracySearch.Run(20, cancellationToken: TestContext.Current.CancellationToken);

        foreach (AccuracyRow row in found)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Layer} {row.Output} {row.WorstError:0.00} of {row.Bound}"));
        }

        string[] layers = ["LayerNorm1D", "BatchNorm1D", "RmsNorm", "GroupNorm", "InstanceNorm"];
        Assert.Equal(layers.SelectMany(l => (string[])[$"{l} y", $"{l} dx"]), found.Select(r => $"{r.Layer} {r.Output}"));
        Assert.All(found, row => Assert.True(row.Passed, row.ToString()));
        Assert.All(found.Zip(random), pair => Assert.True(pair.First.WorstError > pair.Second.WorstError + 0.3, $"{pair.First} after {pair.Second}"));
    }

    [Fact]
    public void Run_SameSeed_FindsTheSame()
    {
        IReadOnlyList<AccuracyRow> first = AccuracySearch.Run(2, seed: 5, TestContext.Current.CancellationToken);
        Assert.Equal(first, AccuracySearch.Run(2, seed: 5, TestContext.Current.CancellationToken));
        Assert.NotEqual(first, AccuracySearch.Run(2, seed: 6, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Run_NoSearch_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => AccuracySearch.Run(0, cancellationToken: TestContext.Current.CancellationToken));
}
