using System.Text;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>Which event files a run writes. What is in a record is read back in the lab's tests.</summary>
public sealed class TensorBoardTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Train_Folder_HasOneFileWithScalarsAndSettings()
    {
        _tool.Run("train", "--epochs", "2", "--tensorboard", "tb/run", "-q").Expect(0);

        string file = Assert.Single(_tool.List(), f => f.StartsWith("tb/run/events.out.tfevents.", StringComparison.Ordinal));
        string content = Encoding.Latin1.GetString(File.ReadAllBytes(Path.Combine(_tool.Folder, file)));
        Assert.Equal(2, content.Split("loss/test").Length - 1);
        Assert.Equal(126, content.Split("batch/loss").Length - 1);
        Assert.All((string[])["training.learning_rate", "model.normalization", "_hparams_/session_end_info"], t => Assert.Contains(t, content, StringComparison.Ordinal));
    }

    [Fact]
    public void Sweep_Folder_HasOneOfEachTrial()
    {
        _tool.Run("sweep", "--epochs", "1", "--mode", "none,layernorm", "--learning-rate", "0.01,0.1", "--seeds", "2", "--tensorboard", "tb", "-q").Expect(0);

        string[] folders = [.. Directory.EnumerateDirectories(Path.Combine(_tool.Folder, "tb"))];
        Assert.Equal(8, folders.Length);
        Assert.Equal(4, folders.Count(f => Path.GetFileName(f).StartsWith("layernorm-", StringComparison.Ordinal)));
        Assert.All(folders, f => Assert.Contains("accuracy/test", Encoding.Latin1.GetString(File.ReadAllBytes(Assert.Single(Directory.GetFiles(f)))), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("train --epochs 2", 1)]
    [InlineData("sweep --epochs 1 --mode none,layernorm --learning-rate 0.1 --seeds 2", 4)]
    public async Task Run_TwoAtOnceIntoOneFolder_EachAddsFilesOfItsOwn(string arguments, int trials)
    {
        string[] command = [.. arguments.Split(' '), "--tensorboard", "tb", "-q"];

        ToolResult[] both = await Task.WhenAll(Task.Run(() => _tool.Run(command)), Task.Run(() => _tool.Run(command)));
        _tool.Run(command).Expect(0);

        Assert.All(both, r => r.Expect(0));
        string[] files = [.. _tool.List().Where(f => f.Contains("events.out.tfevents.", StringComparison.Ordinal))];
        Assert.Equal(3 * trials, files.Length);
        Assert.All(files, f => Assert.Contains("_hparams_/session_end_info", Encoding.Latin1.GetString(File.ReadAllBytes(Path.Combine(_tool.Folder, f))), StringComparison.Ordinal));
        Assert.Equal(trials, files.Select(Path.GetDirectoryName).Distinct().Count());
    }

    [Fact]
    public void Train_LimitOnTheSizeOfFiles_IsToldOnceAndTheTrainingGoesOn()
    {
        Tool.SkipWithout();

        ToolResult result = _tool.RunScript($"export DOTNET_EnableWriteXorExecute=0; trap \"\" XFSZ; ulimit -f 8; {Tool.ShellName} train --epochs 5 --tensorboard tb --json -q").Expect(1);

        Assert.Equal("completed", (string?)result.Json["status"]);
        Assert.Single(result.Error.Split('\n'), l => l.Contains("the file for TensorBoard 'tb/events.out.tfevents.", StringComparison.Ordinal) && l.Contains("' cannot be written: ", StringComparison.Ordinal));

        ToolResult results = _tool.RunScript($"export DOTNET_EnableWriteXorExecute=0; trap \"\" XFSZ; ulimit -f 8; {Tool.ShellName} train --epochs 50 --output r.json --set logging.file=log -q").Expect(1);
        Assert.Contains("cannot be written: it would be larger than is allowed", results.Error, StringComparison.Ordinal);
        Assert.Equal(["log"], _tool.List().Where(f => !f.StartsWith("tb", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("train --epochs 0", "training.epochs")]
    [InlineData("train --epochs 1 --set training.batch_size=0", "training.batch_size")]
    [InlineData("sweep --mode none --learning-rate NaN", "learning_rate")]
    public void Run_RefusedConfiguration_LeavesNoFile(string arguments, string expected)
    {
        Assert.Contains(expected, _tool.Run([.. arguments.Split(' '), "--tensorboard", "tb"]).Expect(2).Error, StringComparison.Ordinal);

        Assert.Empty(_tool.List());
    }

    [Fact]
    public void Train_DivergedAtItsFirstStep_HasSettingsAndEnd()
    {
        _tool.Write("d.csv", string.Concat(Enumerable.Range(0, 60).Select(i => $"{(i % 2 == 0 ? "3e38" : "-3e38")},{i},{(i % 2 == 0 ? "a" : "b")}\n")));
        string[] training = ["train", "--mode", "none", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=10", "--set", "data.standardize=false", "--epochs", "1", "--tensorboard", "tb", "--json", "-q"];

        Assert.Equal(0, (int)_tool.Run(training).Expect(1).Json["steps"]!);

        string file = Assert.Single(_tool.List(), f => f.StartsWith("tb/", StringComparison.Ordinal));
        Assert.Contains("_hparams_/session_end_info", Encoding.Latin1.GetString(File.ReadAllBytes(Path.Combine(_tool.Folder, file))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--tensorboard f", "'f' ")]
    [InlineData("--tensorboard /proc/x", "is a device")]
    [InlineData("--tensorboard t --output t", "'t' is the folder of --tensorboard")]
    public void Train_FolderThatCannotBe_IsRefused(string arguments, string expected)
    {
        _tool.Write("f", "x");

        Assert.Contains(expected, _tool.Run(["train", "--epochs", "1", .. arguments.Split(' ')]).Expect(2).Error, StringComparison.Ordinal);

        Assert.Equal(["f"], _tool.List());
    }
}
