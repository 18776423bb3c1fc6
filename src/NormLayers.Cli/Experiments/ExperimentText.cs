using System.Globalization;
using NormLayers.Cli.Output;
using NormLayers.Cli.Report;

namespace NormLayers.Cli.Experiments;

/// <summary>An experiment's result for the terminal.</summary>
internal static class ExperimentText
{
    public static string Format(ExperimentResult result) => string.Join(
        Environment.NewLine,
        (IEnumerable<string>)[
            $"{result.Name}: {result.Paper}",
            result.Claim,
            "",
            Format(Numbers(result.Table)),
            "",
            Format(Assertions(result)),
            "",
            .. result.Words,
            .. result.DescribeData() is { } data ? (string[])[data] : [],
            $"Verdict: {result.Verdict}."]);

    public static string List(IEnumerable<IExperiment> experiments) => TextTable.Format(
        [["name", "state", "cost", "kind", "paper", "claim"],
        .. experiments.Select(e => (string[])
            [e.Name, ExperimentRecord.Find(e.Name)?.Verdict ?? "not recorded", Number(e.Cost) + " s", e.Exact ? "exact" : "analogue", e.Paper, e.Claim])])
        + Environment.NewLine + Environment.NewLine
        + "State: the verdict at the default length, with seed 1 and the data that comes with the tool; each release is tested to give it. Cost: on two cores, on MNIST where images are used.";

    public static Table Numbers(ExperimentTable table) => new(["", .. table.Columns], [.. table.Rows.Select(r => (string[])[r.Name, .. r.Values.Select(v => double.IsNaN(v) ? "–" : Number(v))])]);

    public static Table Assertions(ExperimentResult result) => new(
        ["assertion", "measured", "from", "to", "margin", ""],
        [.. result.Assertions.Select(a => (string[])[a.What, Number(a.Measured), Number(a.Low), Number(a.High), Number(a.Margin), a.Passed ? "holds" : "FAILS"])]);

    private static string Format(Table table) => TextTable.Format([table.Header, .. table.Rows]);

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
