using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Experiments;

namespace NormLayers.Cli.Output;

/// <summary>An experiment's result for the terminal.</summary>
internal static class ExperimentText
{
    private const int LineWidth = 80;

    public static string Format(ExperimentResult result) => string.Join(
        Environment.NewLine,
        (IEnumerable<string>)[
            $"{result.Name}: {result.Paper}",
            result.Claim,
            "",
            Format(ExperimentReport.Numbers(result.Table)),
            "",
            .. result.Assertions.Count > 0 ? (string[])[Format(ExperimentReport.Assertions(result)), ""] : [],
            .. result.Words,
            .. result.DescribeData() is { } data ? (string[])[data] : [],
            $"Verdict: {result.Verdict}."]);

    public static string List(IEnumerable<IExperiment> experiments) => string.Join(
        Environment.NewLine,
        [
            .. experiments.SelectMany(e => (string[])
            [
                $"{e.Name,-17}{StateOf(e),-27}{Number(e.Cost)} s, {KindOf(e)}",
                .. Wrap(e.Claim),
                .. Wrap(e.Paper),
                "",
            ]),
            "State: the verdict at the default length, with seed 1 and the data that comes",
            "with the tool; each release is tested to give it. Seconds: on two cores, on",
            "MNIST where images are used. Exact: the paper's own setting or theorem.",
            "Analogue: another setting, which can reproduce a claim as an analogue only.",
        ]);

    public static string StateOf(IExperiment experiment) => ExperimentRecord.Find(experiment.Name)?.Verdict ?? "not recorded";

    public static string KindOf(IExperiment experiment) => experiment.Exact ? "exact" : "analogue";

    // Indented, in lines of at most 80 characters.
    private static IEnumerable<string> Wrap(string text)
    {
        string line = "   ";
        foreach (string word in text.Split(' '))
        {
            if (line.Length + 1 + word.Length > LineWidth)
            {
                yield return line;
                line = "   ";
            }

            line += " " + word;
        }

        yield return line;
    }

    private static string Format(Table table) => TextTable.Format([table.Header, .. table.Rows]);

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
