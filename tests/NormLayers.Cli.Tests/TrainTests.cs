using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class TrainTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Train_RootConfiguration_LearnsAndWritesEveryField()
    {
        _tool.Write("config.yaml", File.ReadAllText(Path.Combine(Snapshot.Root, "config.yaml")));

        ToolResult result = _tool.Run("--mode", "batchnorm", "--config", "config.yaml", "--output", "results.json").Expect(0);

        JsonObject document = _tool.ReadJson("results.json");
        Assert.Equal("completed", (string?)document["status"]);
        Assert.Equal("batchnorm", (string?)document["mode"]);
        Assert.Equal(42, (long)document["seed"]!);
        Assert.InRange((double)document["train_accuracy"]!, 0.8, 0.999);
        Assert.InRange((double)document["test_accuracy"]!, 0.8, 0.999);
        Assert.InRange((double)document["train_loss"]!, 0.01, 0.6);
        Assert.InRange((double)document["test_loss"]!, 0.01, 0.8);
        Assert.Equal(30 * 63, (int)document["steps"]!);
        Assert.True((double)document["duration_seconds"]! > 0);
        Assert.True(document.ContainsKey("diverged_at_step") && document["diverged_at_step"] is null);
        Assert.True(document.ContainsKey("divergence") && document["divergence"] is null);
        Assert.Equal(1, (int)document["versions"]!["schema_version"]!);
        Assert.StartsWith("0.", (string?)document["versions"]!["tool"], StringComparison.Ordinal);
        Assert.StartsWith(".NET 10", (string?)document["versions"]!["runtime"], StringComparison.Ordinal);
        Assert.Equal(32, (int)document["config"]!["model"]!["hidden_dim"]!);
        foreach (string column in (string[])["epoch", "batch_loss", "batch_accuracy", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"])
        {
            Assert.Equal(30, document["history"]![column]!.AsArray().Count);
        }

        Assert.Equal((double)document["test_loss"]!, (double)document["history"]!["test_loss"]![29]!);
        Assert.Contains("accuracy", result.Output, StringComparison.Ordinal);
        Assert.Equal(30, result.Error.Split('\n').Count(l => l.StartsWith("epoch ", StringComparison.Ordinal)));
        string log = _tool.Read("logs/app.log");
        Assert.Contains("seed 42", log, StringComparison.Ordinal);
        Assert.Contains("\"hidden_dim\":32", log, StringComparison.Ordinal);
        Assert.Contains("epoch 30:", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("groupnorm")]
    [InlineData("instancenorm")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    public void Train_NetworkOfPatches_LearnsDigits(string mode)
    {
        JsonObject document = _tool.Run("--mode", mode, "--data", "digits", "--set", "model.network=patches", "--epochs", "5", "--json", "--quiet").Expect(0).Json;

        Assert.True((double)document["test_accuracy"]! > 0.8);
        Assert.Equal("patches", (string?)document["config"]!["model"]!["network"]);
        Assert.Equal(4, (int)document["config"]!["model"]!["patch_size"]!);
    }

    [Fact]
    public void Train_KeysOfOtherModes_AreNoted()
    {
        string error = _tool.Run("--epochs", "1", "--mode", "layernorm", "--set", "model.groups=4", "--set", "model.patch_size=3").Expect(0).Error;
        Assert.Contains("note: model.groups has no effect with model.normalization layernorm", error, StringComparison.Ordinal);
        Assert.Contains("note: model.patch_size has no effect with model.network mlp", error, StringComparison.Ordinal);
        Assert.DoesNotContain("no effect", _tool.Run("--epochs", "1", "--mode", "groupnorm", "--set", "model.groups=4").Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_ChunkOfTheWholeBatch_IsNoted()
    {
        string Notes(int chunk) => _tool.Run("--epochs", "1", "--mode", "ghostbatchnorm", "--set", $"model.chunk_size={chunk}").Expect(0).Error;
        Assert.Contains("note: a mini-batch of 32 is one chunk with model.chunk_size 32: ghostbatchnorm is batchnorm then", Notes(32), StringComparison.Ordinal);
        Assert.DoesNotContain("note:", Notes(31), StringComparison.Ordinal);
    }

    [Fact]
    public void Train_OptionsOfModes_ReachTheTraining()
    {
        double Loss(string mode, params string[] sets) =>
            (double)_tool.RunOnce(["--mode", mode, "--json", "--quiet", "--epochs", "2", .. sets.SelectMany(s => (string[])["--set", s])]).Expect(0).Json["train_loss"]!;

        Assert.NotEqual(Loss("groupnorm"), Loss("groupnorm", "model.groups=4"));
        Assert.Equal(Loss("groupnorm"), Loss("groupnorm", "model.groups=8"));
        Assert.NotEqual(Loss("ghostbatchnorm"), Loss("ghostbatchnorm", "model.chunk_size=8"));
        Assert.Equal(Loss("batchnorm"), Loss("ghostbatchnorm", "model.chunk_size=32"));
        Assert.NotEqual(Loss("batchrenorm", "model.renorm_warmup_steps=10"), Loss("batchrenorm", "model.renorm_warmup_steps=10", "model.renorm_d_max=0"));
        Assert.NotEqual(Loss("batchrenorm", "model.renorm_warmup_steps=10"), Loss("batchrenorm", "model.renorm_warmup_steps=10", "model.renorm_r_max=1"));
        Assert.NotEqual(Loss("localresponsenorm"), Loss("localresponsenorm", "model.response_scale=1"));
    }

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    [InlineData("none")]
    public void Train_EachMode_BeatsChance(string mode)
    {
        JsonObject document = _tool.Run("--mode", mode, "--json", "--quiet", "--epochs", "5").Expect(0).Json;

        Assert.Equal(mode, (string?)document["mode"]);
        Assert.Equal(mode, (string?)document["config"]!["model"]!["normalization"]);
        Assert.InRange((double)document["test_accuracy"]!, 0.6, 0.999);
    }

    [Fact]
    public void Train_WithAndWithoutVerb_GivesTheSameBits()
    {
        string bare = Timeless(_tool.RunSmall("--json").Expect(0).Json);
        string verb = Timeless(_tool.Run("train", "--epochs", "2", "--set", "data.n_train=200", "--set", "data.n_test=60", "--json").Expect(0).Json);

        Assert.Equal(bare, verb);
    }

    [Fact]
    public void Train_OtherSeed_GivesOtherBits()
    {
        string one = Timeless(_tool.RunSmall("--json", "--seed", "1").Expect(0).Json);
        string two = Timeless(_tool.RunSmall("--json", "--seed", "2").Expect(0).Json);

        Assert.NotEqual(one.Replace("\"seed\":1", "", StringComparison.Ordinal), two.Replace("\"seed\":2", "", StringComparison.Ordinal));
        Assert.NotEqual((double)JsonNode.Parse(one)!["test_loss"]!, (double)JsonNode.Parse(two)!["test_loss"]!);
    }

    [Fact]
    public void Train_Json_IsAloneOnStandardOutput()
    {
        ToolResult result = _tool.RunSmall("--json", "--output", "results.json").Expect(0);

        Assert.Equal(_tool.Read("results.json"), result.Output);
        Assert.Contains("epoch 2/2", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--quiet")]
    [InlineData("--no-progress")]
    public void Train_Quiet_ShowsNoProgress(string flag) =>
        Assert.Equal("", _tool.RunSmall(flag).Expect(0).Error);

    [Fact]
    public void Train_Digits_ReadsRealData()
    {
        ToolResult result = _tool.Run("--data", "digits", "--epochs", "3", "--json").Expect(0);

        Assert.InRange((double)result.Json["test_accuracy"]!, 0.8, 1);
        JsonNode data = result.Json["config"]!["data"]!;
        Assert.Equal(64, (int)data["n_features"]!);
        Assert.Equal(10, (int)data["n_classes"]!);
        Assert.Equal(1297, (int)data["n_train"]!);
        Assert.Contains("note: data.n_train is 2000, but", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_Csv_ReadsTheFileByItsConfiguration()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{(i % 2 == 0 ? "low" : "high")};{(i % 2) * 100 + i % 7};{i % 5}"));
        _tool.Write("my.csv", "made by hand\nkind;a;b\n" + string.Join('\n', rows) + "\n");
        _tool.Write("config.yaml", """
            data: {source: csv, path: my.csv, label_column: kind, delimiter: ";", skip_lines: 1, header: true, n_test: 10}
            training: {epochs: 20, batch_size: 10}
            """);

        ToolResult result = _tool.Run("--json").Expect(0);

        Assert.Equal(1.0, (double)result.Json["test_accuracy"]!);
        Assert.Equal(50, (int)result.Json["config"]!["data"]!["n_train"]!);
        Assert.True((bool)result.Json["config"]!["data"]!["standardize"]!);
    }

    [Fact]
    public void Train_Twice_AppendsToTheLog()
    {
        _tool.Write("config.yaml", "logging: {file: logs/app.log}\n");
        _tool.RunSmall("--quiet").Expect(0);
        int once = _tool.Read("logs/app.log").Length;
        _tool.RunSmall("--quiet").Expect(0);

        Assert.InRange(_tool.Read("logs/app.log").Length, 2 * once - 40, 2 * once + 40);
    }

    [Fact]
    public void Train_EveryOptionalKey_IsUsed()
    {
        _tool.Write("config.yaml", """
            data: {standardize: true, separation: 2.5, scale_spread: 2, offset_spread: 1, n_train: 201, n_test: 60}
            model:
              normalization: layernorm
              hidden_dims: [16, 8]
              initialization: xavier_uniform
              epsilon: 1e-3
              batchnorm_momentum: {old_weight: 0.9}
            training: {epochs: 2, optimizer: adam, weight_decay: 0.01, shuffle: false, drop_last: true, batch_size: 50}
            """);

        JsonNode config = _tool.Run("--json").Expect(0).Json["config"]!;

        Assert.Equal("[16,8]", config["model"]!["hidden_dims"]!.ToJsonString());
        Assert.Equal("{\"old_weight\":0.9}", config["model"]!["batchnorm_momentum"]!.ToJsonString());
        Assert.Equal(1e-3, (double)config["model"]!["epsilon"]!);
        Assert.Equal("adam", (string?)config["training"]!["optimizer"]);
        Assert.False((bool)config["training"]!["shuffle"]!);
        Assert.False(config["model"]!.AsObject().ContainsKey("hidden_dim"));
    }

    // A document without the two quantities that differ from run to run.
    private static string Timeless(JsonObject document)
    {
        Assert.True(document.Remove("duration_seconds"));
        Assert.True(document["history"]!.AsObject().Remove("seconds"));
        return document.ToJsonString();
    }
}
