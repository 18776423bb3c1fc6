using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>Standard error, standard output or the terminal is full, closed or gone: the work is not.</summary>
public sealed class StreamFailureTests : IDisposable
{
    private const string Small = "--epochs 2 --set data.n_train=200 --set data.n_test=60";

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData("train", 0, "2>/dev/full")]
    [InlineData("train", 0, "2>&-")]
    [InlineData("train", 0, "<&- 2>&-")]
    [InlineData("train", 0, "2>&1 >/dev/null | true")]
    [InlineData("train --verbose", 0, "2>/dev/full")]
    [InlineData("train --learning-rate 1e30", 1, "2>/dev/full")]
    [InlineData("compare --seeds 2", 0, "2>/dev/full")]
    [InlineData("sweep --seeds 1 --mode none", 0, "2>&-")]
    public void StandardError_ThatFails_LosesNothing(string verb, int exitCode, string redirection)
    {
        Tool.SkipWithout();

        _tool.RunScript($"set -o pipefail; nl {verb} {Small} --output o.json {redirection}").Expect(exitCode);

        Assert.True(_tool.ReadJson("o.json").ContainsKey("config"));
    }

    [Theory]
    [InlineData("experiment init-rank --output o.json", 0)]
    [InlineData("bench --shape 8x8 --layer layernorm --seconds 0.05 --output o.json", 0)]
    [InlineData("check", 0)]
    [InlineData("info", 0)]
    [InlineData("train --epochs x", 2)]
    [InlineData("train --epoch 3", 2)]
    [InlineData("trian", 2)]
    [InlineData("experiment nothing", 2)]
    [InlineData("bench --shape 8", 2)]
    [InlineData("completion tcsh", 2)]
    [InlineData("train --output missing/ --epochs 1", 2)]
    public void StandardError_ThatFails_ChangesNoExitCode(string arguments, int exitCode)
    {
        Tool.SkipWithout();

        _tool.RunScript($"nl {arguments} 2>/dev/full").Expect(exitCode);
        _tool.RunScript($"nl {arguments} 2>&-").Expect(exitCode);
    }

    [Theory]
    [InlineData(">/dev/full", "No space left on device")]
    [InlineData(">&-", "it is closed")]
    [InlineData("<&- >&-", "it is closed")]
    public void StandardOutput_ThatFails_IsToldAndFilesAreWritten(string redirection, string expected)
    {
        Tool.SkipWithout();
        foreach (string format in (string[])["", "--json"])
        {
            ToolResult result = _tool.RunScript($"nl train {Small} {format} --output o.json --report r.html --no-progress {redirection}").Expect(1);

            Assert.Contains($"error: could not write to standard output: {expected}", result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
            Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
            Assert.True(_tool.Exists("r.html"));
        }
    }

    [Theory]
    [InlineData("sweep --seeds 1 --mode none --learning-rate 0.1 --epochs 1")]
    [InlineData("compare --seeds 1 --epochs 1")]
    [InlineData("experiment init-rank")]
    [InlineData("bench --shape 8x8 --layer layernorm --seconds 0.05")]
    public void StandardOutput_ThatFailsInAnyVerb_IsToldAndTheFileIsWritten(string verb)
    {
        Tool.SkipWithout();

        ToolResult result = _tool.RunScript($"nl {verb} --output o.json --quiet >&-").Expect(1);

        Assert.Equal("error: could not write to standard output: it is closed\n", result.Error);
        Assert.True(_tool.ReadJson("o.json").ContainsKey("versions") || _tool.ReadJson("o.json").ContainsKey("machine"));
    }

    [Theory]
    [InlineData("info")]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("check --quiet")]
    [InlineData("experiment list")]
    [InlineData("completion bash")]
    public void StandardOutput_ThatFailsWithoutAFile_IsOneLine(string arguments)
    {
        Tool.SkipWithout();

        Assert.Equal("error: could not write to standard output: it is closed\n", _tool.RunScript($"nl {arguments} >&-").Expect(1).Error);
    }

    [Fact]
    public void AllStreams_Closed_TheFileIsWritten()
    {
        Tool.SkipWithout();

        _tool.RunScript($"nl train {Small} --output o.json <&- >&- 2>&-").Expect(1);

        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
    }

    [Fact]
    public void Terminal_ThatIsClosedUnderNohup_TheRunGoesOn()
    {
        Tool.SkipWithout("script");
        _tool.Write("run.sh", $"trap '' HUP\n{Tool.ShellName} train --epochs 600 --output o.json\necho $? > code\n");

        // 'script' gives the run a terminal; once it is killed, every write to the terminal fails.
        _tool.RunScript("script -qfc 'bash run.sh' /dev/null < /dev/null > seen & s=$!; until grep -q epoch seen; do sleep 0.05; done; kill -KILL $s; until [ -s code ]; do sleep 0.1; done");

        // Standard output is the terminal too, and that the table was not seen is told.
        Assert.Equal("1\n", _tool.Read("code"));
        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
    }

    [Fact]
    public void HangUp_UnderNohup_IsWithoutEffect()
    {
        Tool.SkipWithout();

        _tool.RunScript($"trap '' HUP; {Tool.ShellName} train --epochs 2000 --no-progress --set logging.file=logs/app.log --output o.json & p=$!; until grep -qs 'epoch 2:' logs/app.log; do sleep 0.05; done; kill -HUP $p; wait $p").Expect(0);

        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
    }

    [Fact]
    public void HangUp_Twice_IsOneRequestToStop()
    {
        Tool.SkipWithout();

        _tool.RunScript($"{Tool.ShellName} train --epochs 1000000 --no-progress --set logging.file=logs/app.log --output o.json & p=$!; until grep -qs 'epoch 2:' logs/app.log; do sleep 0.05; done; kill -HUP $p; kill -HUP $p; wait $p").Expect(129);

        Assert.Equal("cancelled", (string?)_tool.ReadJson("o.json")["status"]);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void Experiment_Interrupted_SavesWhatWasDone(string signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no kill command");

        ToolResult result = _tool.RunAndSignalAfterLine(
            signal, "experiment", "batch-size", "--data", "digits", "--full", "--output", "o.json", "--report", "r.html", "--svg", "p.svg").Expect(exitCode);

        JsonObject document = _tool.ReadJson("o.json");
        Assert.Equal("interrupted", (string?)document["verdict"]);
        JsonArray rows = document["table"]!["rows"]!.AsArray();
        Assert.Contains(FormattableString.Invariant($"Stopped after {rows.Count} of 54 trials: nothing was judged."), result.Output, StringComparison.Ordinal);
        Assert.All(rows, r => Assert.InRange((double)r!["values"]![0]!, 0.05, 1));
        Assert.Empty(document["assertions"]!.AsArray());
        Assert.Contains("Stopped after", _tool.Read("r.html"), StringComparison.Ordinal);
        Assert.Contains("note: no picture was written to p.svg", result.Error, StringComparison.Ordinal);
        Assert.False(_tool.Exists("p.svg"));
    }
}
