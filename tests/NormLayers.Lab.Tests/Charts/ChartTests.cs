using System.Text;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using NormLayers.Cli.Tests.Support;
using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Tests.Charts;

public sealed class ChartTests
{
    private static readonly LineChart _lines = new()
    {
        Title = "Loss <b>",
        Words = "It falls & rises.",
        X = new Axis("epoch"),
        Y = new Axis("loss", Log: true),
        Series =
        [
            new Series("a", [1, 2, 3], [0.5, double.NaN, 0.125], [0.4, 0.3, 0.1], [0.6, 0.5, 0.2]),
            new Series("b", [2, 4], [1, 2]) { Style = SeriesStyle.Vermillion, Joined = false },
        ],
    };

    private static readonly HeatMap _map = new()
    {
        Title = "Stability",
        Words = "The right column diverges.",
        X = new Axis("learning rate") { Labels = ["0.1", "1"] },
        Y = new Axis("mode") { Labels = ["none", "batchnorm", "layernorm"] },
        ValueTitle = "accuracy",
        Values = [[0.9, double.NaN], [0.8, 0.85], [0.7, double.PositiveInfinity]],
        Marks = [["", "✕"], ["", ""], ["", "✕"]],
        Details = [["trains", "diverges at step 3"], ["trains", "trains"], ["trains", "diverges at step 9"]],
    };

    [Fact]
    public void ToTable_Lines_ListsEachPlaceOnceAndLeavesGapsEmpty()
    {
        Table table = _lines.ToTable();

        Assert.Equal(["epoch", "a", "a, low", "a, high", "b"], table.Header);
        Assert.Equal(
            ["1|0.5|0.4|0.6|", "2|not finite|0.3|0.5|1", "3|0.125|0.1|0.2|", "4||||2"],
            table.Rows.Select(r => string.Join('|', r)));
    }

    [Fact]
    public void ToTable_HeatMap_ListsEachCellByItsNames()
    {
        Table table = _map.ToTable();

        Assert.Equal(["mode", "learning rate", "accuracy", "what happened"], table.Header);
        Assert.Equal(6, table.Rows.Count);
        Assert.Equal(["none", "1", "not finite", "diverges at step 3"], table.Rows[1]);
        Assert.Equal(["batchnorm", "1", "0.85", "trains"], table.Rows[3]);
    }

    [Theory]
    [InlineData(2, 3, null, null)]
    [InlineData(2, 2, 2, null)]
    [InlineData(2, 2, 1, 1)]
    public void Series_ListsOfDifferentLength_AreRefused(int x, int y, int? low, int? high) => Assert.Throws<ArgumentException>(
        () => new Series("a", new double[x], new double[y], low is { } l ? new double[l] : null, high is { } h ? new double[h] : null));

    [Fact]
    public void Styles_EachOfSeven_DiffersInColourDashAndMarker()
    {
        SeriesStyle[] styles = [.. Enumerable.Range(0, 7).Select(SeriesStyle.At)];

        Assert.Equal(7, styles.Select(s => s.Color).Distinct().Count());
        Assert.Equal(7, styles.Select(s => s.Dash).Distinct().Count());
        Assert.Equal(7, styles.Select(s => s.Marker).Distinct().Count());
        Assert.Equal(21, Enumerable.Range(0, 21).Select(i => (SeriesStyle.At(i).Color, SeriesStyle.At(i).Dash)).Distinct().Count());
        Assert.Equal(21, Enumerable.Range(0, 21).Select(i => (SeriesStyle.At(i).Color, SeriesStyle.At(i).Marker)).Distinct().Count());
        Assert.Same(styles[0], SeriesStyle.At(21));
    }

    [Fact]
    public void From_Lines_DrawsGapsAsNullAndBandsAsTwoEdges()
    {
        JsonObject figure = PlotlyFigure.From(_lines);

        JsonArray data = figure["data"]!.AsArray();
        Assert.Equal(4, data.Count);
        Assert.Equal("[0.4,0.3,0.1]", data[0]!["y"]!.ToJsonString());
        Assert.Equal("tonexty", (string?)data[1]!["fill"]);
        Assert.Equal("[0.5,null,0.125]", data[2]!["y"]!.ToJsonString());
        Assert.Equal("markers", (string?)data[3]!["mode"]);
        Assert.Equal("log", (string?)figure["layout"]!["yaxis"]!["type"]);
    }

    [Fact]
    public void From_HeatMap_DrawsEachCellInTheColourOfItsValue()
    {
        JsonObject figure = PlotlyFigure.From(_map);

        JsonNode trace = figure["data"]![0]!;
        Assert.Equal("[0.9,null,0.8,0.85,0.7,null]", trace["marker"]!["color"]!.ToJsonString());
        Assert.Equal("✕", (string?)trace["text"]![1]);
        JsonArray cells = figure["layout"]!["shapes"]!.AsArray();
        Assert.Equal(6, cells.Count);
        Assert.Equal(_map.ColorOf(0.85), (string?)cells[3]!["fillcolor"]);
        Assert.Equal(1, ((double)cells[3]!["x0"]! + (double)cells[3]!["x1"]!) / 2, 12);
    }

    [Theory]
    [InlineData(-1, "#00204D", "#FFFFFF")]
    [InlineData(0, "#00204D", "#FFFFFF")]
    [InlineData(1, "#FFEA46", "#000000")]
    [InlineData(double.NaN, "#A0A6AD", "#000000")]
    public void ColorOf_Value_RunsFromDarkToLightAndGreyWithoutAValue(double value, string color, string ink)
    {
        Assert.Equal(color, _map.ColorOf(value));
        Assert.Equal(ink, _map.InkOf(value));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ToUtf8_Svg_IsXmlWithTitleAndWordsAndTheSameBytesEachTime(bool lines)
    {
        Chart chart = lines ? _lines : _map;

        byte[] picture = SvgPicture.ToUtf8(chart);
        XElement svg = XElement.Parse(Encoding.UTF8.GetString(picture));

        XNamespace ns = "http://www.w3.org/2000/svg";
        Assert.Equal(chart.Title, svg.Element(ns + "title")!.Value);
        Assert.Equal(chart.Words, svg.Element(ns + "desc")!.Value);
        Assert.Contains(svg.Descendants(ns + "text"), t => t.Value.Contains(chart.X.Title, StringComparison.Ordinal));
        Assert.True(svg.Descendants(ns + (lines ? "polyline" : "rect")).Count() > 6);
        Assert.Equal(picture, SvgPicture.ToUtf8(chart));
    }

    [Fact]
    public void ToUtf8_SvgWithNames_KeepsTheAxisTitleClearOfThem()
    {
        // Arial's letters are half as wide as high on average, a little more in these words.
        const double WidestLetter = 7;
        XElement svg = XElement.Parse(Encoding.UTF8.GetString(SvgPicture.ToUtf8(_map)));
        XElement[] texts = [.. svg.Descendants().Where(e => e.Name.LocalName == "text")];
        double title = Left(texts.Single(t => t.Value == "mode"));

        Assert.True(title > 12);
        Assert.All(_map.Y.Labels!, label => Assert.True(title < Left(texts.Single(t => t.Value == label)) - WidestLetter * label.Length));

        static double Left(XElement text) =>
            double.Parse(((string)text.Attribute("transform")!).Split('(', ',')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData(0.1, 1000, "1")]
    [InlineData(1e-9, 1e7, "2")]
    [InlineData(50, 2000, null, "50", "100", "200", "500", "1000", "2000")]
    [InlineData(2e-5, 1e-4, null, "1E-5", "2E-5", "5E-5", "1E-4", "2E-4")]
    [InlineData(0.9, 1, null)]
    public void From_LogarithmicAxis_HasAsManyTicksAsItNeeds(double least, double most, string? decades, params string[] ticks)
    {
        LineChart chart = _lines with { Series = [new Series("a", [1, 2, 3], [least, double.NaN, most])] };
        JsonNode axis = PlotlyFigure.From(chart)["layout"]!["yaxis"]!;

        Assert.Equal(decades, axis["dtick"]?.ToJsonString());
        Assert.Equal(ticks, axis["ticktext"] is JsonArray texts ? [.. texts.Select(t => (string)t!)] : (string[])[]);
    }

    [Fact]
    public void From_Guide_StandsAtItsValueAndItsNameAtTheLogarithm()
    {
        JsonNode layout = PlotlyFigure.From(_lines with { Guide = new Guide(0.01, "a <limit>") })["layout"]!;

        Assert.Equal((0.01, 0.01), ((double)layout["shapes"]![0]!["y0"]!, (double)layout["shapes"]![0]!["y1"]!));
        Assert.Equal(-2, (double)layout["annotations"]![0]!["y"]!);
        Assert.Equal("a &lt;limit>", (string?)layout["annotations"]![0]!["text"]);
        Assert.Contains("a &lt;limit&gt;", Encoding.UTF8.GetString(SvgPicture.ToUtf8(_lines with { Guide = new Guide(0.2, "a <limit>") })), StringComparison.Ordinal);
    }

    [Fact]
    public void ToUtf8_SvgOfAHeatMap_HasEachCellWhole()
    {
        XElement svg = XElement.Parse(Encoding.UTF8.GetString(SvgPicture.ToUtf8(_map)));

        string[] colors = [.. _map.Cells.Select(c => _map.ColorOf(_map.Values[c.Row][c.Column])).Distinct()];
        foreach (string color in colors)
        {
            string fill = $"fill:rgb({Convert.ToInt32(color[1..3], 16)},{Convert.ToInt32(color[3..5], 16)},{Convert.ToInt32(color[5..7], 16)})";
            XElement[] cells = [.. svg.Descendants().Where(e => e.Name.LocalName == "rect" && ((string?)e.Attribute("style") ?? "").StartsWith(fill, StringComparison.Ordinal))];
            Assert.Contains(cells, c => (double)c.Attribute("width")! > 200 && (double)c.Attribute("height")! > 80);
        }
    }

    [Fact]
    public void ToUtf8_TextsWithMarkup_AreEscapedEverywhere()
    {
        const string Evil = "</script><script>alert('x')</script>\"<img src=x onerror=alert(1)>&";
        LabReport report = new()
        {
            Title = Evil,
            Words = [Evil],
            Summary = new Table([Evil], [[Evil]]),
            Charts =
            [
                _lines with { Title = Evil, Words = Evil, X = new Axis(Evil), Series = [new Series(Evil, [1], [1])] },
                _map with { X = new Axis(Evil) { Labels = [Evil, Evil] }, ValueTitle = Evil, Details = _map.Marks, Marks = [[Evil, Evil], [Evil, Evil], [Evil, Evil]] },
            ],
            Configuration = new JsonObject { [Evil] = Evil },
        };

        string html = Encoding.UTF8.GetString(HtmlReport.ToUtf8(report));

        Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        Assert.Contains("&lt;/script&gt;", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", Encoding.UTF8.GetString(SvgPicture.ToUtf8(report.Charts[0])), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Subject", "page")]
    public void ToUtf8_EveryKindOfChart_DrawsInABrowser()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("normlayers-tests-").FullName, "every.html");
        try
        {
            File.WriteAllBytes(path, HtmlReport.ToUtf8(Every));

            (string page, string[] console) = Browser.Open(path);

            Assert.Empty(console);
            Assert.Equal(3, Count(page, "data-drawn=\"true\""));
            Assert.Equal(1, Count(page, "class=\"js-fill\""));
            Assert.Equal(2, Count(page, "class=\"yerror\""));
            Assert.Equal(6, Count(page, "class=\"shape-group\""));
            Assert.Equal(1, Count(page, "class=\"cbfills\""));
            Assert.Contains(">✕</text>", page, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }

        static int Count(string text, string part) => text.Split(part).Length - 1;
    }

    private static LabReport Every { get; } = new()
    {
        Title = "Every kind of chart",
        Words = ["Lines with a band, points with intervals, a map."],
        Summary = new Table(["what", "value"], [["one", "1"]]),
        Charts =
        [
            _lines,
            _lines with
            {
                X = new Axis("mode") { Labels = ["none", "batchnorm"] },
                Y = new Axis("accuracy") { Maximum = 1 },
                Series = [new Series("mean and 95 % interval", [0, 1], [0.8, 0.9], [0.7, 0.85], [0.9, 0.95]) { Joined = false }],
            },
            _map,
        ],
        Configuration = [],
    };

    [Fact]
    public void Series_WithoutListsOrAPlace_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>("index", () => SeriesStyle.At(-1));
        Assert.Throws<ArgumentNullException>("x", () => new Series("a", null!, []));
    }
}
