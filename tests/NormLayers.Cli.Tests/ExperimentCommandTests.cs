using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Output;
using NormLayers.Cli.Tests.Support;
using NormLayers.Lab.Experiments;

namespace NormLayers.Cli.Tests;

public sealed partial class ExperimentCommandTests : IDisposable
{
    private readonly Tool _tool = new();

    public static TheoryData<string> Names => [.. ExperimentCatalog.All.Select(e => e.Name)];

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData(1, ExitCode.Success, "reproduced")]
    [InlineData(2, ExitCode.Mismatch, "not reproduced here")]
    [InlineData(double.NaN, ExitCode.Mismatch, "not reproduced here")]
    public void Experiment_MeasuredAgainstBoundsOfOne_ExitsByIt(double measured, int exitCode, string verdict)
    {
        string path = Path.Combine(_tool.Folder, "result.json");

        int code = new ExperimentCommand([new Stub(measured)]).Create().Parse(["stub", "--output", path, "-q"]).Invoke();

        Assert.Equal(exitCode, code);
        Assert.Equal(verdict, (string?)_tool.ReadJson("result.json")["verdict"]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void List_EveryExperiment_ShowsItsRecordedVerdict(string name)
    {
        string line = ExperimentText.List(ExperimentCatalog.All).ReplaceLineEndings("\n").Split('\n').Single(l => l.StartsWith(name + " ", StringComparison.Ordinal));

        Assert.Contains($" {ExperimentRecord.Find(name)!.Verdict} ", line, StringComparison.Ordinal);
    }

    [Fact]
    public void List_Json_HasEveryExperiment()
    {
        JsonArray list = JsonNode.Parse(_tool.Run("experiment", "list", "--json").Expect(0).Output)!.AsArray();

        Assert.Equal(ExperimentCatalog.All.Select(e => e.Name), list.Select(e => (string)e!["name"]!));
        Assert.All(list, e => Assert.True((double)e!["seconds"]! > 0 && (string?)e["claim"] is { Length: > 0 }));
    }

    [Fact]
    public void List_Output_IsTheFileThatJsonPrints()
    {
        ToolResult result = _tool.Run("experiment", "list", "--json", "--output", "l.json").Expect(0);

        Assert.Equal(result.Output, _tool.Read("l.json"));
        Assert.Contains("leave out --svg", _tool.Run("experiment", "list", "--svg", "l.svg").Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Experiment_UnknownName_NamesTheNearest()
    {
        ToolResult result = _tool.Run("experiment", "init-gradient").Expect(2);

        Assert.Contains("did you mean 'init-gradients'?", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Experiment_Stopped_SaysSoByItsExitCode() =>
        Assert.Equal(ExitCode.Interrupted, new ExperimentCommand([new Stub(1) { Stopped = true }]).Create().Parse(["stub"]).Invoke());

    [Theory]
    [InlineData("--output", "folder/", "--output: 'folder/' is a folder, not a file")]
    [InlineData("--report", "folder/", "--report: 'folder/' is a folder, not a file")]
    [InlineData("--data", "folder", "'invariances' uses no images; leave out --data")]
    [InlineData("--seed", "-1", "--seed: '--seed' must be an integer from 0 to 9007199254740991, got -1")]
    [InlineData("--seed", "abc", "--seed: '--seed' must be an integer from 0 to 9007199254740991, got 'abc'")]
    public void Experiment_WithWhatCannotBe_IsRefusedBeforeItRuns(string flag, string value, string expected)
    {
        ToolResult result = _tool.Run("experiment", "invariances", flag, value).Expect(2);

        Assert.Contains("error: " + expected, result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Empty(_tool.List());
    }

    [Fact]
    public void Experiment_TwoResultsInOneFile_IsRefused() => Assert.Contains(
        "error: --svg: 'one' is the file of --report; write the picture to another file",
        _tool.Run("experiment", "invariances", "--report", "one", "--svg", "one").Expect(2).Error,
        StringComparison.Ordinal);

    [Fact]
    public void Experiment_DataThatIsNotThere_IsAnErrorThatNamesTheFiles() => Assert.Contains(
        "no such folder", _tool.Run("experiment", "lr-sweep", "--data", "nowhere").Expect(2).Error, StringComparison.Ordinal);

    [Fact]
    public void Experiment_ImagesThatTellNothing_IsRefused()
    {
        foreach (string part in (string[])["train", "t10k"])
        {
            File.WriteAllBytes(Path.Combine(_tool.Folder, part + "-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 120, 0, 0, 0, 1, 0, 0, 0, 2, .. Enumerable.Repeat((byte)77, 240)]);
            File.WriteAllBytes(Path.Combine(_tool.Folder, part + "-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 120, .. Enumerable.Range(0, 120).Select(i => (byte)(i % 3))]);
        }

        Assert.Contains("an experiment shows nothing", _tool.Run("experiment", "noisy-bn", "--data", ".").Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_OfAFolder_AreReadAndAreNotTheShippedOnes()
    {
        foreach ((string part, int count) in ((string, int)[])[("train", 3), ("t10k", 2)])
        {
            File.WriteAllBytes(Path.Combine(_tool.Folder, part + "-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, (byte)count, 0, 0, 0, 1, 0, 0, 0, 2, .. Enumerable.Range(0, 2 * count).Select(i => (byte)(i % 4 < 2 ? 128 : 0))]);
            File.WriteAllBytes(Path.Combine(_tool.Folder, part + "-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, (byte)count, .. Enumerable.Range(0, count).Select(i => (byte)(i % 2))]);
        }

        ImageData images = ImageData.Load(_tool.Folder, 1);

        Assert.False(images.Shipped);
        Assert.Equal((3, 2, 2), (images.Split.Train.Count, images.Split.Test.Count, images.Split.Train.FeatureCount));
        Assert.Equal([1, 1, 0, 0, 1, 1], images.Binarize().Train.Features);
        Assert.True(ImageData.Load(ImageData.ShippedName, 1).Shipped);
    }

    [Fact]
    public void Verdict_OfAnExactExperimentOnShippedDigits_IsAnAnalogue()
    {
        Stub stub = new(1) { UsesImages = true };
        ExperimentContext context = new(1, false, TestContext.Current.CancellationToken) { Images = ImageData.Load(ImageData.ShippedName, 1) };

        Assert.Equal("reproduced as an analogue", stub.Run(context).Verdict);
        ExperimentResult unjudged = ExperimentResult.From(stub, context, [], new ExperimentTable([], []), [], []);
        Assert.Equal(("not judged", false), (unjudged.Verdict, unjudged.Passed));
        Assert.Equal("reproduced", stub.Run(context with { Images = context.Images with { Shipped = false } }).Verdict);
        Assert.Contains("apt-get install dataset-fashion-mnist", stub.Run(context).DescribeData(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("invariances")]
    [InlineData("init-rank")]
    public void Report_OfAnExperiment_HasTheNumbersOfTheResultAndDrawsInABrowser(string name)
    {
        JsonNode result = _tool.Run("experiment", name, "--report", "report.html", "--svg", "picture.svg", "--json").Expect(0).Json;

        string html = _tool.Read("report.html");
        JsonNode[] figures = [.. Data().Matches(html).Select(m => JsonNode.Parse(m.Groups[1].Value)!)];
        JsonArray charts = result["charts"]!.AsArray();
        Assert.Equal(charts.Count, figures.Length);
        foreach ((JsonNode? chart, JsonNode figure) in charts.Zip(figures))
        {
            string[] drawn = chart!["series"] is JsonArray series
                ? [.. series.Select(s => s!["y"]!.ToJsonString())]
                : [new JsonArray([.. chart["values"]!.AsArray().SelectMany(r => r!.AsArray()).Select(v => v?.DeepClone())]).ToJsonString()];
            string[] expected = [.. figure["data"]!.AsArray().Select(t => (chart["series"] is null ? t!["marker"]!["color"]! : t!["y"]!).ToJsonString())];
            Assert.Equal(expected, drawn);
        }

        foreach (JsonNode? assertion in result["assertions"]!.AsArray())
        {
            Assert.Contains($"<th scope=\"row\">{HtmlEncoder.Create(UnicodeRanges.All).Encode((string)assertion!["what"]!)}</th>", html, StringComparison.Ordinal);
        }

        Assert.Contains($"Verdict: {result["verdict"]}.", html, StringComparison.Ordinal);
        Assert.StartsWith("<svg ", _tool.Read("picture.svg"), StringComparison.Ordinal);

        (string page, string[] console) = Browser.Open(Path.Combine(_tool.Folder, "report.html"));

        Assert.Empty(console);
        Assert.Equal(charts.Count, page.Split("data-drawn=\"true\"").Length - 1);
    }

    [GeneratedRegex("<script type=\"application/json\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();

    private sealed class Stub(double measured) : IExperiment
    {
        public string Name => "stub";

        public string Paper => "none";

        public string Claim => "One is one.";

        public double Cost => 0;

        public bool Exact => true;

        public bool UsesImages { get; init; }

        public bool Stopped { get; init; }

        public ExperimentResult Run(ExperimentContext context) => Stopped
            ? throw new OperationCanceledException()
            : ExperimentResult.From(this, context, [], new(["measured"], [new("one", [measured])]), [new("one", measured, 1, 1)], []);
    }
}
