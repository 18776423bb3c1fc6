using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class CompareTests : IDisposable
{
    private static readonly string[] _small = ["--epochs", "3", "--set", "data.n_train=200", "--set", "data.n_test=60", "--no-progress"];

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Compare_EachTrial_IsBitwiseTheTrainingWithItsModeAndSeed()
    {
        JsonObject comparison = Compare("--seed", "7", "--seeds", "2", "--json").Expect(0).Json;

        foreach (JsonNode? mode in comparison["modes"]!.AsArray())
        {
            Assert.Equal([7L, 8L], mode!["trials"]!.AsArray().Select(t => (long)t!["seed"]!));
            foreach (JsonNode? trial in mode["trials"]!.AsArray())
            {
                JsonObject alone = _tool.Run([.. _small, "--mode", (string)mode["mode"]!, "--seed", $"{trial!["seed"]}", "--json"]).Expect(0).Json;
                foreach (string field in (string[])["status", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "steps"])
                {
                    Assert.Equal(alone[field]!.ToJsonString(), trial[field]!.ToJsonString());
                }

                foreach (string column in (string[])["batch_loss", "train_loss", "test_loss"])
                {
                    Assert.Equal(alone["history"]![column]!.ToJsonString(), trial["history"]![column]!.ToJsonString());
                }
            }
        }
    }

    [Fact]
    public void Compare_OneModeOfSeveralWithWrongOptions_IsNamed()
    {
        Assert.Contains(
            "5 groups do not divide a width of 32",
            Compare("--modes", "batchnorm,none,groupnorm", "--set", "model.groups=5").Expect(2).Error,
            StringComparison.Ordinal);
        Assert.Contains(
            "model.chunk_size has no effect with model.normalization batchnorm, groupnorm",
            Compare("--modes", "batchnorm,groupnorm", "--seeds", "2", "--set", "model.chunk_size=4").Expect(0).Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_OneCoreAndMany_GivesTheSameBits()
    {
        string many = Timeless(Compare("--seeds", "2", "--json").Expect(0).Json);
        _tool.Environment["DOTNET_PROCESSOR_COUNT"] = "1";
        string one = Timeless(Compare("--seeds", "2", "--json").Expect(0).Json);

        Assert.Equal(many, one);
    }

    [Fact]
    public void Compare_Summary_IsOfItsTrials()
    {
        JsonObject comparison = Compare("--seeds", "3", "--output", "comparison.json", "--json").Expect(0).Json;

        Assert.Equal(comparison.ToJsonString(), _tool.ReadJson("comparison.json").ToJsonString());
        Assert.Equal("completed", (string?)comparison["status"]);
        JsonArray modes = comparison["modes"]!.AsArray();
        Assert.Equal(["none", "batchnorm", "layernorm"], modes.Select(m => (string)m!["mode"]!));
        double[][] losses = [.. modes.Select(m => m!["trials"]!.AsArray().Select(t => (double)t!["test_loss"]!).ToArray())];
        for (int i = 0; i < losses.Length; i++)
        {
            Assert.Equal(losses[i].Average(), (double)modes[i]!["test_loss"]!["mean"]!, 1e-12);
            Assert.Equal(3, (int)modes[i]!["completed"]!);
            Assert.Equal(3, (int)modes[i]!["steps_to_target"]!["count"]!);
        }

        JsonNode pair = comparison["pairs"]!.AsArray().Single(p => (string)p!["first"]! == "none" && (string)p["second"]! == "layernorm")!;
        Assert.Equal(losses[0].Zip(losses[2], (a, b) => a - b).Average(), (double)pair["test_loss"]!["mean"]!, 1e-12);
        Assert.Contains((string)pair["test_loss"]!["better"]!, (string[])["none", "layernorm", "no difference"]);
        Assert.Equal(3, comparison["pairs"]!.AsArray().Count);
    }

    [Fact]
    public void Compare_ModesByName_AreThose()
    {
        JsonObject comparison = Compare("--seeds", "2", "--modes", "rmsnorm,none", "--json").Expect(0).Json;

        Assert.Equal(["rmsnorm", "none"], comparison["modes"]!.AsArray().Select(m => (string)m!["mode"]!));
        Assert.All(comparison["modes"]!.AsArray(), m => Assert.Equal(2, (int)m!["completed"]!));
    }

    [Fact]
    public void Compare_Table_NamesModesPairsAndVerdicts()
    {
        string table = Compare("--seeds", "2").Expect(0).Output;

        Assert.Contains("none, batchnorm", table, StringComparison.Ordinal);
        Assert.Matches("better by|no difference", table);
        Assert.Contains("2 seeds, 42 to 43", table, StringComparison.Ordinal);
        Assert.Contains("6 of 6 trials", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_SomeTrialsDiverge_CountsThemAndSucceeds()
    {
        JsonObject comparison = Compare("--seeds", "2", "--learning-rate", "1e12", "--modes", "none,layernorm", "--json").Expect(1).Json;
        Assert.Equal("diverged", (string?)comparison["status"]);
        Assert.Equal("undecided", (string?)comparison["pairs"]![0]!["test_loss"]!["better"]);
        Assert.True(comparison.ContainsKey("target_loss") && comparison["target_loss"] is null);

        JsonObject mixed = Compare("--seeds", "2", "--learning-rate", "1", "--set", "data.scale_spread=25", "--set", "data.offset_spread=0", "--json").Expect(0).Json;
        Assert.Equal("completed", (string?)mixed["status"]);
        JsonNode none = mixed["modes"]![0]!;
        Assert.Equal(2, (int)none["diverged"]!);
        Assert.Equal(0, (int)none["test_loss"]!["count"]!);
        Assert.False(string.IsNullOrEmpty((string?)none["trials"]![0]!["divergence"]!["layer"]));
        Assert.Equal(2, (int)mixed["modes"]![1]!["completed"]!);
    }

    [Fact]
    public void Compare_TargetLoss_CountsTheStepsToIt()
    {
        JsonObject comparison = Compare("--seeds", "2", "--target-loss", "0.000001", "--json").Expect(0).Json;

        Assert.All(comparison["modes"]!.AsArray(), m => Assert.Equal(0, (int)m!["steps_to_target"]!["count"]!));
        Assert.Equal(0.000001, (double)comparison["target_loss"]!);
        JsonObject easy = Compare("--seeds", "2", "--target-loss", "1000", "--json").Expect(0).Json;
        Assert.All(easy["modes"]!.AsArray(), m => Assert.Equal(7, (double)m!["steps_to_target"]!["mean"]!));
    }

    [Theory]
    [InlineData("did you mean 'batchnorm'", "--modes", "none,batchnorn")]
    [InlineData("given twice", "--modes", "none,none")]
    [InlineData("two modes or more", "--modes", "none")]
    [InlineData("'--seeds' must be an integer from 1 to 10000, got 0", "--seeds", "0")]
    [InlineData("'--target-loss' must be a number", "--target-loss", "low")]
    [InlineData("go past the largest", "--seed", "9007199254740990")]
    [InlineData("batch normalization needs 2 samples or more", "--batch-size", "1")]
    [InlineData("batch normalization needs 2 samples or more", "--data", "digits", "--set", "data.n_train=1025")]
    public void Compare_Wrong_SaysSoAndWritesNothing(string expected, params string[] arguments)
    {
        ToolResult result = _tool.Run(["compare", .. arguments]).Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("nothing was run", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Empty(_tool.List());
    }

    [Fact]
    public void Compare_BatchSizeOneWithoutBatchNorm_Runs() =>
        Compare("--seeds", "1", "--batch-size", "1", "--modes", "layernorm,none", "--json").Expect(0);

    [Fact]
    public void Compare_Interrupted_SavesTheTrialsThatAreDone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no kill command");

        ToolResult result = _tool.RunAndSignal(
            "INT",
            () => _tool.Exists("logs/app.log") && _tool.Read("logs/app.log").Contains("seed 42: completed", StringComparison.Ordinal),
            "compare", "--seeds", "2000", "--epochs", "3", "--set", "logging.file=logs/app.log", "--output", "comparison.json", "--no-progress");

        result.Expect(130);
        JsonObject comparison = _tool.ReadJson("comparison.json");
        Assert.Equal("cancelled", (string?)comparison["status"]);
        Assert.InRange(comparison["modes"]!.AsArray().Sum(m => (int)m!["completed"]!), 1, 5999);
    }

    private ToolResult Compare(params string[] arguments) => _tool.Run(["compare", .. _small, .. arguments]);

    private static string Timeless(JsonObject comparison)
    {
        comparison.Remove("duration_seconds");
        foreach (JsonNode? mode in comparison["modes"]!.AsArray())
        {
            mode!.AsObject().Remove("seconds");
            foreach (JsonNode? trial in mode["trials"]!.AsArray())
            {
                trial!.AsObject().Remove("duration_seconds");
                trial["history"]!.AsObject().Remove("seconds");
            }
        }

        return comparison.ToJsonString();
    }
}
