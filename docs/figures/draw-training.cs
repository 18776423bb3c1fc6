#:package OxyPlot.Core
// Draws the curves of several training runs, grouped by mode: the median over seeds as a line, the middle half of the seeds as a band.
// Usage: dotnet run draw-training.cs -- picture.svg results1.json results2.json ...
using System.Text.Json;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

// The colours of Okabe and Ito, told apart with any colour vision; each mode has its own dashes too.
(string Mode, string Title, OxyColor Color, LineStyle Style)[] modes =
[
    ("none", "none        ", OxyColor.FromRgb(0xD5, 0x5E, 0x00), LineStyle.Solid),
    ("layernorm", "layer norm    ", OxyColor.FromRgb(0x00, 0x9E, 0x73), LineStyle.Dash),
    ("batchnorm", "batch norm    ", OxyColor.FromRgb(0x00, 0x72, 0xB2), LineStyle.Solid),
];

JsonElement[] runs = [.. args[1..].Select(file => JsonDocument.Parse(File.ReadAllText(file)).RootElement)];
int seeds = runs.Count(r => r.GetProperty("mode").GetString() == "none");
PlotModel plot = new()
{
    Title = "The default training: test loss after each epoch",
    Subtitle = $"{seeds} seeds: median (line) and middle half (band), in evaluation mode",
    DefaultFont = "Arial, sans-serif",
    TitleFontSize = 15,
    SubtitleFontSize = 12,
    Background = OxyColors.White,
    PlotAreaBorderColor = OxyColors.Gray,
};
plot.Axes.Add(new LinearAxis { Position = AxisPosition.Bottom, Title = "epoch", MajorGridlineStyle = LineStyle.Dot, MinimumPadding = 0, MaximumPadding = 0 });
plot.Axes.Add(new LinearAxis { Position = AxisPosition.Left, Title = "mean cross-entropy (nats)", AxisTitleDistance = 14, MajorGridlineStyle = LineStyle.Dot, Minimum = 0 });
plot.Legends.Add(new Legend { LegendPosition = LegendPosition.RightTop, LegendPadding = 12, LegendItemSpacing = 40, LegendBackground = OxyColor.FromAColor(220, OxyColors.White) });

foreach ((string mode, string title, OxyColor color, LineStyle style) in modes)
{
    double[][] curves = [.. runs.Where(r => r.GetProperty("mode").GetString() == mode).Select(r => Numbers(r.GetProperty("history").GetProperty("test_loss")))];
    AreaSeries band = new() { Color = OxyColors.Transparent, Fill = OxyColor.FromAColor(50, color), RenderInLegend = false };
    LineSeries line = new() { Title = title, Color = color, LineStyle = style, StrokeThickness = 2 };
    for (int epoch = 0; epoch < curves[0].Length; epoch++)
    {
        double[] values = [.. curves.Select(c => c[epoch]).Order()];
        band.Points.Add(new DataPoint(epoch + 1, Quantile(values, 0.25)));
        band.Points2.Add(new DataPoint(epoch + 1, Quantile(values, 0.75)));
        line.Points.Add(new DataPoint(epoch + 1, Quantile(values, 0.5)));
    }

    plot.Series.Add(band);
    plot.Series.Add(line);
}

using FileStream picture = File.Create(args[0]);
new SvgExporter { Width = 760, Height = 400 }.Export(plot, picture);

static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(v => v.GetDouble())];

static double Quantile(double[] ordered, double share)
{
    double position = share * (ordered.Length - 1);
    int below = (int)position;
    int above = Math.Min(below + 1, ordered.Length - 1);
    return ordered[below] + (position - below) * (ordered[above] - ordered[below]);
}
