using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NormLayers.Cli.Bench;
using NormLayers.Cli.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Cli.Tests;

/// <summary>The README's numbers are what its commands print, and what its pages and raw results say.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string _readme = Read("README.md");

    [Fact]
    public void FirstCommand_Output_IsTheReadmes()
    {
        using Tool tool = new();
        string config = Path.Combine(Snapshot.Root, "config.yaml");
        string printed = tool.Run("--mode", "batchnorm", "--config", config, "--output", "results.json").Expect(0).Output;
        string[] lines = [.. Block("--mode batchnorm --config config.yaml --output results.json").SkipWhile(l => l != "...").Skip(1).TakeWhile(l => !l.StartsWith('$'))];
        Assert.Equal(3, lines.Length);
        Assert.Equal(lines, printed.Split('\n').Take(3));
    }

    [Fact]
    [Trait("Duration", "long")]
    public void Comparisons_FourBlocksOfSeeds_AreTheReadmes()
    {
        using Tool tool = new();
        string[] rows = [.. Seeds().Matches(_readme).Select(m => m.Value)];
        Assert.Equal(4, rows.Length);
        foreach (string row in rows)
        {
            string first = Seeds().Match(row).Groups[1].Value;
            JsonObject comparison = tool.Run("compare", "--set", $"data.random_seed={first}", "--json").Expect(0).Json;
            JsonArray seeds = comparison["seeds"]!.AsArray();
            Assert.StartsWith($"| {first} to {(int)seeds[^1]!}", row, StringComparison.Ordinal);
            Assert.EndsWith($"| {Difference(comparison, 0)} | {Difference(comparison, 1)} |", row, StringComparison.Ordinal);
            Assert.Equal("batchnorm", (string)comparison["pairs"]![0]!["test_accuracy"]!["better"]!);
        }

        JsonObject digits = tool.RunOnce("compare", "--data", "digits", "--epochs", "10", "--json").Expect(0).Json;
        Assert.Equal(["batchnorm", "layernorm"], digits["pairs"]!.AsArray().Take(2).Select(p => (string)p!["test_loss"]!["better"]!));

        static string Difference(JsonObject comparison, int pair)
        {
            JsonNode loss = comparison["pairs"]![pair]!["test_loss"]!;
            string told = (string)loss["better"]! == "no difference" ? ", not told apart" : "";
            return FormattableString.Invariant($"{(double)loss["mean"]!:f4} ± {(double)loss["half_width"]!:f4}{told}");
        }
    }

    [Fact]
    [Trait("Duration", "long")]
    public void Accuracy_BoundsAndWorst_AreTheReadmes()
    {
        using Tool tool = new();
        AccuracyRow[] rows = [.. CheckTests.AccuracyWithSearch(tool).Where(r => r.Data == CheckTests.Searches)];
        (AccuracyRow[] y, AccuracyRow[] dx) = ([.. rows.Where(r => r.Output == "y")], [.. rows.Where(r => r.Output == "dx")]);
        Says($"y within {y.Max(r => r.Bound)} ulp, dx within {dx.Max(r => r.Bound)}, the gradients of γ and β and the statistics within {AccuracyCheck.SumBound}.");
        Says($"finds is {y.Max(r => r.WorstError):f2} for y and {dx.Max(r => r.WorstError):f2} for dx.");
    }

    [Fact]
    public void Speed_OfLayerAndBatchNormalization_IsThePages()
    {
        Match said = Speed().Match(_readme);
        string cases = said.Groups[2].Value;
        Assert.True(said.Success, "The README does not say the speed in its words.");

        // | **all** | libraries | 2.61x | least | 10 of 40 | slower | unsteady |
        string[][] Rows(string page) => [.. Read(page).Split('\n').Select(l => l.Split('|', StringSplitOptions.TrimEntries)).Where(c => c.Length == 9 && c[5].EndsWith($" of {cases}", StringComparison.Ordinal))];
        string[][] all = Rows("docs/performance.md");
        int[] means = [.. Enumerable.Range(0, all.Length).Where(i => all[i][1] == "**all**")];
        (int widest, int narrow) = (means[0], means[1]);
        Assert.Equal(["libraries", "all peers", "libraries", "all peers"], new[] { widest, widest + 1, narrow, narrow + 1 }.Select(i => all[i][2]));

        // The processors of the first table, of which each has its summary.
        Assert.Equal(means.Select(i => (all[i][3], $"{all[i][6]} of {cases}")), Read("docs/performance.md").Split('\n').Select(l => l.Split('|', StringSplitOptions.TrimEntries)).Where(c => c.Length == 8 && c[6].EndsWith($" of {cases}", StringComparison.Ordinal)).Select(c => (c[5], c[6])));
        decimal Mean(int row) => (decimal)Number(all[row][3]);
        Assert.Equal(said.Groups[1].Value, FormattableString.Invariant($"{Mean(widest):f1}"));
        Assert.Equal(said.Groups[3].Value, FormattableString.Invariant($"{Mean(widest + 1):f1}"));
        Says($"Kept to AVX2 there, {Mean(narrow):f1} and {Mean(narrow + 1):f1} times");
        Says($"{all[widest][6]} of the {cases} cases are slower than a library ({all[widest][4].Split(' ')[0]} at least), and kept to AVX2 {all[narrow][6]}; on other processors more");
    }

    [Fact]
    public void Speed_OfGroupInstanceAndLocalResponseNormalization_IsTheRawResults()
    {
        Says($"[Group, instance and local response normalization](docs/performance-family.md): {Ratio("family"):f1} times as fast as the better library (24 cases)");
    }

    // The geometric mean of the better library's time over ours, in the newest results of this kind.
    private static double Ratio(string kind)
    {
        string file = Directory.GetFiles(Path.Combine(Snapshot.Root, "benchmarks", "results"), $"*-{kind}.json").Max(StringComparer.Ordinal)!;
        (string Case, int Threads, string Peer, double Median)[] rows =
        [
            .. JsonNode.Parse(File.ReadAllText(file))!["rows"]!.AsArray().Select(r => ((string)r!["case"]!, (int)r["threads"]!, (string)r["peer"]!, WorkTimer.Median([.. r["nanoseconds"]!.AsArray().Select(n => (double)n!)]))),
        ];
        double[] ratios =
        [
            .. rows.Where(r => r.Peer == "normlayers" && Named().IsMatch(r.Case))
                .Select(r => rows.Where(p => p.Case == r.Case && p.Threads <= r.Threads && p.Peer is ("libtorch" or "onnxruntime")).Min(p => p.Median) / r.Median),
        ];
        Assert.Equal(24, ratios.Length);
        return Math.Exp(ratios.Average(Math.Log));
    }

    [Fact]
    public void Encoder_ErrorsAndTimes_AreThePages()
    {
        string[][] rows = [.. Read("docs/models.md").Split('\n').Select(l => l.Split('|', StringSplitOptions.TrimEntries))];
        double[] Ratios(string input) => [.. rows.Where(c => c.Length == 7 && c[1].StartsWith(input, StringComparison.Ordinal)).Select(c => Number(c[5]))];
        string Rms(string who) => rows.Single(c => c.Length == 7 && c[1] == who)[4];
        double[] sentence = Ratios("a sentence of"), page = Ratios("a page of"), batch = Ratios("64 sentences");
        Assert.Equal((2, 2, 2), (sentence.Length, page.Length, batch.Length));
        Says($"its rms error is {Rms("NormLayers")} and ONNX Runtime's {Rms("ONNX Runtime 1.31, optimizations on")}.");
        Says($"It takes {sentence.Min()} to {sentence.Max()} times ONNX Runtime's time for a sentence, {page.Min()} to {page.Max()} for a page, and {batch.Min()} to {batch.Max()} for a batch of 64 sentences");
    }

    private static void Says(FormattableString words) => Assert.Contains(FormattableString.Invariant(words), _readme, StringComparison.Ordinal);

    private static string Read(string path) => File.ReadAllText(Path.Combine(Snapshot.Root, path));

    private static string[] Block(string within) =>
        _readme.Split("\n```").Single(b => b.Contains(within, StringComparison.Ordinal) && b.Contains("$ ", StringComparison.Ordinal)).Split('\n');

    private static double Number(string text) => double.Parse(text.Trim('x', '~', '*'), CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\| (\d+) to \d+.*\|$", RegexOptions.Multiline)]
    private static partial Regex Seeds();

    [GeneratedRegex(@"Layer and batch normalization: ([\d.]+) times as fast as the better of libtorch and ONNX Runtime, in the geometric mean of (\d+) cases\. With calls to \.NET's `TensorPrimitives` counted as a library too, ([\d.]+) times")]
    private static partial Regex Speed();

    [GeneratedRegex("^(group|instance|localresponse)norm ")]
    private static partial Regex Named();
}
