using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class SettingsOrderTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Seed_FromEachPlace_TheLaterWins()
    {
        Assert.Equal(42, Seed());

        _tool.Write("config.yaml", "data: {random_seed: 1}");
        Assert.Equal(1, Seed());

        _tool.Write(".env", "# mine\n\nexport RANDOM_SEED=\"2\"\nOTHER=x # fine\n");
        Assert.Equal(2, Seed());

        _tool.Environment["RANDOM_SEED"] = "3";
        Assert.Equal(3, Seed());

        Assert.Equal(4, Seed("--seed", "4"));
    }

    [Fact]
    public void Verbose_Train_ShowsWhereEachValueIsFrom()
    {
        _tool.Write("config.yaml", "training:\n  batch_size: 20\n");

        string error = _tool.RunSmall("--verbose", "--quiet").Expect(0).Error;

        Assert.Contains("training.batch_size: 20  (config.yaml:2:3)", error, StringComparison.Ordinal);
        Assert.Contains("training.epochs: 2  (--epochs)", error, StringComparison.Ordinal);
        Assert.Contains("model.hidden_dim: 32  (default)", error, StringComparison.Ordinal);
    }

    [Fact]
    public void HiddenWidth_FlagOverAListInTheFile_Wins()
    {
        _tool.Write("config.yaml", "model: {hidden_dims: [16, 8]}");

        Assert.Equal(7, (int)_tool.RunSmall("--json", "--hidden-dim", "7").Expect(0).Json["config"]!["model"]!["hidden_dim"]!);
    }

    [Fact]
    public void UnusedKey_Train_IsNoted() => Assert.Contains(
        "note: data.path has no effect with data.source synthetic", _tool.RunSmall("--data-path", "x.csv").Expect(0).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("RANDOM_SEED=abc\n", ".env:1: error: 'data.random_seed' must be an integer")]
    [InlineData("A=1\nRANDOM_SEED 7\n", ".env:2: error: expected NAME=value, got 'RANDOM_SEED 7'")]
    [InlineData("RANDOM_SEED=\"7\nA=1\n", ".env: error: not a valid .env file")]
    public void EnvironmentFile_Malformed_IsAnError(string content, string expected)
    {
        _tool.Write(".env", content);

        Assert.Contains(expected, _tool.Run().Expect(2).Error, StringComparison.Ordinal);
        Assert.Equal([".env"], _tool.List());
    }

    [Fact]
    public void Environment_SeedNotAnInteger_IsAnError()
    {
        _tool.Environment["RANDOM_SEED"] = "1.5";

        Assert.StartsWith("RANDOM_SEED: error: 'data.random_seed' must be an integer", _tool.Run().Expect(2).Error, StringComparison.Ordinal);
        Assert.Empty(_tool.List());
    }

    private long Seed(params string[] arguments) => (long)_tool.RunSmall(["--json", .. arguments]).Expect(0).Json["seed"]!;
}
