using System.Globalization;
using NormLayers.Cli.Lab;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>A comparison for people.</summary>
internal static class CompareTable
{
    public static string Format(CompareResult result)
    {
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
            {TextTable.Format(Modes(result))}

            {TextTable.Format(pairs)}

            {seeds}; mean ± half the 95 % confidence interval; the pairs compare seed by seed
            {result.Modes.Sum(m => m.Completed + m.Diverged)} of {result.Modes.Count * result.Seeds.Count} trials in {result.Seconds:0.00} s
            """);
    }

    /// <summary>A header, then one row a mode.</summary>
    public static List<string[]> Modes(CompareResult result)
    {
        string target = result.TargetLoss.ToString("0.0000", CultureInfo.InvariantCulture);
        List<string[]> modes = [["", "train loss", "test loss", "test accuracy", $"steps to loss {target}", "seconds", "diverged"]];
        modes.AddRange(result.Modes.Select(m => (string[])[
            m.Name, Number(m.TrainLoss), Number(m.TestLoss), Percent(m.TestAccuracy),
            Steps(m, result.Seeds.Count), Number(m.Seconds, "0.000"), Share(m.Diverged, result.Seeds.Count)]));
        return modes;
    }

    private static string Number(Estimate estimate, string format = "0.0000", double factor = 1) =>
        estimate.Count == 0 ? "-"
        : (factor * estimate.Mean).ToString(format, CultureInfo.InvariantCulture)
            + (estimate.Count < 2 ? string.Empty : " ± " + (factor * estimate.HalfWidth).ToString(format, CultureInfo.InvariantCulture));

    private static string Percent(Estimate estimate) => Number(estimate, "0.00", 100) + (estimate.Count == 0 ? string.Empty : " %");

    private static string Steps(ModeResult mode, int seeds) =>
        Number(mode.StepsToTarget, "0") + (mode.StepsToTarget.Count == seeds ? string.Empty : $" ({Share(mode.StepsToTarget.Count, seeds)})");

    private static string Share(int part, int whole) => string.Create(CultureInfo.InvariantCulture, $"{part} of {whole}");
}
