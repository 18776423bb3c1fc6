using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Trials;

/// <summary>The report of a sweep: maps of what trains.</summary>
public static class SweepReport
{
    /// <summary>What the report says.</summary>
    /// <param name="result">The sweep.</param>
    /// <param name="configuration">The configuration to show; null shows what all points share.</param>
    public static LabReport From(SweepResult result, JsonObject? configuration = null)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new LabReport
        {
            Title = "Sweep of " + string.Join(", ", result.Grid.Axes.Select(a => NameOf(a))),
            Words = [.. Describe(result)],
            Summary = Summarize(result),
            Tables = [DataTable.From(result.Data)],
            Charts =
            [
                Map(
                    result,
                    "What trains",
                    "The share of the seeds that train. ✕: most seeds diverge; –: most stall, finite but above half of the loss of guessing.",
                    "share of seeds that train",
                    c => c.Outcome is null ? double.NaN : (double)c.Count(SweepOutcome.Trains) / c.Trials.Count),
                Map(
                    result,
                    "Test accuracy",
                    "The mean share of correct test samples over the seeds that did not diverge; grey where all did.",
                    "test accuracy",
                    c => c.Estimate(t => t.TestAccuracy).Mean),
            ],
            Configuration = configuration ?? result.Grid.Options.ToJson(),
        };
    }

    private static IEnumerable<string> Describe(SweepResult result)
    {
        yield return $"{Phrases.Count(result.Cells.Count, "cell")} of {Phrases.Count(result.Seeds.Count, "seed")} each: " +
            $"{CountOf(result, SweepOutcome.Trains)} train, {CountOf(result, SweepOutcome.Stalls)} stall, {CountOf(result, SweepOutcome.Diverges)} diverge, by what most of their seeds do.";
        if (result.Done < result.Total)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"The sweep is not finished: {result.Done} of {result.Total} trials are done.");
        }

        if (DataTable.Describe(result.Data) is { } data)
        {
            yield return data;
        }
    }

    private static int CountOf(SweepResult result, SweepOutcome outcome) => result.Cells.Count(c => c.Outcome == outcome);

    // One row a value of the first axis, which is the mode where modes are swept.
    private static Table Summarize(SweepResult result) => new(
        [result.Grid.Axes.Count == 0 ? string.Empty : NameOf(result.Grid.Axes[0]), "cells that train", "stall", "diverge"],
        [.. result.Cells.GroupBy(c => c.Values.Count == 0 ? "all" : c.Values[0]).Select(g => (string[])
        [
            g.Key,
            .. Enum.GetValues<SweepOutcome>().Order().Select(o => g.Count(c => c.Outcome == o).ToString(CultureInfo.InvariantCulture)),
        ])]);

    private static HeatMap Map(SweepResult result, string title, string words, string valueTitle, Func<SweepCell, double> value)
    {
        IReadOnlyList<SweepAxis> axes = result.Grid.Axes;
        int across = Enumerable.Range(0, axes.Count).OrderByDescending(i => axes[i].Values.Count).FirstOrDefault(-1);
        int[] down = [.. Enumerable.Range(0, axes.Count).Where(i => i != across)];
        SweepCell[][] rows = [.. result.Cells.GroupBy(c => string.Join(", ", down.Select(i => c.Values[i]))).Select(g => g.ToArray())];
        return new HeatMap
        {
            Title = title,
            Words = words,
            X = new Axis(across < 0 ? string.Empty : NameOf(axes[across])) { Labels = across < 0 ? ["all"] : axes[across].Values },
            Y = new Axis(string.Join(", ", down.Select(i => NameOf(axes[i])))) { Labels = [.. rows.Select(r => string.Join(", ", down.Select(i => r[0].Values[i])))] },
            ValueTitle = valueTitle,
            Values = [.. rows.Select(r => r.Select(value).ToArray())],
            Marks = [.. rows.Select(r => r.Select(Mark).ToArray())],
            Details = [.. rows.Select(r => r.Select(c => Detail(c, result)).ToArray())],
        };
    }

    private static string NameOf(SweepAxis axis) => axis.Name.Replace('_', ' ');

    private static string Mark(SweepCell cell) => cell.Outcome switch
    {
        SweepOutcome.Diverges => "✕",
        SweepOutcome.Stalls => "–",
        null => "?",
        _ => string.Empty,
    };

    private static string Detail(SweepCell cell, SweepResult result)
    {
        string counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{cell.Count(SweepOutcome.Trains)} train, {cell.Count(SweepOutcome.Stalls)} stall, {cell.Count(SweepOutcome.Diverges)} diverge");
        return result.DescribeDivergence(cell) is { } reason ? $"{counts}; {reason}" : counts;
    }
}
