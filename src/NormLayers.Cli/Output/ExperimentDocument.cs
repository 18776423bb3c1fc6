using System.Text.Json;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Experiments;

namespace NormLayers.Cli.Output;

/// <summary>What an experiment came to, as <c>--output</c> and <c>--json</c> write it.</summary>
internal sealed record ExperimentDocument
{
    public required string Name { get; init; }

    public required string Paper { get; init; }

    public required string Claim { get; init; }

    public required ulong Seed { get; init; }

    public required bool Full { get; init; }

    public required string? Data { get; init; }

    public required string Verdict { get; init; }

    public required IReadOnlyList<string> Words { get; init; }

    public required ExperimentTable Table { get; init; }

    public required IReadOnlyList<Assertion> Assertions { get; init; }

    public required IReadOnlyList<ChartDocument> Charts { get; init; }

    public required VersionsDocument Versions { get; init; }

    public static ExperimentDocument From(ExperimentResult result) => new()
    {
        Name = result.Name,
        Paper = result.Paper,
        Claim = result.Claim,
        Seed = result.Seed,
        Full = result.Full,
        Data = result.Images?.Source,
        Verdict = result.Verdict,
        Words = result.Words,
        Table = result.Table,
        Assertions = result.Assertions,
        Charts = [.. result.Charts.Select(ChartDocument.From)],
        Versions = VersionsDocument.Current,
    };

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.ExperimentDocument), (byte)'\n'];
}

/// <summary>An experiment in the list, as <c>experiment list --json</c> writes it.</summary>
internal sealed record ExperimentEntry(string Name, string State, double Seconds, string Kind, string Paper, string Claim)
{
    public static byte[] ToUtf8(IEnumerable<IExperiment> experiments) =>
    [
        .. JsonSerializer.SerializeToUtf8Bytes(
            [.. experiments.Select(e => new ExperimentEntry(e.Name, ExperimentText.StateOf(e), e.Cost, ExperimentText.KindOf(e), e.Paper, e.Claim))],
            ResultJson.Default.ListExperimentEntry),
        (byte)'\n',
    ];
}

/// <summary>The numbers of one chart: curves, or the values of a grid.</summary>
internal sealed record ChartDocument(string Title, string Words, Axis X, Axis Y, IReadOnlyList<SeriesDocument>? Series, IReadOnlyList<IReadOnlyList<double>>? Values)
{
    public static ChartDocument From(Chart chart) => new(
        chart.Title,
        chart.Words,
        chart.X,
        chart.Y,
        (chart as LineChart)?.Series.Select(s => new SeriesDocument(s.Name, s.X, s.Y, s.Low, s.High)).ToArray(),
        (chart as HeatMap)?.Values);
}

/// <summary>One curve with its bounds where it has them.</summary>
internal sealed record SeriesDocument(
    string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, IReadOnlyList<double>? Low, IReadOnlyList<double>? High);
