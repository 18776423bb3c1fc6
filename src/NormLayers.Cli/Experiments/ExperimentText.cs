using System.Globalization;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Experiments;

/// <summary>An experiment's result for the terminal.</summary>
internal static class ExperimentText
{
    public static string Format(ExperimentResult result) => string.Join(
        Environment.NewLine,
        $"{result.Name}: {result.Paper}",
        result.Claim,
        "",
        TextTable.Format([["", .. result.Table.Columns], .. result.Table.Rows.Select(r => (string[])[r.Name, .. r.Values.Select(Number)])]),
        "",
        TextTable.Format(
            [["assertion", "measured", "from", "to", "margin", ""],
            .. result.Assertions.Select(a => (string[])[a.What, Number(a.Measured), Number(a.Low), Number(a.High), Number(a.Margin), a.Passed ? "holds" : "FAILS"])]),
        "",
        result.Words,
        $"Verdict: {result.Verdict}.");

    public static string List(IEnumerable<IExperiment> experiments) => TextTable.Format(
        [["name", "cost", "kind", "paper", "claim"],
        .. experiments.Select(e => (string[])[e.Name, Number(e.Cost) + " s", e.Exact ? "exact" : "analogue", e.Paper, e.Claim])]);

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
