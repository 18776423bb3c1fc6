using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>A comparison as <c>--output</c> and <c>--json</c> write it; see docs/lab-reference.md.</summary>
internal sealed record CompareDocument
{
    public required string Status { get; init; }

    public required IReadOnlyList<long> Seeds { get; init; }

    public required double TargetLoss { get; init; }

    public required IReadOnlyList<ModeDocument> Modes { get; init; }

    public required IReadOnlyList<PairDocument> Pairs { get; init; }

    public required double DurationSeconds { get; init; }

    public required DataSummary Data { get; init; }

    public required JsonObject Config { get; init; }

    public required VersionsDocument Versions { get; init; }

    public static CompareDocument From(CompareResult result, Settings settings) => new()
    {
        Status = result.Cancelled ? "cancelled" : result.AllDiverged ? "diverged" : "completed",
        Seeds = result.Seeds,
        TargetLoss = result.TargetLoss,
        Modes = [.. result.Modes.Select(ModeDocument.From)],
        Pairs = [.. result.Pairs.Select(PairDocument.From)],
        DurationSeconds = result.Seconds,
        Data = result.Data,
        Config = settings.ToJson(Keys.Mode, Keys.Seed),
        Versions = VersionsDocument.Current,
    };

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.CompareDocument), (byte)'\n'];
}

/// <summary>One mode of a comparison.</summary>
internal sealed record ModeDocument
{
    public required string Mode { get; init; }

    public required int Completed { get; init; }

    public required int Diverged { get; init; }

    public required Estimate TrainLoss { get; init; }

    public required Estimate TrainAccuracy { get; init; }

    public required Estimate TestLoss { get; init; }

    public required Estimate TestAccuracy { get; init; }

    public required Estimate StepsToTarget { get; init; }

    public required Estimate Seconds { get; init; }

    public required IReadOnlyList<TrialDocument> Trials { get; init; }

    public static ModeDocument From(ModeResult mode) => new()
    {
        Mode = mode.Name,
        Completed = mode.Completed,
        Diverged = mode.Diverged,
        TrainLoss = mode.TrainLoss,
        TrainAccuracy = mode.TrainAccuracy,
        TestLoss = mode.TestLoss,
        TestAccuracy = mode.TestAccuracy,
        StepsToTarget = mode.StepsToTarget,
        Seconds = mode.Seconds,
        Trials = [.. mode.Trials.OfType<TrialResult>().Select(t => TrialDocument.From(t, ModeResult.StepsTo(t, mode.TargetLoss)))],
    };
}

/// <summary>One trial of a comparison.</summary>
internal sealed record TrialDocument
{
    public required long Seed { get; init; }

    public required string Status { get; init; }

    public required double TrainLoss { get; init; }

    public required double TrainAccuracy { get; init; }

    public required double TestLoss { get; init; }

    public required double TestAccuracy { get; init; }

    public required long Steps { get; init; }

    public required double? StepsToTarget { get; init; }

    public required double DurationSeconds { get; init; }

    public required long? DivergedAtStep { get; init; }

    public required DivergenceDocument? Divergence { get; init; }

    public required HistoryDocument History { get; init; }

    public static TrialDocument From(TrialResult trial, double? stepsToTarget) => new()
    {
        Seed = trial.Options.Seed,
        Status = trial.Result.Status.ToString().ToLowerInvariant(),
        TrainLoss = trial.Result.Train.Loss,
        TrainAccuracy = trial.Result.Train.Accuracy,
        TestLoss = trial.Result.Test.Loss,
        TestAccuracy = trial.Result.Test.Accuracy,
        Steps = trial.Result.Steps,
        StepsToTarget = stepsToTarget,
        DurationSeconds = trial.Seconds,
        DivergedAtStep = trial.Result.Divergence?.Step,
        Divergence = DivergenceDocument.From(trial.Result.Divergence),
        History = HistoryDocument.From(trial.Result.History),
    };
}

/// <summary>Two modes of a comparison: first minus second, seed by seed.</summary>
internal sealed record PairDocument
{
    public required string First { get; init; }

    public required string Second { get; init; }

    public required DifferenceDocument TrainLoss { get; init; }

    public required DifferenceDocument TrainAccuracy { get; init; }

    public required DifferenceDocument TestLoss { get; init; }

    public required DifferenceDocument TestAccuracy { get; init; }

    public required DifferenceDocument StepsToTarget { get; init; }

    public static PairDocument From(PairResult pair)
    {
        return new PairDocument
        {
            First = pair.First,
            Second = pair.Second,
            TrainLoss = Convert(pair.TrainLoss),
            TrainAccuracy = Convert(pair.TrainAccuracy),
            TestLoss = Convert(pair.TestLoss),
            TestAccuracy = Convert(pair.TestAccuracy),
            StepsToTarget = Convert(pair.StepsToTarget),
        };

        DifferenceDocument Convert(PairedDifference difference) => new(
            difference.Estimate.Count,
            difference.Estimate.Mean,
            difference.Estimate.HalfWidth,
            difference.Verdict switch
            {
                Verdict.First => pair.First,
                Verdict.Second => pair.Second,
                Verdict.NoDifference => "no difference",
                _ => "undecided",
            });
    }
}

/// <summary>A difference and its verdict: the better mode's name, <c>no difference</c> or <c>undecided</c>.</summary>
internal sealed record DifferenceDocument(int Count, double Mean, double HalfWidth, string Better);
