using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class HelpTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData("help")]
    [InlineData("help-train", "train")]
    [InlineData("help-predict", "predict")]
    [InlineData("help-evaluate", "evaluate")]
    [InlineData("help-export", "export")]
    [InlineData("help-compare", "compare")]
    [InlineData("help-sweep", "sweep")]
    [InlineData("help-experiment", "experiment")]
    [InlineData("help-info", "info")]
    [InlineData("help-check", "check")]
    [InlineData("help-bench", "bench")]
    [InlineData("help-completion", "completion")]
    public void Help_OfEachVerb_IsAsCommitted(string snapshot, params string[] verb)
    {
        string output = _tool.Run([.. verb, "--help"]).Expect(0).Output;

        Assert.Contains("Examples:", output, StringComparison.Ordinal);
        Snapshot.Match(snapshot, output);
    }

    [Theory]
    [InlineData("usage-option", "--epoch", "3")]
    [InlineData("usage-verb", "trian")]
    [InlineData("usage-value", "train", "--epochs")]
    [InlineData("usage-shell", "completion", "tcsh")]
    [InlineData("usage-twice", "--seed", "1", "--set", "data.random_seed=2")]
    public void Usage_Wrong_IsShortAndOnStandardError(string snapshot, params string[] arguments)
    {
        ToolResult result = _tool.Run(arguments).Expect(2);

        Assert.Equal("", result.Output);
        Snapshot.Match(snapshot, result.Error);
        Assert.Empty(_tool.List());
    }

    [Theory]
    [InlineData("bash", "complete -o default")]
    [InlineData("zsh", "compdef")]
    [InlineData("fish", "complete -c normlayers")]
    [InlineData("pwsh", "Register-ArgumentCompleter")]
    public void Completion_EachShell_PrintsItsScript(string shell, string expected) =>
        Assert.Contains(expected, _tool.Run("completion", shell).Expect(0).Output, StringComparison.Ordinal);

    [Fact]
    public void Suggest_Mode_NamesEveryMode() =>
        Assert.Equal("batchnorm\nbatchrenorm\ndynamiclayernorm\ndyt\nghostbatchnorm\ngroupnorm\ninstancenorm\nlayernorm\nlocalresponsenorm\nnone\nrmsnorm\nscalenorm\nweightnorm\nweightstandardization\n", _tool.Run("[suggest:18]", "normlayers --mode ").Expect(0).Output.ReplaceLineEndings("\n"));

    [Fact]
    public void Info_Json_NamesMachineAndVersions()
    {
        JsonObject info = _tool.Run("info", "--json").Expect(0).Json;

        Assert.StartsWith("0.", (string?)info["version"], StringComparison.Ordinal);
        Assert.Contains((int)info["vector_bits"]!, (int[])[0, 128, 256, 512]);
        Assert.True((int)info["logical_processors"]! >= 1);
        string table = _tool.Run("info").Expect(0).Output;
        Assert.Contains((string)info["processor"]!, table, StringComparison.Ordinal);
        Assert.Contains((string)info["runtime"]!, table, StringComparison.Ordinal);
        string? set = (int)info["processor_vector_bits"]! switch { 512 => "x86-64-v4", 256 => "x86-64-v3", _ => null };
        Assert.True(set is null || RuntimeInformation.ProcessArchitecture != Architecture.X64 || table.Contains($"IlcInstructionSet={set}", StringComparison.Ordinal), table);
    }

    [Fact]
    public void Version_Flag_PrintsOneLine() =>
        Assert.Matches(@"^\d+\.\d+\.\d+\S*\r?\n$", _tool.Run("--version").Expect(0).Output);
}
