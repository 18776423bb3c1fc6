using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>What <c>bench</c> writes; never how fast anything is.</summary>
public sealed class BenchTests : IDisposable
{
    private static readonly string[] _tiny = ["bench", "--seconds", "0.05", "--shape", "8x16", "--shape", "2x3x5"];

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Bench_Json_HasEveryCaseOnEveryNumberOfThreads()
    {
        ToolResult result = _tool.RunOnce([.. _tiny, "--json", "--output", "bench.json"]).Expect(0);
        JsonObject document = result.Json;
        int[] threads = Environment.ProcessorCount == 1 ? [1] : [1, Math.Min(Environment.ProcessorCount, 64)];

        Assert.Equal(result.Output, _tool.Read("bench.json"));
        Assert.Equal("completed", (string?)document["status"]);
        Assert.Contains((int)document["machine"]!["vector_bits"]!, (int[])[0, 128, 256, 512]);
        Assert.Equal(
            from count in threads
            from layer in (string[])["batchnorm", "layernorm", "rmsnorm", "groupnorm", "instancenorm", "ghostbatchnorm", "batchrenorm", "scalenorm", "dyt", "localresponsenorm", "weightnorm", "weightstandardization", "dynamiclayernorm"]
            from pass in (string[])["forward", "evaluation", "forward+backward"]
            where pass != "evaluation" || layer.Contains("batch", StringComparison.Ordinal)
            from shape in (string[])["8x16", "2x3x5"]
            where layer != "instancenorm" || shape != "8x16"
            select $"{layer} {pass} {shape} {count}",
            document["norms"]!.AsArray().Select(n => $"{n!["layer"]} {n["pass"]} {n["shape"]} {n["threads"]}"));
        Assert.Equal(
            from count in threads
            from mode in (string[])["none", "batchnorm", "layernorm", "rmsnorm", "groupnorm", "ghostbatchnorm", "batchrenorm", "scalenorm", "dyt", "localresponsenorm", "weightnorm", "weightstandardization", "dynamiclayernorm"]
            select $"20-32-3 batch 32 {mode} {count}",
            document["steps"]!.AsArray().Select(s => $"{s!["network"]} {s["mode"]} {s["threads"]}"));
    }

    [Fact]
    public void Bench_Json_NumbersFitTogether()
    {
        JsonObject document = _tool.RunOnce([.. _tiny, "--json", "--output", "bench.json"]).Expect(0).Json;

        foreach (JsonNode? row in (IEnumerable<JsonNode?>)[.. document["norms"]!.AsArray(), .. document["steps"]!.AsArray()])
        {
            double median = (double)row!["nanoseconds"]!;
            Assert.True(median > 0);
            Assert.InRange(median, (double)row["fastest"]!, (double)row["slowest"]!);
            Assert.True((double)row["bytes_allocated"]! >= 0);
        }

        JsonNode backward = document["norms"]!.AsArray().First(n => (string)n!["pass"]! == "forward+backward" && (string)n["shape"]! == "8x16")!;
        double time = (double)backward["nanoseconds"]!;
        Assert.Equal(5 * 4 * 8 * 16 / time, (double)backward["gigabytes_per_second"]!, 1e-9);
        Assert.Equal((double)backward["streams_nanoseconds"]! / time, (double)backward["share_of_streams"]!, 1e-9);
    }

    [Fact]
    public void Bench_Table_ShowsOneLayerWithoutTrainingSteps()
    {
        ToolResult result = _tool.Run([.. _tiny, "--layer", "layernorm"]).Expect(0);

        Assert.Matches(@"layer +pass +shape +threads +µs +fastest +slowest +GB/s +of streams +bytes", result.Output);
        Assert.Matches(@"layernorm +forward\+backward +2x3x5 +1 ", result.Output);
        Assert.DoesNotContain("batchnorm", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("training step", result.Output, StringComparison.Ordinal);
        Assert.Contains("layernorm 8x16 forward, 1 thread", result.Error, StringComparison.Ordinal);
    }

    /// <summary>Weights have no groups and no batch that could not be cut: every shape is one of weights.</summary>
    [Fact]
    public void Bench_Weights_TimesEveryShapeWithoutAllocation()
    {
        ToolResult result = _tool.Run("bench", "--seconds", "0.1", "--shape", "1x7", "--shape", "6x2x3", "--layer", "weightnorm", "--layer", "weightstandardization", "--json", "-q").Expect(0);
        JsonNode?[] rows = [.. result.Json["norms"]!.AsArray().Where(n => (int)n!["threads"]! == 1)];
        Assert.Equal(
            from layer in (string[])["weightnorm", "weightstandardization"]
            from pass in (string[])["forward", "forward+backward"]
            from shape in (string[])["1x7", "6x2x3"]
            select $"{layer} {pass} {shape}",
            rows.Select(n => $"{n!["layer"]} {n["pass"]} {n["shape"]}"));
        Assert.All(rows, n => Assert.Equal(0, (double)n!["bytes_allocated"]!));
        Assert.Empty(result.Json["steps"]!.AsArray());
    }

    /// <summary>Memory streams of 16,384 elements and more are shared out among threads.</summary>
    [Fact]
    public void Bench_LargerShape_HasStreamsOnAllThreads()
    {
        JsonObject document = _tool.Run("bench", "--seconds", "0.05", "--shape", "128x256", "--layer", "layernorm", "--json", "-q").Expect(0).Json;

        Assert.Equal(Math.Min(Environment.ProcessorCount, 64), document["norms"]!.AsArray().Max(n => (int)n!["threads"]!));
        Assert.All(document["norms"]!.AsArray(), n => Assert.True((double)n!["streams_nanoseconds"]! > 0));
    }

    [Fact]
    public void Bench_WrongFlags_AreAllNamedAndNothingRuns()
    {
        ToolResult result = _tool.Run(
            "bench", "--shape", "3x", "--shape", "1x7", "--shape", "70000x70000", "--seconds", "0", "--output", "/dev/null").Expect(2);

        Assert.Equal("", result.Output);
        Assert.Contains("'3x' is no shape", result.Error, StringComparison.Ordinal);
        Assert.Contains("'1x7' has one value per channel", result.Error, StringComparison.Ordinal);
        Assert.Contains("'70000x70000' is no shape", result.Error, StringComparison.Ordinal);
        Assert.Contains("'--seconds' must be", result.Error, StringComparison.Ordinal);
        Assert.Contains("device", result.Error, StringComparison.Ordinal);
        Assert.Contains("5 errors; nothing was run.", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Bench_Interrupted_KeepsWhatIsDone()
    {
        ToolResult result = _tool.RunAndSignalAfterLine(
            "INT", "bench", "--seconds", "300", "--shape", "8x16", "--layer", "layernorm", "--json", "--output", "bench.json").Expect(130);

        Assert.Equal("cancelled", (string?)_tool.ReadJson("bench.json")["status"]);
        Assert.Empty(result.Json["norms"]!.AsArray());
    }
}
