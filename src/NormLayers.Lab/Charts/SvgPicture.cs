using System.Text;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace NormLayers.Lab.Charts;

/// <summary>Draws one chart as an SVG file, for documents: black on white, with a title and a description for who cannot see it.</summary>
public static class SvgPicture
{
    private const int Width = 760;
    private const int Height = 440;
    private const double Padding = 0.03;
    private const double WidestLetter = 7;

    // The exporter takes texts for narrower than browsers draw them; so much for each letter.
    private const double UnmeasuredWidth = 3;
    private const double HalfCell = 0.48;
    private const string FontFamily = "Arial, Helvetica, sans-serif";
    private static readonly OxyColor _grid = OxyColor.FromRgb(0xD5, 0xD9, 0xDE);

    /// <summary>The picture: the same chart gives the same bytes.</summary>
    /// <param name="chart">What it shows.</param>
    /// <returns>The picture, in UTF-8.</returns>
    public static byte[] ToUtf8(Chart chart)
    {
        ArgumentNullException.ThrowIfNull(chart);
        PlotModel plot = new()
        {
            Title = chart.Title,
            DefaultFont = FontFamily,
            TitleFontSize = 15,
            Background = OxyColors.White,
            PlotAreaBorderColor = OxyColors.Gray,
            PlotMargins = new OxyThickness(MarginFor(chart.Y), double.NaN, chart is HeatMap ? 70 : double.NaN, double.NaN),
        };
        plot.Axes.Add(ToAxis(chart.X, AxisPosition.Bottom));
        plot.Axes.Add(ToAxis(chart.Y, AxisPosition.Left));
        if (chart is LineChart lines)
        {
            AddTo(plot, lines);
        }
        else if (chart is HeatMap map)
        {
            AddTo(plot, map);
        }

        string svg = new SvgExporter { Width = Width, Height = Height, IsDocument = false, UseVerticalTextAlignmentWorkaround = true }.ExportToString(plot);
        return Encoding.UTF8.GetBytes(Describe(svg, chart));
    }

    // The exporter knows neither title nor description; its document type names an address that nothing here needs.
    private static string Describe(string svg, Chart chart)
    {
        int start = svg.IndexOf("<svg ", StringComparison.Ordinal);
        int end = svg.IndexOf('>', start) + 1;
        string described = $"<title id=\"title\">{HtmlReport.Escape(chart.Title)}</title><desc id=\"words\">{HtmlReport.Escape(chart.Words)}</desc>";
        return $"<svg role=\"img\" aria-labelledby=\"title words\" {svg[(start + "<svg ".Length)..end]}{described}{svg[end..]}";
    }

    private static OxyPlot.Axes.Axis ToAxis(Axis axis, AxisPosition position)
    {
        OxyPlot.Axes.Axis result = axis switch
        {
            { Labels: { } labels } => new CategoryAxis { ItemsSource = labels, GapWidth = 0 },
            { Log: true } => new LogarithmicAxis(),
            _ => new LinearAxis(),
        };
        result.Position = position;
        result.Title = axis.Title;
        result.MajorGridlineStyle = LineStyle.Solid;
        result.MajorGridlineColor = _grid;
        result.Minimum = axis.Labels is null ? axis.Minimum ?? double.NaN : -0.5;
        result.Maximum = axis.Labels is null ? axis.Maximum ?? double.NaN : axis.Labels.Count - 0.5;
        result.AxisTitleDistance = position == AxisPosition.Left ? 14 + UnmeasuredWidth * (axis.Labels?.Max(l => l.Length) ?? 0) : 8;
        result.MaximumPadding = Padding;
        return result;
    }

    private static void AddTo(PlotModel plot, LineChart chart)
    {
        plot.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside,
            LegendPosition = LegendPosition.BottomCenter,
            LegendOrientation = LegendOrientation.Horizontal,
            LegendColumnSpacing = 24,
        });
        if (chart.Guide is { } guide)
        {
            plot.Annotations.Add(new LineAnnotation { Type = LineAnnotationType.Horizontal, Y = guide.Value, Text = guide.Name, Color = OxyColors.Gray, LineStyle = LineStyle.Dash });
        }

        foreach (Series series in chart.Series)
        {
            OxyColor color = OxyColor.Parse(series.Style.Color);
            if (series is { Joined: true, Low: { } low, High: { } high })
            {
                AreaSeries band = new() { Color = OxyColors.Transparent, Fill = OxyColor.FromAColor(50, color), RenderInLegend = false };
                band.Points.AddRange(series.X.Zip(low, (x, y) => new DataPoint(x, y)));
                band.Points2.AddRange(series.X.Zip(high, (x, y) => new DataPoint(x, y)));
                plot.Series.Add(band);
            }

            LineSeries line = new()
            {
                Title = Pad(series.Name),
                Color = color,
                StrokeThickness = series.Joined ? 2 : 0,
                LineStyle = series.Joined ? ToLineStyle(series.Style.Dash) : LineStyle.None,
                MarkerType = ToMarker(series.Style.Marker),
                MarkerSize = series.Joined || series.X.Count > PlotlyFigure.MarkedPoints ? 3 : 6,
                MarkerFill = color,
                MarkerStroke = color,
            };
            line.Points.AddRange(series.X.Zip(series.Y, (x, y) => new DataPoint(x, y)));
            plot.Series.Add(line);
            if (series is { Joined: false, Low: { } below, High: { } above })
            {
                for (int i = 0; i < series.X.Count; i++)
                {
                    LineSeries interval = new() { Color = color, StrokeThickness = 2, RenderInLegend = false };
                    interval.Points.AddRange([new DataPoint(series.X[i], below[i]), new DataPoint(series.X[i], above[i])]);
                    plot.Series.Add(interval);
                }
            }
        }
    }

    private static void AddTo(PlotModel plot, HeatMap map)
    {
        plot.Axes.Add(new LinearColorAxis { Position = AxisPosition.Right, Palette = OxyPalettes.Cividis(256), Title = map.ValueTitle, AxisTitleDistance = 14, Minimum = map.Minimum, Maximum = map.Maximum });
        foreach ((int row, int column) in map.Cells)
        {
            double value = map.Values[row][column];
            plot.Annotations.Add(new RectangleAnnotation
            {
                MinimumX = column - HalfCell,
                MaximumX = column + HalfCell,
                MinimumY = row - HalfCell,
                MaximumY = row + HalfCell,
                Fill = OxyColor.Parse(map.ColorOf(value)),
                Text = map.Marks[row][column],
                TextColor = OxyColor.Parse(map.InkOf(value)),
                FontSize = 16,
            });
        }
    }

    private static double MarginFor(Axis axis) => axis.Labels is null ? 70 : 50 + WidestLetter * axis.Labels.Max(l => l.Length);

    // For the same reason it clips the last name of a legend.
    private static string Pad(string name) => name + new string(' ', name.Length / 2);

    private static LineStyle ToLineStyle(string dash) => dash switch
    {
        "solid" => LineStyle.Solid,
        "dash" => LineStyle.Dash,
        "dashdot" => LineStyle.DashDot,
        "dot" => LineStyle.Dot,
        "longdash" => LineStyle.LongDash,
        "longdashdot" => LineStyle.LongDashDot,
        _ => LineStyle.DashDotDot,
    };

    private static MarkerType ToMarker(string marker) => marker switch
    {
        "circle" => MarkerType.Circle,
        "square" => MarkerType.Square,
        "diamond" => MarkerType.Diamond,
        "triangle-up" => MarkerType.Triangle,
        "cross" => MarkerType.Plus,
        "star" => MarkerType.Star,
        _ => MarkerType.Cross,
    };
}
