using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>A comparison for people.</summary>
internal static class CompareTable
{
    public static string Format(CompareResult result)
    {
        Table modes = CompareReport.Modes(result);
        List<string[]> pairs = [["", "test loss", "test accuracy, points", "steps"]];
        pairs.AddRange(result.Pairs.Select(p => (string[])[
            $"{p.First}, {p.Second}",
            p.TestLoss.Describe(p.First, p.Second),
            p.TestAccuracy.Describe(p.First, p.Second, "0.00", 100),
            p.StepsToTarget.Describe(p.First, p.Second, "0")]));
        string seeds = result.Seeds.Count == 1 ? "1 seed" : $"{result.Seeds.Count} seeds, {result.Seeds[0]} to {result.Seeds[^1]}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {TextTable.Format([modes.Header, .. modes.Rows])}

            {TextTable.Format(pairs)}

            {seeds}; mean ± half the 95 % confidence interval; the pairs compare seed by seed
            {result.Modes.Sum(m => m.Completed + m.Diverged)} of {result.Modes.Count * result.Seeds.Count} trials in {result.Seconds:0.00} s
            """);
    }
}
