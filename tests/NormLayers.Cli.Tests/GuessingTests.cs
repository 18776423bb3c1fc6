using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Tests;

/// <summary>What counts as learnt is measured by the best guess on the data at hand, and digits that floats lose are told.</summary>
public sealed class GuessingTests : IDisposable
{
    private static readonly string[] _quick = ["--no-progress", "--json"];

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData(0.6931471805599453, 50, 50)]
    [InlineData(1.0986122886681098, 7, 7, 7)]
    [InlineData(0.3250829733914482, 90, 10)]
    [InlineData(0.6931471805599453, 3, 0, 3)]
    [InlineData(0.0, 0, 12)]
    public void GuessingLoss_OfClasses_IsTheEntropyOfTheirShares(double expected, params int[] samples)
    {
        DataSummary data = new("csv", "d", null, null, null, [.. samples.Select((n, c) => new ClassSummary($"{c}", n, 1))], []);

        Assert.Equal(expected, data.GuessingLoss, 1e-15);
    }

    [Theory]
    [InlineData(false, "stalls", 0.2, 0.4)]
    [InlineData(true, "trains", 0.0, 0.16)]
    public void Sweep_NineOfTenInOneClass_TrainsOnlyIfItBeatsGuessing(bool tells, string outcome, double low, double high)
    {
        _tool.Write("d.csv", "u,v,k\n" + string.Concat(Enumerable.Range(0, 250).Select(i => FormattableString.Invariant(
            $"{i * 37 % 101},{(tells ? i % 10 / 9 : i * 53 % 97)},{(i % 10 == 9 ? "rare" : "common")}\n"))));
        string[] sweep = ["sweep", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=50", "--mode", "none", "--learning-rate", "0.05", "--seeds", "2", "--epochs", "20", "--folder", "f", .. _quick];

        string output = _tool.Run(sweep).Expect(0).Output;
        JsonNode cell = JsonNode.Parse(output)!["cells"]![0]!;

        Assert.Equal(outcome, (string?)cell["outcome"]);
        Assert.InRange((double)cell["train_loss"]!["mean"]!, low, high);
        Assert.Equal(output, _tool.Run(sweep).Expect(0).Output);
    }

    [Theory]
    [InlineData("false", true)]
    [InlineData("true", false)]
    public void Train_UnixTimesThatAreNotStandardized_AreTold(string standardize, bool told)
    {
        _tool.Write("d.csv", "t,k\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"{1_700_000_000 + 10 * i},{i % 2}\n")));

        string error = _tool.Run(["train", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=10", "--epochs", "1", "--set", $"data.standardize={standardize}", .. _quick]).Error;

        Assert.Equal(told, error.Contains("note: feature 0 (counted from 0) has 60 different values, 6 as floats, rounded by up to 64; standardized first, they stay apart", StringComparison.Ordinal));
    }
}
