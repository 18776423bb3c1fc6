using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>A sweep as <c>--output</c> and <c>--json</c> write it; see docs/lab-reference.md. Nothing in it differs from run to run.</summary>
internal sealed record SweepDocument
{
    public required string Status { get; init; }

    public required JsonObject Axes { get; init; }

    public required IReadOnlyList<long> Seeds { get; init; }

    public required IReadOnlyList<CellDocument> Cells { get; init; }

    public required DataSummary Data { get; init; }

    public required JsonObject Config { get; init; }

    public required VersionsDocument Versions { get; init; }

    public static SweepDocument From(SweepResult result, Settings settings, SettingsGrid grid)
    {
        JsonObject axes = [];
        foreach (SweepAxis axis in result.Grid.Axes)
        {
            axes[axis.Name] = new JsonArray([.. axis.Values.Select(SweepAxisKind.ToJson)]);
        }

        return new SweepDocument
        {
            Status = result.Done < result.Total ? "incomplete" : "completed",
            Axes = axes,
            Seeds = result.Seeds,
            Cells = [.. result.Cells.Select(c => CellDocument.From(c, result.Grid))],
            Data = result.Data,
            Config = settings.ToJson([Keys.Seed, .. grid.Axes.Select(a => a.Kind.Key).OfType<Key>()]),
            Versions = VersionsDocument.Current,
        };
    }

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.SweepDocument), (byte)'\n'];
}

/// <summary>One combination of values.</summary>
internal sealed record CellDocument
{
    public required JsonObject Values { get; init; }

    public required string? Outcome { get; init; }

    public required int Trains { get; init; }

    public required int Stalls { get; init; }

    public required int Diverges { get; init; }

    public required Estimate TrainLoss { get; init; }

    public required Estimate TestLoss { get; init; }

    public required Estimate TestAccuracy { get; init; }

    public required IReadOnlyList<CellTrialDocument> Trials { get; init; }

    public static CellDocument From(SweepCell cell, SweepGrid grid)
    {
        JsonObject values = [];
        foreach ((SweepAxis axis, string value) in grid.Axes.Zip(cell.Values))
        {
            values[axis.Name] = SweepAxisKind.ToJson(value);
        }

        return new CellDocument
        {
            Values = values,
            Outcome = cell.Outcome?.ToString().ToLowerInvariant(),
            Trains = cell.Count(SweepOutcome.Trains),
            Stalls = cell.Count(SweepOutcome.Stalls),
            Diverges = cell.Count(SweepOutcome.Diverges),
            TrainLoss = cell.Estimate(t => t.TrainLoss),
            TestLoss = cell.Estimate(t => t.TestLoss),
            TestAccuracy = cell.Estimate(t => t.TestAccuracy),
            Trials = [.. cell.Trials.OfType<TrialSummary>().Select(t => new CellTrialDocument(
                t.Seed, t.Outcome.ToString().ToLowerInvariant(), t.TrainLoss, t.TestLoss, t.TestAccuracy, t.Steps, t.Divergence?.Step, DivergenceDocument.From(t.Divergence)))],
        };
    }
}

/// <summary>One trial of a cell.</summary>
internal sealed record CellTrialDocument(
    long Seed, string Outcome, double TrainLoss, double TestLoss, double TestAccuracy, long Steps, long? DivergedAtStep, DivergenceDocument? Divergence);
