using System.Text.Json.Nodes;
using NormLayers.Cli.Experiments;
using NormLayers.Lab.Charts;

namespace NormLayers.Cli.Report;

/// <summary>The report of an experiment: claim, verdict, what was seen, charts, and what was asserted.</summary>
internal static class ExperimentReport
{
    public static LabReport From(ExperimentResult result) => new()
    {
        Title = $"{result.Name}: {result.Verdict}",
        Words =
        [
            $"The claim ({result.Paper}): {result.Claim}",
            $"Verdict: {result.Verdict}. {result.Assertions.Count(a => a.Passed)} of {Phrases.Count(result.Assertions.Count, "assertion")} hold.",
            .. result.Words,
            .. result.DescribeData() is { } data ? (string[])[data] : [],
        ],
        Summary = ExperimentText.Numbers(result.Table),
        Tables = [new TitledTable("Assertions", ExperimentText.Assertions(result))],
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
