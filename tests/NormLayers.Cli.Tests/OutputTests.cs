using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class OutputTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Output_NewFolder_IsMade()
    {
        ToolResult result = _tool.RunSmall("--output", "runs/a/results.json").Expect(0);

        Assert.Equal("completed", (string?)_tool.ReadJson("runs/a/results.json")["status"]);
        Assert.Contains("results written to runs/a/results.json", result.Error, StringComparison.Ordinal);
        Assert.Equal(["runs", "runs/a", "runs/a/results.json"], _tool.List());
    }

    [Fact]
    public void Output_ExistingFileAndBadConfiguration_IsLeftAlone()
    {
        _tool.Write("results.json", "mine");

        _tool.Run("--output", "results.json", "--epochs", "0").Expect(2);

        Assert.Equal("mine", _tool.Read("results.json"));
        Assert.Equal(["results.json"], _tool.List());
    }

    [Fact]
    public void Output_Link_GoesOnPointing()
    {
        _tool.Write("real.json", "old");
        File.CreateSymbolicLink(Path.Combine(_tool.Folder, "link.json"), "real.json");

        _tool.RunSmall("--output", "link.json").Expect(0);

        Assert.Equal("real.json", new FileInfo(Path.Combine(_tool.Folder, "link.json")).LinkTarget);
        Assert.Equal("completed", (string?)_tool.ReadJson("real.json")["status"]);
    }

    [Theory]
    [InlineData("taken/results.json", "is a file, not a folder")]
    [InlineData("folder", "'folder' is a folder, not a file")]
    [InlineData("new/", "'new/' is a folder, not a file")]
    [InlineData("protected.json", "it is read-only")]
    [InlineData("config.yaml", "'config.yaml' is the configuration; write the results to another file")]
    [InlineData("logs/app.log", "'logs/app.log' is the log; write the results to another file")]
    public void Output_Unwritable_IsReportedBeforeTraining(string path, string expected)
    {
        _tool.Write("taken", "a file");
        _tool.Write("folder/inside", "");
        _tool.Write("config.yaml", "training: {epochs: 2}\nlogging: {file: logs/app.log}\n");
        File.SetAttributes(_tool.Write("protected.json", "mine"), FileAttributes.ReadOnly);
        string[] before = _tool.List();

        ToolResult result = _tool.Run("--output", path).Expect(2);

        Assert.StartsWith("--output: error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Equal(before, _tool.List());
    }

    [Theory]
    [InlineData("/dev/normlayers-results.json")]
    [InlineData("/proc/normlayers-results.json")]
    [InlineData("link-to-device")]
    public void Output_Device_IsRefused(string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "devices have other names elsewhere");

        // A name that is not there: were the guard broken, a test run as root must not replace a real device.
        File.CreateSymbolicLink(Path.Combine(_tool.Folder, "link-to-device"), "/dev/normlayers-results.json");

        Assert.Contains($"'{path}' is a device, not a file", _tool.Run("--output", path).Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Log_Unwritable_IsReportedBeforeTraining()
    {
        _tool.Write("logs", "a file where the folder should be");
        _tool.Write("config.yaml", "logging:\n  file: logs/app.log\n");

        ToolResult result = _tool.Run("--output", "results.json").Expect(2);

        Assert.StartsWith("config.yaml:2:3: error: 'logs/app.log' cannot be written: ", result.Error, StringComparison.Ordinal);
        Assert.Equal(["config.yaml", "logs"], _tool.List());
    }

    [Theory]
    [InlineData("logging.file=c.yaml", "the configuration")]
    [InlineData("logging.file=.env", "the environment's file")]
    public void Log_OverAnInput_IsRefused(string setting, string what)
    {
        _tool.Write("c.yaml", "training: {epochs: 1}\n");
        _tool.Write(".env", "RANDOM_SEED=1\n");

        Assert.Contains(what, _tool.Run("--config", "c.yaml", "--set", setting).Expect(2).Error, StringComparison.Ordinal);

        Assert.Equal("training: {epochs: 1}\n", _tool.Read("c.yaml"));
        Assert.Equal("RANDOM_SEED=1\n", _tool.Read(".env"));
    }

    [Fact]
    public void Output_LinkToTheConfiguration_IsRefused()
    {
        _tool.Write("c.yaml", "training: {epochs: 1}\n");
        File.CreateSymbolicLink(Path.Combine(_tool.Folder, "link.json"), "c.yaml");

        _tool.Run("--config", "c.yaml", "--output", "link.json").Expect(2);

        Assert.Equal("training: {epochs: 1}\n", _tool.Read("c.yaml"));
    }
}
