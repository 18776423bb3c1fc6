using System.Globalization;
using System.Text.Json.Nodes;

namespace NormLayers.Lab.Charts;

/// <summary>A chart as Plotly.js takes it: traces and layout.</summary>
internal static class PlotlyFigure
{
    /// <summary>Markers of a curve; a set of more points has small ones.</summary>
    internal const int MarkedPoints = 40;

    private const double HalfCell = 0.48;
    private const string GuideColor = "#8a9099";

    public static JsonObject From(Chart chart) => new()
    {
        ["data"] = chart switch
        {
            LineChart lines => new JsonArray([.. lines.Series.SelectMany(s => Traces(s, lines.X))]),
            HeatMap map => new JsonArray(Cells(map)),
            _ => throw new ArgumentException($"A {chart.GetType().Name} cannot be drawn.", nameof(chart)),
        },
        ["layout"] = new JsonObject
        {
            ["font"] = new JsonObject { ["family"] = "system-ui, 'Segoe UI', Arial, sans-serif", ["size"] = 13 },
            ["paper_bgcolor"] = "rgba(0,0,0,0)",
            ["plot_bgcolor"] = "rgba(0,0,0,0)",
            ["margin"] = new JsonObject { ["l"] = 64, ["r"] = 16, ["t"] = 36, ["b"] = 8 },
            ["hovermode"] = chart is HeatMap ? "closest" : "x",
            ["showlegend"] = chart is LineChart,
            ["legend"] = new JsonObject { ["orientation"] = "h", ["x"] = 0, ["y"] = 0, ["yref"] = "container", ["yanchor"] = "bottom" },
            ["modebar"] = new JsonObject { ["bgcolor"] = "rgba(0,0,0,0)", ["color"] = "#8a9099", ["activecolor"] = "#0072b2" },
            ["xaxis"] = ToJson(chart.X, grid: chart is LineChart, chart is LineChart { Series: { } x } ? x.SelectMany(s => s.X) : []),
            ["yaxis"] = ToJson(chart.Y, grid: chart is LineChart, chart is LineChart { Series: { } y } ? y.SelectMany(s => s.Y.Concat(s.Low ?? []).Concat(s.High ?? [])) : []),
            ["hoverdistance"] = chart is HeatMap ? -1 : 20,
            ["shapes"] = chart is HeatMap cells ? Rectangles(cells) : chart is LineChart { Guide: { } line } ? new JsonArray(Line(line)) : [],
            ["annotations"] = chart is LineChart { Guide: { } guide } ? new JsonArray(Label(guide, chart.Y)) : [],
        },
    };

    private static JsonObject ToJson(Axis axis, bool grid, IEnumerable<double> values)
    {
        JsonObject json = new()
        {
            ["title"] = new JsonObject { ["text"] = Escape(axis.Title), ["standoff"] = 8 },
            ["type"] = axis.Log ? "log" : "linear",
            ["automargin"] = true,
            ["zeroline"] = false,
            ["showgrid"] = grid,
        };
        if (axis.Log)
        {
            // 0.01, 0.1, 1 rather than 10m, 100m, 1; where powers of ten are many, about eight of them, where they are few, 2 and 5 times
            // them too, and below that Plotly's choice.
            json["exponentformat"] = "power";
            double[] drawn = [.. values.Where(v => v > 0 && double.IsFinite(v))];
            switch (drawn.Length == 0 ? 0 : Math.Log10(drawn.Max() / drawn.Min()))
            {
                case >= 2 and var decades:
                    json["dtick"] = Math.Ceiling(decades / 8);
                    break;
                case >= 0.5:
                    double[] ticks = [.. OneTwoFive(drawn.Min(), drawn.Max())];
                    json["tickvals"] = Numbers(ticks);
                    json["ticktext"] = Texts([.. ticks.Select(t => t.ToString(t is >= 1e-3 and < 1e6 ? "0.###" : "0E+0", CultureInfo.InvariantCulture))]);
                    break;
            }
        }

        if (axis.Labels is { } labels)
        {
            json["tickvals"] = Numbers([.. Enumerable.Range(0, labels.Count).Select(i => (double)i)]);
            json["ticktext"] = Texts(labels);
            json["range"] = Numbers([-0.5, labels.Count - 0.5]);
        }
        else if (axis.Minimum is not null || axis.Maximum is not null)
        {
            json["range"] = new JsonArray(Bound(axis.Minimum, axis.Log), Bound(axis.Maximum, axis.Log));
            json["autorange"] = axis.Minimum is null ? "min" : axis.Maximum is null ? "max" : false;
        }

        return json;
    }

    // Plotly's own ticks at 2 and 5 times a power of ten show the 2 and the 5 alone, also where no power of ten is beside them.
    private static IEnumerable<double> OneTwoFive(double least, double most) =>
        from power in Enumerable.Range((int)Math.Floor(Math.Log10(least)), 4)
        from digit in (int[])[1, 2, 5]
        let tick = double.Parse(FormattableString.Invariant($"{digit}E{power}"), CultureInfo.InvariantCulture)
        where tick >= least / 2 && tick <= most * 2
        select tick;

    private static JsonNode? Bound(double? value, bool log) => value is { } v ? log ? Math.Log10(v) : v : null;

    private static IEnumerable<JsonNode> Traces(Series series, Axis x)
    {
        if (series is { Joined: true, Low: { } low, High: { } high })
        {
            yield return Edge(series, low, null);
            yield return Edge(series, high, "tonexty");
        }

        JsonObject trace = new()
        {
            ["type"] = "scatter",
            ["name"] = Escape(series.Name),
            ["mode"] = series.Joined ? "lines+markers" : "markers",
            ["x"] = Numbers(series.X),
            ["y"] = Numbers(series.Y),
            ["line"] = new JsonObject { ["color"] = series.Style.Color, ["dash"] = series.Style.Dash, ["width"] = 2 },
            ["marker"] = new JsonObject { ["color"] = series.Style.Color, ["symbol"] = series.Style.Marker, ["size"] = series.Joined || series.X.Count > MarkedPoints ? 6 : 11, ["maxdisplayed"] = series.Joined ? MarkedPoints : 0 },
            ["legendgroup"] = series.Name,
        };
        if (series is { Joined: false, Low: { } below, High: { } above })
        {
            trace["error_y"] = new JsonObject
            {
                ["type"] = "data",
                ["symmetric"] = false,
                ["array"] = Numbers([.. above.Zip(series.Y, (h, y) => h - y)]),
                ["arrayminus"] = Numbers([.. series.Y.Zip(below, (y, l) => y - l)]),
                ["color"] = series.Style.Color,
            };
        }

        yield return trace;
    }

    // A band is what lies between two lines that are not drawn.
    private static JsonObject Edge(Series series, IReadOnlyList<double> bound, string? fill)
    {
        JsonObject trace = new()
        {
            ["type"] = "scatter",
            ["mode"] = "lines",
            ["x"] = Numbers(series.X),
            ["y"] = Numbers(bound),
            ["line"] = new JsonObject { ["width"] = 0 },
            ["hoverinfo"] = "skip",
            ["showlegend"] = false,
            ["legendgroup"] = series.Name,
        };
        if (fill is not null)
        {
            trace["fill"] = fill;
            trace["fillcolor"] = series.Style.Color + "33";
        }

        return trace;
    }

    // The basic bundle has no heat maps: rectangles have the colours, and points that are not drawn have the marks, the texts and the scale.
    private static JsonObject Cells(HeatMap map)
    {
        (int Row, int Column)[] cells = [.. map.Cells];
        return new JsonObject
        {
            ["type"] = "scatter",
            ["name"] = Escape(map.ValueTitle),
            ["mode"] = "markers+text",
            ["x"] = Numbers([.. cells.Select(c => (double)c.Column)]),
            ["y"] = Numbers([.. cells.Select(c => (double)c.Row)]),
            ["text"] = Texts([.. cells.Select(c => map.Marks[c.Row][c.Column])]),
            ["textfont"] = new JsonObject { ["color"] = Texts([.. cells.Select(c => map.InkOf(map.Values[c.Row][c.Column]))]), ["size"] = 16 },
            ["hovertext"] = Texts([.. cells.Select(c => map.Details[c.Row][c.Column])]),
            ["hoverinfo"] = "text",
            ["marker"] = new JsonObject
            {
                ["opacity"] = 0,
                ["color"] = Numbers([.. cells.Select(c => map.Values[c.Row][c.Column])]),
                ["colorscale"] = "Cividis",
                ["cmin"] = map.Minimum,
                ["cmax"] = map.Maximum,
                ["showscale"] = true,
                ["colorbar"] = new JsonObject { ["title"] = new JsonObject { ["text"] = Escape(map.ValueTitle), ["side"] = "right" }, ["thickness"] = 14 },
            },
        };
    }

    private static JsonArray Rectangles(HeatMap map) => new([.. map.Cells.Select(c => new JsonObject
    {
        ["type"] = "rect",
        ["layer"] = "below",
        ["x0"] = c.Column - HalfCell,
        ["x1"] = c.Column + HalfCell,
        ["y0"] = c.Row - HalfCell,
        ["y1"] = c.Row + HalfCell,
        ["fillcolor"] = map.ColorOf(map.Values[c.Row][c.Column]),
        ["line"] = new JsonObject { ["width"] = 0 },
    })]);

    private static JsonObject Line(Guide guide) => new()
    {
        ["type"] = "line",
        ["layer"] = "below",
        ["xref"] = "paper",
        ["x0"] = 0,
        ["x1"] = 1,
        ["y0"] = guide.Value,
        ["y1"] = guide.Value,
        ["line"] = new JsonObject { ["color"] = GuideColor, ["width"] = 2, ["dash"] = "dash" },
    };

    // Unlike a shape, an annotation on a logarithmic axis is placed at the logarithm.
    private static JsonObject Label(Guide guide, Axis axis) => new()
    {
        ["text"] = Escape(guide.Name),
        ["showarrow"] = false,
        ["xref"] = "paper",
        ["x"] = 1,
        ["xanchor"] = "right",
        ["y"] = Bound(guide.Value, axis.Log),
        ["yanchor"] = "bottom",
    };

    // JSON has no NaN; null is Plotly's gap.
    private static JsonArray Numbers(IReadOnlyList<double> values) =>
        new([.. values.Select(v => double.IsFinite(v) ? JsonValue.Create(v) : null)]);

    private static JsonArray Texts(IReadOnlyList<string> values) => new([.. values.Select(v => JsonValue.Create(Escape(v)))]);

    // Plotly reads some HTML in its texts.
    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
