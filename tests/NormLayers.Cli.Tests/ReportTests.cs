using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NormLayers.Cli.Tests.Support;
using NormLayers.Lab.Charts;

namespace NormLayers.Cli.Tests;

public sealed partial class ReportTests : IDisposable
{
    private const int LargestReport = 2_000_000;

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Report_OfATraining_HasTheNumbersOfTheResults()
    {
        ToolResult result = _tool.RunSmall("--report", "out/report.html", "--svg", "loss.svg", "--output", "results.json").Expect(0);

        Assert.Contains("report written to out/report.html", result.Error, StringComparison.Ordinal);
        Assert.Contains("picture written to loss.svg", result.Error, StringComparison.Ordinal);
        Assert.InRange(new FileInfo(Path.Combine(_tool.Folder, "out/report.html")).Length, 1, LargestReport);
        JsonNode history = _tool.ReadJson("results.json")["history"]!;
        string html = _tool.Read("out/report.html");
        JsonNode[] figures = Figures(html);
        foreach ((int chart, int series, string column) in (ReadOnlySpan<(int, int, string)>)
            [(0, 0, "train_loss"), (0, 1, "test_loss"), (0, 2, "batch_loss"), (1, 0, "train_accuracy"), (1, 1, "test_accuracy"), (1, 2, "batch_accuracy")])
        {
            JsonNode trace = figures[chart]["data"]![series]!;
            Assert.Equal(history[column]!.ToJsonString(), trace["y"]!.ToJsonString());
            Assert.Equal(history["epoch"]!.ToJsonString(), trace["x"]!.ToJsonString());
            foreach (JsonNode? value in history[column]!.AsArray())
            {
                Assert.Contains($"<td>{Table.Number((double)value!)}</td>", html, StringComparison.Ordinal);
            }
        }

        Assert.StartsWith("<svg ", _tool.Read("loss.svg"), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_OfATraining_HasTheNumbersOfItsProbes()
    {
        _tool.RunSmall("--report", "report.html", "--output", "results.json", "-q").Expect(0);

        JsonNode probes = _tool.ReadJson("results.json")["probes"]!;
        string html = _tool.Read("report.html");
        Assert.Equal(14, probes["step"]!.AsArray().Count);
        Assert.Equal(["linear1", "norm1", "relu1", "linear2"], probes["layers"]!.AsArray().Select(l => (string?)l!["layer"]));
        Assert.Equal(Curves(probes), [.. Figures(html).Skip(2).Select(f => f["data"]!.AsArray().Select(t => t!["y"]!.ToJsonString()).ToArray())]);
        foreach (JsonNode trace in Figures(html).Skip(2).SelectMany(f => f["data"]!.AsArray()).Select(t => t!))
        {
            Assert.Equal(probes["step"]!.ToJsonString(), trace["x"]!.ToJsonString());
            foreach (JsonNode? value in trace["y"]!.AsArray())
            {
                Assert.Contains($"<td>{Table.Number((double?)value ?? double.NaN)}</td>", html, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("none", 2 + 8, "no layer of this network evaluates otherwise than it trains")]
    [InlineData("layernorm", 2 + 10, "Effective learning rate")]
    public void Report_OfAMode_HasTheChartsThatTheModeHas(string mode, int charts, string expected)
    {
        _tool.RunSmall("--mode", mode, "--report", "report.html", "-q").Expect(0);

        string html = _tool.Read("report.html");
        Assert.Equal(charts, Figures(html).Length);
        Assert.Contains(expected, html, StringComparison.Ordinal);
        Assert.DoesNotContain("against running statistics", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_WithoutProbes_HasNoneOfTheirCharts()
    {
        _tool.RunSmall("--probe", "0", "--report", "report.html", "-q").Expect(0);

        Assert.Equal(2, Figures(_tool.Read("report.html")).Length);
    }

    [Fact]
    public void Report_OfADeepNetworkAndManyProbes_ShowsSomeOfEachAndSaysSo()
    {
        string widths = string.Join(',', Enumerable.Repeat(4, 30));
        _tool.Run("--epochs", "20", "--set", "data.n_train=200", "--probe", "1", "--set", $"model.hidden_dims=[{widths}]", "--report", "report.html", "-q").Expect(0);

        string html = _tool.Read("report.html");
        JsonNode[] figures = Figures(html);
        Assert.Equal(2 + 14, figures.Length);
        Assert.All(figures, f => Assert.InRange(f["data"]!.AsArray().Count, 1, 6));
        Assert.All(figures.Skip(2), f => Assert.Equal((120, 1, 140), Steps(f)));
        Assert.Contains("140 steps of the training were probed", html, StringComparison.Ordinal);
        Assert.Contains("The charts show 120 of them", html, StringComparison.Ordinal);
        Assert.Contains("6 of 31 curves are drawn", html, StringComparison.Ordinal);
        Assert.Contains("Activations of norm1<", html, StringComparison.Ordinal);
        Assert.Contains("Activations of linear31<", html, StringComparison.Ordinal);
        Assert.InRange(html.Length, 1, LargestReport);

        static (int, int, int) Steps(JsonNode figure)
        {
            JsonArray steps = figure["data"]![0]!["x"]!.AsArray();
            return (steps.Count, (int)steps[0]!, (int)steps[^1]!);
        }
    }

    [Fact]
    public void Report_OfTheSameTraining_HasTheSameBytesButForTheTime()
    {
        string one = Timeless(Report());
        string two = Timeless(Report());

        Assert.Equal(one, two);

        string Report()
        {
            _tool.RunSmall("--report", "report.html", "-q").Expect(0);
            return _tool.Read("report.html");
        }
    }

    [Fact]
    public void Report_AsksNothingOfTheNetwork()
    {
        _tool.RunSmall("--report", "report.html", "-q").Expect(0);

        // Plotly's own text names addresses (of namespaces, of its licence); what may load them is the page, and its policy.
        string html = _tool.Read("report.html");
        string page = Scripts().Replace(html, "");
        Assert.DoesNotContain("http:", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https:", page, StringComparison.Ordinal);
        Assert.DoesNotContain(" src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain(" href=", page, StringComparison.Ordinal);
        Assert.Contains("content=\"default-src 'none'; script-src 'sha256-", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_OfADivergedRun_IsWrittenAndSaysSo()
    {
        _tool.RunSmall("--learning-rate", "1e30", "--report", "report.html").Expect(1);

        string html = _tool.Read("report.html");
        Assert.Contains("The training diverged:", html, StringComparison.Ordinal);
        Assert.Contains("No epoch was finished", html, StringComparison.Ordinal);
        Assert.Contains("<td>not finite</td>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_OfManyEpochs_IsThinnedAndSaysSo()
    {
        _tool.Run("--epochs", "900", "--set", "data.n_train=64", "--set", "data.n_test=9", "--report", "report.html", "-q").Expect(0);

        string html = _tool.Read("report.html");
        JsonArray epochs = Figures(html)[0]["data"]![0]!["x"]!.AsArray();
        Assert.Equal(400, epochs.Count);
        Assert.Equal((1, 900), ((int)epochs[0]!, (int)epochs[^1]!));
        Assert.Contains("The charts show 400 of the 900 epochs", html, StringComparison.Ordinal);
        Assert.InRange(html.Length, 1, LargestReport);
    }

    [Theory]
    [InlineData("--report", "config.yaml", "'config.yaml' is the configuration; write the report to another file")]
    [InlineData("--svg", "logs/app.log", "'logs/app.log' is the log; write the picture to another file")]
    [InlineData("--report", "results.json", "'results.json' is the file of --output; write the report to another file")]
    [InlineData("--svg", "folder/", "'folder/' is a folder, not a file")]
    public void Report_Unwritable_IsReportedBeforeTraining(string flag, string path, string expected)
    {
        ToolResult result = _tool.RunSmall("--output", "results.json", "--set", "logging.file=logs/app.log", flag, path).Expect(2);

        Assert.Contains($"{flag}: error: {expected}", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Empty(_tool.List());
    }

    [Fact]
    public void Report_FolderGoneMeanwhile_FailsButShowsAndKeepsTheRest()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "no signals");

        ToolResult result = _tool.RunAndSignal(
            "INT",
            () =>
            {
                bool running = _tool.Exists("logs/app.log") && _tool.Read("logs/app.log").Contains("epoch 2:", StringComparison.Ordinal);
                if (running)
                {
                    Directory.CreateDirectory(Path.Combine(_tool.Folder, "report.html"));
                }

                return running;
            },
            "--epochs", "1000000", "--report", "report.html", "--output", "results.json", "--set", "logging.file=logs/app.log", "--no-progress");

        result.Expect(130);
        Assert.Contains("error: could not write the report: 'report.html' is a folder", result.Error, StringComparison.Ordinal);
        Assert.Contains("cancelled", result.Output, StringComparison.Ordinal);
        Assert.Equal("cancelled", (string?)_tool.ReadJson("results.json")["status"]);
    }

    [Fact]
    public void Report_InABrowser_DrawsEveryCurveWithoutAnError()
    {
        _tool.RunSmall("--report", "report.html", "-q").Expect(0);

        (string page, string[] console) = Browser.Open(Path.Combine(_tool.Folder, "report.html"));

        Assert.Empty(console);
        JsonNode[] figures = Figures(_tool.Read("report.html"));
        Assert.Equal(13, figures.Length);
        Assert.Equal(figures.Length, Count(page, "data-drawn=\"true\""));

        // Each curve is drawn once in its chart and once in the legend, each band's edges are lines of no width in the chart alone.
        JsonNode[] traces = [.. figures.SelectMany(f => f["data"]!.AsArray()).Select(t => t!)];
        int edges = traces.Count(t => (string?)t["hoverinfo"] == "skip");
        Assert.Equal(2 * 3, edges);
        Assert.Equal(2 * (traces.Length - edges) + edges, Count(page, "class=\"js-line\""));
        Assert.Equal(3, Count(page, "class=\"js-fill\""));
        Assert.Contains(">1e-3</text>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_OfAComparison_HasTheNumbersAndVerdictsOfTheResults()
    {
        JsonNode results = Compare("--json").Json;

        string html = _tool.Read("report.html");
        JsonNode[] figures = Figures(html);
        Assert.Equal(4, figures.Length);
        foreach ((int chart, string field) in (ReadOnlySpan<(int, string)>)[(0, "test_loss"), (1, "test_accuracy")])
        {
            for (int mode = 0; mode < 3; mode++)
            {
                JsonNode document = results["modes"]![mode]!;
                double[][] trials = [.. document["trials"]!.AsArray().Select(t => t!["history"]![field]!.AsArray().Select(v => (double)v!).ToArray())];
                JsonNode[] traces = [.. figures[chart]["data"]!.AsArray().Skip(3 * mode).Take(3).Select(t => t!["y"]!)];
                for (int epoch = 0; epoch < trials[0].Length; epoch++)
                {
                    double[] sorted = [.. trials.Select(t => t[epoch]).Order()];
                    Assert.Equal((sorted[0] + sorted[1]) / 2, (double)traces[0][epoch]!, 1e-12);
                    Assert.Equal((sorted[1] + sorted[2]) / 2, (double)traces[1][epoch]!, 1e-12);
                    Assert.Equal(sorted[1], (double)traces[2][epoch]!);
                }

                Assert.Equal((double)document[field]!["mean"]!, (double)figures[chart + 2]["data"]![mode]!["y"]![0]!);
                Assert.Equal((double)document[field]!["half_width"]!, (double)figures[chart + 2]["data"]![mode]!["error_y"]!["array"]![0]!, 1e-12);
            }
        }

        Assert.Contains("none against batchnorm, seed by seed: test loss, ", html, StringComparison.Ordinal);
        Assert.StartsWith("<svg ", _tool.Read("picture.svg"), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_OfAComparison_DrawsInABrowser()
    {
        Compare();

        (string page, string[] console) = Browser.Open(Path.Combine(_tool.Folder, "report.html"));

        Assert.Empty(console);
        Assert.Equal(4, Count(page, "data-drawn=\"true\""));
        Assert.Equal(2 * 3, Count(page, "class=\"js-fill\""));
        Assert.Equal(2 * 3, Count(page, "class=\"yerror\""));
    }

    [Fact]
    public void Report_OfAComparisonThatDiverged_IsWrittenAndSaysSo()
    {
        _tool.Run("compare", "--seeds", "2", "--epochs", "2", "--learning-rate", "1e30", "--report", "report.html").Expect(1);

        Assert.Contains("2 of 2 diverged", _tool.Read("report.html"), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_OfASweep_MapsEachCellAndDrawsInABrowser()
    {
        JsonNode results = _tool.Run(
            "sweep", "--mode", "none,batchnorm", "--learning-rate", "0.01,0.1,1e30", "--seeds", "2", "--epochs", "2", "--set", "data.n_train=200",
            "--report", "report.html", "--svg", "map.svg", "--json").Expect(0).Json;

        JsonNode[] figures = Figures(_tool.Read("report.html"));
        JsonArray cells = results["cells"]!.AsArray();
        Assert.Equal(cells.Select(c => (int)c!["trains"]! / 2.0), figures[0]["data"]![0]!["marker"]!["color"]!.AsArray().Select(v => (double)v!));
        Assert.Equal(cells.Select(c => (double?)c!["test_accuracy"]!["mean"]), figures[1]["data"]![0]!["marker"]!["color"]!.AsArray().Select(v => (double?)v));
        Assert.Equal("✕", (string?)figures[0]["data"]![0]!["text"]![2]);
        Assert.Contains("<rect", _tool.Read("map.svg"), StringComparison.Ordinal);

        (string page, string[] console) = Browser.Open(Path.Combine(_tool.Folder, "report.html"));

        Assert.Empty(console);
        Assert.Equal(2 * 6, Count(page, "class=\"shape-group\""));
    }

    [Theory]
    [InlineData("train", "--epochs", "2", "--set", "data.n_train=200")]
    [InlineData("compare", "--seeds", "2", "--epochs", "2", "--set", "data.n_train=200")]
    [InlineData("sweep", "--seeds", "1", "--epochs", "1", "--set", "data.n_train=200")]
    [InlineData("experiment", "invariances")]
    [InlineData("experiment", "pre-vs-post-ln")]
    public void Report_NarrowOrWide_FitsThePage(params string[] arguments)
    {
        ToolResult result = _tool.Run([.. arguments, "--report", "report.html"]);
        Assert.True(result.ExitCode is 0 or 3, result.Error);

        int charts = Figures(_tool.Read("report.html")).Length;
        Assert.Equal(
            [$"page 1600 charts fit drawn {charts}", $"page 400 charts fit drawn {charts}"],
            Browser.Measure(Path.Combine(_tool.Folder, "report.html"), 400, 1600));
    }

    private ToolResult Compare(params string[] arguments) =>
        _tool.Run(["compare", "--seeds", "3", "--epochs", "3", "--set", "data.n_train=200", "--report", "report.html", "--svg", "picture.svg", .. arguments]).Expect(0);

    private static JsonNode[] Figures(string html) => [.. Data().Matches(html).Select(m => JsonNode.Parse(m.Groups[1].Value)!)];

    // The curves of each chart in order, a band's edges before its line.
    private static string[][] Curves(JsonNode probes)
    {
        JsonNode[] layers = [.. probes["layers"]!.AsArray().Select(l => l!)];
        JsonNode[] weights = [layers[0]["parameters"]![0]!, layers[3]["parameters"]![0]!];
        return
        [
            [Text(probes, "training_loss"), Text(probes, "evaluation_loss")],
            .. ((JsonNode[])[layers[0], layers[1], layers[3]]).Select(l => ((string[])["p15", "p85", "p50", "p95", "p5"]).Select(p => Text(l, p)).ToArray()),
            [Text(layers[2], "dead_share")],
            [.. layers.Select(l => Text(l, "gradient_rms"))],
            [.. weights.Select(w => Text(w, "update_ratio"))],
            [.. weights.Select(w => Text(w, "norm"))],
            [Text(weights[0], "effective_learning_rate")],
            [Text(layers[1], "mean_drift"), Text(layers[1], "variance_drift")],
            [.. layers.Select(l => Text(l, "cosine"))],
        ];

        static string Text(JsonNode node, string name) => node[name]!.ToJsonString();
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static string Timeless(string html) => Seconds().Replace(html, "in some s");

    [GeneratedRegex("<script type=\"application/json\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();

    [GeneratedRegex("<script.*?</script>", RegexOptions.Singleline)]
    private static partial Regex Scripts();

    [GeneratedRegex(@"in \d+\.\d\d s")]
    private static partial Regex Seconds();
}
