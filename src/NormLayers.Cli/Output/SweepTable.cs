using System.Globalization;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>A sweep for people: a map of what trains, and why the rest diverges.</summary>
internal static class SweepTable
{
    private const int MostColumns = 12;

    public static string Format(SweepResult result)
    {
        string[] reasons = [.. result.Cells.Select(result.DescribeDivergence).OfType<string>()];
        string why = reasons.Length == 0 ? string.Empty : string.Join(Environment.NewLine, reasons) + Environment.NewLine + Environment.NewLine;
        string disagree = result.Cells.Any(IsMixed) ? "; * where seeds disagree" : string.Empty;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {TextTable.Format(Map(result))}

            {why}trains: train loss at the end at most half of the loss of guessing; stalls: finite, but above; diverges: not finite{disagree}
            {result.Done} of {result.Total} trials, {result.Cells.Count} cells of {result.Seeds.Count} seeds
            """);
    }

    private static List<string[]> Map(SweepResult result)
    {
        IReadOnlyList<SweepAxis> axes = result.Grid.Axes;
        int across = Enumerable.Range(0, axes.Count).Where(i => axes[i].Values.Count is > 1 and <= MostColumns)
            .OrderByDescending(i => axes[i].Values.Count).FirstOrDefault(-1);
        int[] down = [.. Enumerable.Range(0, axes.Count).Where(i => i != across)];
        IReadOnlyList<string> columns = across < 0 ? [""] : axes[across].Values;
        string corner = across < 0 ? string.Empty : axes[across].Name;
        List<string[]> rows = [[.. down.Select(i => axes[i].Name).DefaultIfEmpty(string.Empty), .. columns.Select((c, i) => i == 0 ? $"{corner} {c}".Trim() : c)]];
        foreach (IGrouping<string, SweepCell> row in result.Cells.GroupBy(c => string.Join('\n', down.Select(i => c.Values[i]))))
        {
            rows.Add([.. row.Key.Split('\n'), .. row.Select(Word)]);
        }

        return rows;
    }

    private static string Word(SweepCell cell) =>
        cell.Outcome is { } outcome ? outcome.ToString().ToLowerInvariant() + (IsMixed(cell) ? "*" : string.Empty) : "-";

    private static bool IsMixed(SweepCell cell) => cell.Trials.OfType<TrialSummary>().Select(t => t.Outcome).Distinct().Count() > 1;
}
