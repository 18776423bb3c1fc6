using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>The log, shared, full or refused.</summary>
public sealed class LogTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    /// <summary>The log is opened once the data are read, which can take long.</summary>
    [Fact]
    public void Log_ThatBecameAFolderMeanwhile_IsToldOnceAndTheRunGoesOn()
    {
        Tool.SkipWithout();
        _tool.Write("d.csv", string.Concat(Enumerable.Range(0, 60).Select(i => $"{i * 7 % 11},{i},{(i % 2 == 0 ? "a" : "b")}\n")));

        ToolResult result = _tool.RunScript(
            $"(sleep 3; mkdir log; cat d.csv) | {Tool.ShellName} train --data csv --data-path /dev/stdin --set data.n_test=10 --epochs 1 --set logging.file=log --json -q").Expect(0);

        Assert.Equal("completed", (string?)result.Json["status"]);
        Assert.Single(result.Error.Split('\n'), l => l.StartsWith("warning: the log 'log' is a folder, not a file; the run goes on", StringComparison.Ordinal));
    }

    [Fact]
    public void Log_OfRunsAtOnce_HasEveryLineWhole()
    {
        Tool.SkipWithout();

        _tool.RunScript("for s in 1 2 3; do nl train --epochs 100 -q --set logging.file=logs/app.log --seed $s --set data.n_train=100 --set data.n_test=50 & done; wait").Expect(0);

        string[] lines = _tool.Read("logs/app.log").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, l => Assert.Matches(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+ (INF|WRN) (normlayers |configuration |epoch |""Completed"" )", l));
        Assert.Equal(300, lines.Count(l => l.Contains(" INF epoch ", StringComparison.Ordinal)));
        Assert.Equal(3, lines.Count(l => l.Contains(", seed ", StringComparison.Ordinal) && l.Contains("normlayers ", StringComparison.Ordinal)));
        Assert.All(lines.Where(l => l.Contains("configuration", StringComparison.Ordinal)), l => Assert.EndsWith("}}", l, StringComparison.Ordinal));
        Assert.Equal(306 + 3, lines.Length);
    }

    [Fact]
    public void Log_AtDebugLevel_HasOneEventALine()
    {
        _tool.Run("train", "--epochs", "1", "-q", "--set", "logging.file=logs/app.log", "--set", "logging.level=DEBUG", "--set", "data.n_train=100", "--set", "data.n_test=50").Expect(0);

        string[] lines = _tool.Read("logs/app.log").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, l => Assert.StartsWith("20", l, StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("training.epochs: 1  (--epochs)", StringComparison.Ordinal));
    }

    [Fact]
    public void Log_OnAFullDisk_IsToldOnceAndTheRunSucceeds()
    {
        Tool.SkipWithout("mount", "unshare");
        Assert.SkipUnless(_tool.RunScript("unshare --mount sh -c 'mkdir -p t && mount -t tmpfs -o size=4k none t'").ExitCode == 0, "nothing can be mounted here");

        ToolResult result = _tool.RunScript(
            $"unshare --mount bash -c \"mount -t tmpfs -o size=4k none t; {Tool.ShellName} train --epochs 100 --no-progress --set data.n_train=100 --set data.n_test=50 --set logging.file=t/log --output o.json\"").Expect(0);

        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
        string[] warnings = [.. result.Error.Split('\n').Where(l => l.StartsWith("warning: the log 't/log' cannot be written: No space left on device", StringComparison.Ordinal))];
        Assert.Contains("No space left", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mkdir logs; mkfifo logs/app.log", "is a pipe, not a file")]
    [InlineData("mkdir -p logs/app.log", "is a folder, not a file")]
    [InlineData("mkdir logs; ln -s /dev/null logs/app.log", "is a device, not a file")]
    [InlineData("mkdir logs; ln -s app.log logs/app.log", "its links lead in a circle")]
    [InlineData("touch logs", "is a file, not a folder")]
    public void Log_ThatIsNoFile_IsToldBeforeTraining(string setup, string expected)
    {
        Tool.SkipWithout("mkfifo", "timeout");

        ToolResult result = _tool.RunScript($"{setup}; timeout 60 {Tool.ShellName} train --epochs 1 -q --set logging.file=logs/app.log --output o.json").Expect(2);

        Assert.StartsWith("--set logging.file: error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.False(_tool.Exists("o.json"));
    }

    [Theory]
    [InlineData("None")]
    [InlineData("none")]
    [InlineData("nil")]
    [InlineData("off")]
    [InlineData("False")]
    [InlineData("no")]
    public void LogFile_WordForNothing_IsToldAndNoName(string word)
    {
        _tool.Write("config.yaml", $"logging: {{file: {word}}}\n");

        ToolResult result = _tool.Run("train", "--epochs", "1").Expect(2);

        Assert.Contains($"write null for none, or './{word}' for a file of that name", result.Error, StringComparison.Ordinal);
        Assert.Equal(["config.yaml"], _tool.List());
    }

    [Fact]
    public void LogFile_NotConfigured_WritesNone()
    {
        foreach (string command in (string[])["train --epochs 1", "compare --seeds 1 --epochs 1", "sweep --seeds 1 --mode none --learning-rate 0.1 --epochs 1"])
        {
            _tool.Run([.. command.Split(' '), "-q"]).Expect(0);
        }

        Assert.Empty(_tool.List());
    }

    [Theory]
    [InlineData("~")]
    [InlineData("null")]
    [InlineData("Null")]
    [InlineData("NULL")]
    [InlineData("")]
    public void LogFile_Null_WritesNone(string word)
    {
        _tool.Write("config.yaml", "logging: {file: log}\n");

        _tool.Run("train", "--epochs", "1", "-q", "--set", $"logging.file={word}").Expect(0);

        Assert.Equal(["config.yaml"], _tool.List());
    }

    [Theory]
    [InlineData("./None", "None")]
    [InlineData("\"None\"", "None")]
    public void LogFile_WordMeantAsAName_IsOne(string text, string name)
    {
        _tool.Write("config.yaml", $"logging: {{file: {text}}}\n");

        _tool.Run("train", "--epochs", "1", "-q").Expect(0);

        Assert.Equal([name, "config.yaml"], _tool.List());
    }

    [Theory]
    [InlineData("mkdir config.yaml", "config.yaml: error: 'config.yaml' is a folder, not a file")]
    [InlineData("ln -s nowhere.yaml config.yaml", "config.yaml: error: 'config.yaml' does not exist")]
    [InlineData("ln -s nowhere .env", ".env: error: '.env' does not exist")]
    public void Configuration_ThatIsNoFile_IsNotPassedOver(string setup, string expected)
    {
        Tool.SkipWithout();

        Assert.StartsWith(expected, _tool.RunScript($"{setup}; nl train --epochs 1").Expect(2).Error, StringComparison.Ordinal);
    }

    // A virtual environment of Python often has this name.
    [Fact]
    public void EnvironmentFile_ThatIsAFolder_IsPassedOverAndTold()
    {
        Directory.CreateDirectory(Path.Combine(_tool.Folder, ".env"));

        Assert.Contains("note: '.env' is a folder and is passed over", _tool.RunSmall().Expect(0).Error, StringComparison.Ordinal);
    }
}
