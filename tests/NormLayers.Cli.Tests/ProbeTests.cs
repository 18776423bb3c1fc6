using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class ProbeTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Train_NotAsked_ProbesNothing()
    {
        JsonObject results = _tool.RunSmall("--json", "-q").Expect(0).Json;

        Assert.True(results.ContainsKey("probes"));
        Assert.Null(results["probes"]);
        Assert.Equal(0, (int)results["config"]!["training"]!["probe_interval"]!);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Train_Probed_HasARecordEveryNStepsAndTheSameResult(bool flag)
    {
        _tool.Write("config.yaml", flag ? "training: {probe_interval: 3}\n" : "training: {probe_interval: 5}\n");

        JsonObject probed = _tool.RunSmall([.. flag ? (string[])["--probe", "5"] : [], "--json", "-q"]).Expect(0).Json;
        JsonObject plain = _tool.RunSmall("--probe", "0", "--json", "-q").Expect(0).Json;

        JsonNode probes = probed["probes"]!;
        Assert.Equal("[1,6,11]", probes["step"]!.ToJsonString());
        Assert.Equal("[1,1,2]", probes["epoch"]!.ToJsonString());
        Assert.Equal(5, (int)probed["config"]!["training"]!["probe_interval"]!);
        Assert.Equal(2, probes["layers"]![0]!["parameters"]!.AsArray().Count);
        Assert.Null(probes["layers"]![0]!["dead_share"]);
        Assert.NotNull(probes["layers"]![2]!["dead_share"]);
        foreach (string field in (string[])["train_loss", "test_loss", "test_accuracy", "steps"])
        {
            Assert.Equal(plain[field]!.ToJsonString(), probed[field]!.ToJsonString());
        }

        // The bias starts at 0, so its first update has no ratio to it.
        Assert.Equal("[null,", probes["layers"]![0]!["parameters"]![1]!["update_ratio"]!.ToJsonString()[..6]);
    }

    [Fact]
    public void Train_WithAReport_ProbesAboutSixtyTimes()
    {
        JsonObject results = _tool.Run("--epochs", "29", "--set", "data.n_train=200", "--report", "report.html", "--json", "-q").Expect(0).Json;

        // 203 steps.
        Assert.Equal(4, (int)results["config"]!["training"]!["probe_interval"]!);
        Assert.Equal(51, results["probes"]!["step"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("--probe: error: 'training.probe_interval' must be an integer from 0 to 1000000000, got -1", "--probe", "-1")]
    [InlineData("'--probe' is no option of 'normlayers compare'", "compare", "--probe", "3")]
    [InlineData("'--probe' is no option of 'normlayers sweep'", "sweep", "--probe", "3")]
    public void Probe_Wrong_SaysSo(string expected, params string[] arguments)
    {
        ToolResult result = _tool.Run(arguments).Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Sweep_ProbeIntervalInTheConfiguration_IsTheSameSweep()
    {
        string[] sweep = ["sweep", "--mode", "none", "--learning-rate", "0.1,1", "--seeds", "1", "--epochs", "1", "--folder", "trials", "--no-progress"];
        _tool.Run(sweep).Expect(0);

        ToolResult again = _tool.Run([.. sweep, "--set", "training.probe_interval=2"]).Expect(0);

        Assert.Contains("2 trials are in 'trials' already", again.Error, StringComparison.Ordinal);
    }
}
