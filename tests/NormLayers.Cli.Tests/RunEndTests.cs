using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class RunEndTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("none")]
    public void Train_Diverges_WritesNullsAndSaysWhere(string mode)
    {
        ToolResult result = _tool.Run("--mode", mode, "--learning-rate", "1e30", "--output", "results.json", "--set", "logging.file=logs/app.log").Expect(1);

        JsonObject document = _tool.ReadJson("results.json");
        Assert.Equal("diverged", (string?)document["status"]);
        Assert.True(document.ContainsKey("train_loss") && document["train_loss"] is null);
        Assert.True(document.ContainsKey("test_loss") && document["test_loss"] is null);
        long step = (long)document["diverged_at_step"]!;
        Assert.InRange(step, 1, 10);
        Assert.Equal((long)document["steps"]! + 1, step);
        Assert.False(string.IsNullOrEmpty((string?)document["divergence"]!["layer"]));
        Assert.Contains((string?)document["divergence"]!["kind"], (string[])["activations", "gradients"]);
        Assert.Contains($"step {step}", result.Error, StringComparison.Ordinal);
        Assert.Contains("Try a smaller learning rate", result.Error, StringComparison.Ordinal);
        Assert.Contains("diverged", _tool.Read("logs/app.log"), StringComparison.Ordinal);
    }

    // A test sample beyond floats, after a training that went well.
    [Fact]
    public void TestLossThatIsNotFinite_IsToldAndLeftOutOfMeans()
    {
        string rows = string.Concat(Enumerable.Range(0, 40).Select(i => FormattableString.Invariant($"{i % 7},{i % 5},{(i % 2 == 0 ? "a" : "b")}\n")));
        _tool.Write("huge.csv", "x,y,label\n" + rows + "1e308,1e308,a\n");
        string[] data = ["--data", "csv", "--data-path", "huge.csv", "--set", "data.n_test=20", "--set", "training.batch_size=8", "--epochs", "1", "-q"];
        int[] codes = [.. Enumerable.Range(1, 6).Select(seed => _tool.Run(["train", "--seed", $"{seed}", .. data]).ExitCode)];
        Assert.Contains(1, codes);
        int failing = Array.IndexOf(codes, 1) + 1;
        ToolResult result = _tool.Run(["train", "--seed", $"{failing}", "--json", .. data]).Expect(1);
        Assert.Contains("the test loss is not finite", result.Error, StringComparison.Ordinal);
        Assert.Equal(("completed", null), ((string?)result.Json["status"], result.Json["test_loss"]));

        ToolResult compared = _tool.Run(["compare", "--seed", "1", "--seeds", "6", .. data]).Expect(0);
        Assert.DoesNotContain("NaN", compared.Output, StringComparison.Ordinal);
        Assert.Matches($@"\({codes.Count(c => c == 0)} of 6\)", compared.Output);
    }

    [Fact]
    public void EnvironmentFile_Pipe_IsRefused()
    {
        Tool.SkipWithout("mkfifo", "timeout");
        Assert.Contains("'.env' is a pipe, not a file", _tool.RunScript($"mkfifo .env; timeout 60 {Tool.ShellName} train --epochs 1 -q").Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WorkingFolderDeleted_IsToldInOneSentence()
    {
        Tool.SkipWithout();

        ToolResult result = _tool.RunScript("mkdir gone && cd gone && rmdir ../gone && nl train --epochs 1").Expect(1);

        Assert.Equal("error: the working folder was deleted; change to another one\n", result.Error);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void Train_Interrupted_SavesWhatWasDone(string signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no kill command");

        ToolResult result = _tool.RunAndSignal(
            signal,
            () => _tool.Exists("logs/app.log") && _tool.Read("logs/app.log").Contains("epoch 2:", StringComparison.Ordinal),
            "--epochs", "1000000", "--output", "results.json", "--set", "logging.file=logs/app.log", "--no-progress");

        result.Expect(exitCode);
        JsonObject document = _tool.ReadJson("results.json");
        Assert.Equal("cancelled", (string?)document["status"]);
        Assert.Null(document["diverged_at_step"]);
        Assert.InRange(document["history"]!["epoch"]!.AsArray().Count, 1, 999_999);
        Assert.InRange((double)document["test_accuracy"]!, 0.5, 1);
        Assert.Contains("cancelled", result.Output, StringComparison.Ordinal);
    }
}
