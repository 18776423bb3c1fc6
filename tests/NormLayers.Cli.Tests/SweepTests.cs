using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;
using NormLayers.Numerics;

namespace NormLayers.Cli.Tests;

public sealed class SweepTests : IDisposable
{
    private static readonly string[] _small =
        ["--epochs", "3", "--seeds", "2", "--set", "data.n_train=200", "--set", "data.n_test=60", "--no-progress"];

    private static readonly string[] _grid = ["--mode", "none,batchnorm", "--learning-rate", "0.01:1:log3"];

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Sweep_EachTrial_IsBitwiseTheTrainingWithItsSettings()
    {
        JsonObject sweep = Sweep("--mode", "batchnorm,layernorm", "--depth", "1,2", "--hidden-dim", "8", "--init-scale", "0.5",
            "--epsilon", "0.001", "--bn-momentum", "0.25", "--batch-size", "20", "--json").Expect(0).Json;

        Assert.Equal(4, sweep["cells"]!.AsArray().Count);
        foreach (JsonNode? cell in sweep["cells"]!.AsArray())
        {
            string widths = (int)cell!["values"]!["depth"]! == 1 ? "[8]" : "[8,8]";
            foreach (JsonNode? trial in cell["trials"]!.AsArray())
            {
                JsonObject alone = _tool.Run(
                    "--epochs", "3", "--set", "data.n_train=200", "--set", "data.n_test=60", "--mode", (string)cell["values"]!["mode"]!, "--set", $"model.hidden_dims={widths}",
                    "--set", "model.initialization_scale=0.5", "--set", "model.epsilon=0.001", "--set", "model.batchnorm_momentum={new_weight: 0.25}",
                    "--batch-size", "20", "--seed", $"{trial!["seed"]}", "--json").Expect(0).Json;
                foreach (string field in (string[])["train_loss", "test_loss", "test_accuracy", "steps"])
                {
                    Assert.Equal(alone[field]!.ToJsonString(), trial[field]!.ToJsonString());
                }
            }
        }
    }

    [Theory]
    [InlineData("sweep:\n  mode: [none, batchnorm]\n  learning_rate: 0.01:1:log3\n  seeds: 2\n")]
    [InlineData("sweep: {mode: 'none,batchnorm', learning_rate: [0.01, 0.1, 1], seeds: 2, depth: null}\nmodel: {normalization: layernorm}\n")]
    public void Sweep_GridsOfTheConfiguration_AreTheSameAsThoseOfTheFlags(string configuration)
    {
        string flags = Sweep([.. _grid, "--json"]).Expect(0).Output;
        _tool.Write("config.yaml", configuration);

        string configured = _tool.Run(["sweep", .. _small.Where(a => a is not ("--seeds" or "2")), "--json"]).Expect(0).Output;

        Assert.Equal(flags, configured);
    }

    [Fact]
    public void Sweep_FlagBesideTheConfiguration_WinsForItsAxisAlone()
    {
        _tool.Write("config.yaml", "sweep: {mode: none, learning_rate: [0.01, 0.1], depth: [1, 2], seeds: 4}\n");

        JsonObject sweep = Sweep("--learning-rate", "0.5", "--json").Expect(0).Json;

        Assert.Equal("""{"mode":["none"],"learning_rate":[0.5],"depth":[1,2]}""", sweep["axes"]!.ToJsonString());
        Assert.Equal(2, sweep["seeds"]!.AsArray().Count);
        Assert.False(sweep["config"]!.AsObject().ContainsKey("sweep"));
        Assert.False(_tool.RunSmall("--json", "-q").Expect(0).Json["config"]!.AsObject().ContainsKey("sweep"));
    }

    [Theory]
    [InlineData("{learning_rate: 0:1:log3}", "config.yaml:1:24: error: 'sweep.learning_rate' must be a list as in [0.01, 0.1], or a range as in 0.001:10:log9 or 1:5:lin5, or null, got '0:1:log3': the ends of a logarithmic range are above 0")]
    [InlineData("{learning_rate: []}", "'sweep.learning_rate' must be a list")]
    [InlineData("{learning_rate: [0.1, -1]}", "config.yaml:1:9: error: 'training.learning_rate' must be a number above 0")]
    [InlineData("{depth: [1, 101]}", "config.yaml:1:9: error: 'sweep.depth' must be an integer from 1 to 100, got 101")]
    [InlineData("{batch_size: [1, 8]}", "config.yaml:1:9: error: batch normalization needs 2 samples or more")]
    [InlineData("{init_scale: 1}", "unknown key 'init_scale' in 'sweep'")]
    [InlineData("{seeds: 0}", "'sweep.seeds' must be an integer from 1 to 10000, got 0")]
    [InlineData("{depth: 2}\nmodel: {hidden_dims: [4, 4]}", "'sweep.depth' and 'model.hidden_dims' exclude each other")]
    public void Sweep_WrongGridInTheConfiguration_IsShownWhereItStands(string section, string expected)
    {
        _tool.Write("config.yaml", $"sweep: {section}\n");

        ToolResult result = _tool.Run("sweep").Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(["config.yaml"], _tool.List());
    }

    [Fact]
    public void Sweep_CellThatTheDataRefuse_WritesNothing()
    {
        // 1297 training samples are 81 batches of 16 and 1 sample.
        ToolResult result = _tool.Run(
            "sweep", "--data", "digits", "--mode", "batchnorm", "--learning-rate", "0.1", "--batch-size", "10,16", "--set", "logging.file=log", "--folder", "f", "--tensorboard", "tb").Expect(2);

        Assert.Contains("1297 training samples in batches of 16 leave 1 for the last", result.Error, StringComparison.Ordinal);
        Assert.Empty(_tool.List());
    }

    [Theory]
    [InlineData("sweep: {mode: batchnorm, batch_size: [10, 20]}")]
    [InlineData("", "--mode", "batchnorm", "--batch-size", "10,20")]
    public void Sweep_ValueThatNoCellTrainsWith_IsNotChecked(string section, params string[] flags)
    {
        _tool.Write("config.yaml", $"training: {{batch_size: 1}}\n{section}\n");

        Assert.Equal(2, Sweep([.. flags, "--json"]).Expect(0).Json["cells"]!.AsArray().Count);
    }

    [Fact]
    public void Sweep_Map_TellsTheThreeOutcomesAndWhy()
    {
        ToolResult result = _tool.Run(
            "sweep", "--mode", "none,batchnorm", "--depth", "8", "--init-scale", "0.01,10,1", "--learning-rate", "0.1", "--epochs", "3", "--seeds", "2",
            "--output", "sweep.json", "--no-progress").Expect(0);
        JsonArray cells = _tool.ReadJson("sweep.json")["cells"]!.AsArray();

        Assert.Equal("stalls", (string?)cells[0]!["outcome"]);
        Assert.Equal("diverges", (string?)cells[1]!["outcome"]);
        Assert.Equal("trains", (string?)cells[5]!["outcome"]);
        JsonNode first = cells[1]!["trials"]![0]!["divergence"]!;
        Assert.Contains(
            $"initialization_scale 10: 2 of 2 diverge, first at step {cells[1]!["trials"]!.AsArray().Min(t => (long)t!["diverged_at_step"]!)} in linear",
            result.Output, StringComparison.Ordinal);
        Assert.StartsWith("linear", (string?)first["layer"], StringComparison.Ordinal);
        Assert.Matches(@"none +0\.1 +8 +stalls +diverges +diverges", result.Output);
    }

    [Fact]
    [Trait("Duration", "long")]
    public void Sweep_Interrupted_GoesOnToTheSameBytes()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no kill command");

        // On many cores it would be over before the signal comes; in narrow vectors an epoch takes twenty times as long.
        _tool.Environment["DOTNET_PROCESSOR_COUNT"] = "2";
        string epochs = VectorWidth.Bits >= 256 ? "10" : "1";
        string[] sweep = ["sweep", "--learning-rate", "0.001:10:log30", "--epochs", epochs, "--seeds", "3", "--no-progress", "--output", "sweep.json"];
        _tool.Run([.. sweep, "--folder", "whole"]).Expect(0);
        string[] whole = Files("whole");
        string document = _tool.Read("sweep.json");

        _tool.RunAndSignal("INT", () => Files("parts").Length >= 5, [.. sweep, "--folder", "parts"]).Expect(130);
        int before = Files("parts").Length;
        Assert.InRange(before, 5, whole.Length - 1);
        Assert.Equal("incomplete", (string?)_tool.ReadJson("sweep.json")["status"]);
        Dictionary<string, DateTime> written = Files("parts").ToDictionary(f => f, f => File.GetLastWriteTimeUtc(Path.Combine(_tool.Folder, "parts", f)));

        ToolResult resumed = _tool.Run([.. sweep, "--folder", "parts"]).Expect(0);

        Assert.Contains($"{before} trials are in 'parts' already", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(whole, Files("parts"));
        Assert.All(whole, f => Assert.Equal(_tool.Read($"whole/{f}"), _tool.Read($"parts/{f}")));
        Assert.All(written, w => Assert.Equal(w.Value, File.GetLastWriteTimeUtc(Path.Combine(_tool.Folder, "parts", w.Key))));
        Assert.Equal(document, _tool.Read("sweep.json"));
    }

    [Fact]
    public void Sweep_Shards_ComeTogetherToTheWhole()
    {
        string whole = Sweep([.. _grid, "--json"]).Expect(0).Output;

        JsonObject first = Sweep([.. _grid, "--folder", "shared", "--shard", "1/3", "--json"]).Expect(0).Json;
        Assert.Equal("incomplete", (string?)first["status"]);
        Assert.Equal(4, Files("shared").Length);
        Sweep([.. _grid, "--folder", "shared", "--shard", "2/3"]).Expect(0);
        Sweep([.. _grid, "--folder", "shared", "--shard", "3/3"]).Expect(0);
        Assert.Equal(12, Files("shared").Length);

        ToolResult merged = Sweep([.. _grid, "--folder", "shared", "--json"]).Expect(0);
        Assert.Equal(whole, merged.Output);
        Assert.Contains("12 trials are in 'shared' already", merged.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Sweep_DamagedTrialFile_IsNamedAndNothingIsLost()
    {
        Sweep([.. _grid, "--folder", "trials"]).Expect(0);
        string[] files = Files("trials");
        string damaged = _tool.Read($"trials/{files[3]}");
        _tool.Write($"trials/{files[3]}", damaged[..40]);

        ToolResult result = Sweep([.. _grid, "--folder", "trials"]).Expect(1);

        Assert.Contains(files[3], result.Error, StringComparison.Ordinal);
        Assert.Contains("delete it to run its trial again", result.Error, StringComparison.Ordinal);
        Assert.Equal(files, Files("trials"));

        _tool.Write($"trials/{files[3]}", _tool.Read($"trials/{files[4]}"));
        Assert.Contains("holds another trial", Sweep([.. _grid, "--folder", "trials"]).Expect(1).Error, StringComparison.Ordinal);

        File.Delete(Path.Combine(_tool.Folder, "trials", files[3]));
        Sweep([.. _grid, "--folder", "trials"]).Expect(0);
        Assert.Equal(damaged, _tool.Read($"trials/{files[3]}"));
    }

    [Fact]
    public void Sweep_TrialThatCannotBeSaved_KeepsTheOthersAndGoesOnLater()
    {
        Sweep([.. _grid, "--folder", "trials"]).Expect(0);
        string[] files = Files("trials");
        string[] contents = [.. files.Select(f => _tool.Read($"trials/{f}"))];
        foreach (string file in files)
        {
            File.Delete(Path.Combine(_tool.Folder, "trials", file));
        }

        string blocked = Path.Combine(_tool.Folder, "trials", files[5]);
        Directory.CreateDirectory(blocked);

        ToolResult result = Sweep([.. _grid, "--folder", "trials"]).Expect(1);

        Assert.Contains("is a folder, not a file", result.Error, StringComparison.Ordinal);
        Assert.Contains("run the same again to go on", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(_tool.List(), f => Path.GetFileName(f)[0] == '.');
        Directory.Delete(blocked);
        Sweep([.. _grid, "--folder", "trials"]).Expect(0);
        Assert.Equal(contents, Files("trials").Select(f => _tool.Read($"trials/{f}")));
    }

    [Theory]
    [InlineData("above 0, got '0:1:log3'", "--learning-rate", "0:1:log3")]
    [InlineData("'training.learning_rate' must be a number above 0", "--learning-rate", "0.1,-1")]
    [InlineData("did you mean 'layernorm'", "--mode", "none,layernrm")]
    [InlineData("'--depth' must be an integer from 1 to 100, got 101", "--depth", "1,101")]
    [InlineData("'--bn-momentum' must be a number from 0 to 1, got 2", "--bn-momentum", "0.1,2")]
    [InlineData("exclude each other", "--depth", "2", "--set", "model.hidden_dims=[4,4]")]
    [InlineData("batch normalization needs 2 samples or more", "--batch-size", "1,8")]
    [InlineData("batch normalization needs 2 samples or more", "--data", "digits", "--set", "data.n_train=1025", "--batch-size", "30,32")]
    [InlineData("more than 100000 trials", "--learning-rate", "0.1:1:log9000", "--seeds", "100")]
    [InlineData("needs --folder", "--shard", "1/2")]
    [InlineData("expected i/n with i from 1 to n", "--shard", "3/2", "--folder", "x")]
    [InlineData("expected i/n with i from 1 to n", "--shard", "1", "--folder", "x")]
    [InlineData("is a file, not a folder", "--folder", "config.yaml")]
    public void Sweep_Wrong_SaysSoAndRunsNothing(string expected, params string[] arguments)
    {
        _tool.Write("config.yaml", "logging: {file: null}\n");

        ToolResult result = _tool.Run(["sweep", .. arguments]).Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("nothing was run", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Equal(["config.yaml"], _tool.List());
    }

    private ToolResult Sweep(params string[] arguments) => _tool.Run(["sweep", .. _small, .. arguments]);

    private string[] Files(string folder) => !Directory.Exists(Path.Combine(_tool.Folder, folder)) ? [] :
        [.. Directory.EnumerateFiles(Path.Combine(_tool.Folder, folder), "*.json").Select(f => Path.GetFileName(f)).Where(f => f[0] != '.').Order(StringComparer.Ordinal)];
}
