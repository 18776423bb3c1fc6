using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Experiments;

/// <summary>The report of an experiment: claim, verdict, what was seen, charts, and what was asserted.</summary>
public static class ExperimentReport
{
    /// <summary>What the report says.</summary>
    /// <param name="result">The result.</param>
    public static LabReport From(ExperimentResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new LabReport
        {
            Title = $"{result.Name}: {result.Verdict}",
            Words =
            [
                $"The claim ({result.Paper}): {result.Claim}",
                $"Verdict: {result.Verdict}. {result.Assertions.Count(a => a.Passed)} of {Phrases.Count(result.Assertions.Count, "assertion")} hold.",
                .. result.Words,
                .. result.DescribeData() is { } data ? (string[])[data] : [],
            ],
            Summary = Numbers(result.Table),
            Tables = [new TitledTable("Assertions", Assertions(result))],
            Charts = result.Charts,
            Configuration = new JsonObject
            {
                ["experiment"] = result.Name,
                ["seed"] = result.Seed,
                ["full"] = result.Full,
                ["data"] = result.Images?.Source,
            },
        };
    }

    /// <summary>The numbers as text.</summary>
    /// <param name="table">The numbers.</param>
    public static Table Numbers(ExperimentTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        return new(["", .. table.Columns], [.. table.Rows.Select(r => (string[])[r.Name, .. r.Values.Select(v => double.IsNaN(v) ? "–" : Number(v))])]);
    }

    /// <summary>What was asserted, a row each.</summary>
    /// <param name="result">The result.</param>
    public static Table Assertions(ExperimentResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new(
            ["assertion", "", "measured", "from", "to", "margin"],
            [.. result.Assertions.Select(a => (string[])[a.What, a.Passed ? "holds" : "FAILS", Number(a.Measured), Number(a.Low), Number(a.High), Number(a.Margin)])]);
    }

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
