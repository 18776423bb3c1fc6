using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Output;
using NormLayers.Cli.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Cli.Tests;

public sealed class CheckTests : IDisposable
{
    internal const string Searches = "100 searches";

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Check_Layers_PassInEveryMode()
    {
        ToolResult shown = _tool.Run("check").Expect(0);
        string output = shown.Output;
        Assert.StartsWith("checking layers ", shown.Error, StringComparison.Ordinal);
        Assert.Contains("BatchRenorm ", output, StringComparison.Ordinal);
        Assert.Contains("Every layer agrees", output, StringComparison.Ordinal);

        JsonObject document = _tool.Run("check", "--json", "--quiet").Expect(0) is { Error: "" } quiet ? quiet.Json : [];
        Assert.True((bool)document["passed"]!);
        Assert.Equal(
            ["LayerNorm1D", "LayerNorm", "RmsNorm", "BatchNorm", "GroupNorm", "InstanceNorm", "GhostBatchNorm", "BatchRenorm", "ScaleNorm", "DyT", "LocalResponseNorm", "WeightNorm", "WeightStandardization", "DynamicLayerNorm", "AdaptiveLayerNorm"],
            document["layers"]!.AsArray().Select(l => (string?)l!["layer"]));
        Assert.All(document["layers"]!.AsArray(), l => Assert.True((bool)l!["passed"]! && (long)l["quotients"]! > 0 && (double)l["worst_error"]! > 0));
        JsonArray modes = document["networks"]!.AsArray();
        Assert.Equal(
            ["none", "batchnorm", "layernorm", "rmsnorm", "groupnorm", "ghostbatchnorm", "batchrenorm", "scalenorm", "dyt", "localresponsenorm", "weightnorm", "weightstandardization", "dynamiclayernorm"],
            modes.Select(m => (string?)m!["mode"]));
        Assert.All(modes, m => Assert.All(m!["tensors"]!.AsArray(), t => Assert.True((bool)t!["passed"]!)));
    }

    [Theory]
    [InlineData("TERM", 143, "check")]
    [InlineData("INT", 130, "check", "--accuracy", "--json")]
    public void Check_Stopped_SaysThatItHasNoResult(string signal, int code, params string[] arguments)
    {
        ToolResult result = _tool.RunAndSignalAfterLine(signal, arguments).Expect(code);
        Assert.Equal("", result.Output);
        Assert.Contains("stopped: a check has a result only when it is complete", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Duration", "long")]
    public void Check_AccuracyWithSearch_AddsTheWorstErrorsFound() => Assert.Equal(
        from layer in (string[])["LayerNorm1D", "BatchNorm1D", "RmsNorm", "GroupNorm", "InstanceNorm"] from output in (string[])["y", "dx"] select $"{layer} {output}",
        AccuracyWithSearch(_tool).Where(r => r.Data == Searches).Select(r => $"{r.Layer} {r.Output}"));

    [Fact]
    [Trait("Duration", "long")]
    public void AccuracyTable_WithoutSearch_ShowsTheWorstErrorBesideItsBound()
    {
        AccuracyRow[] rows = [.. AccuracyWithSearch(_tool).Where(r => r.Data != Searches)];
        string output = CheckCommand.AccuracyTable(rows, [], passed: true);
        Assert.Matches("\nLayerNorm1D +dx ", output);
        Assert.Matches("\nRmsNorm +dx ", output);
        Assert.Matches("\nBatchNorm1D +running variance ", output);
        string[] lines = [.. output.ReplaceLineEndings("\n").Split('\n').Skip(2).TakeWhile(l => l.Length > 0)];
        int bound = lines[0].IndexOf("bound", StringComparison.Ordinal);
        Assert.All(lines.Skip(1), l => Assert.Equal("u  ", l.Substring(bound + 4, 3)));
        Assert.Contains("Every error is within its bound.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("searches", output, StringComparison.Ordinal);
        AccuracyRow[] found = [rows[0] with { Data = Searches, WorstError = 99 }];
        string[] last = CheckCommand.AccuracyTable(rows, found, passed: false).Split('\n')[^3..];
        Assert.EndsWith($"99.00u  {rows[0].Bound,4}u  {Searches}  EXCEEDED", last[0].TrimEnd(), StringComparison.Ordinal);
        Assert.EndsWith("A bound is EXCEEDED.", last[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Check_SearchWithoutAccuracy_IsRefused() =>
        Assert.Contains("--search needs --accuracy.", _tool.Run("check", "--search").Expect(2).Error, StringComparison.Ordinal);

    /// <summary>The rows of <c>check --accuracy --search --json</c>, which takes long.</summary>
    internal static List<AccuracyRow> AccuracyWithSearch(Tool tool) =>
        JsonSerializer.Deserialize(tool.RunOnce("check", "--accuracy", "--search", "--json").Expect(0).Output, ResultJson.Default.ListAccuracyRow)!;
}
