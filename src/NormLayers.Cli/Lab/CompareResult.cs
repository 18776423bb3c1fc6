using NormLayers.Cli.Configuration;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Cli.Lab;

/// <summary>Several normalizations on one configuration, with the same seeds.</summary>
/// <param name="Settings">The settings that all trials share; mode and seed are exchanged.</param>
/// <param name="Seeds">The seeds.</param>
/// <param name="Data">What the trials were run on.</param>
/// <param name="TargetLoss">The training loss whose steps are counted; NaN if no trial has finished an epoch.</param>
/// <param name="Modes">What each mode came to.</param>
/// <param name="Pairs">Each mode against each later one.</param>
/// <param name="Seconds">The time of all trials together.</param>
internal sealed record CompareResult(
    Settings Settings,
    IReadOnlyList<long> Seeds,
    DataSummary Data,
    double TargetLoss,
    IReadOnlyList<ModeResult> Modes,
    IReadOnlyList<PairResult> Pairs,
    double Seconds)
{
    /// <summary>Whether a trial was cut short or not started.</summary>
    public bool Cancelled => Modes.Any(m => m.Completed + m.Diverged < Seeds.Count);

    public bool AllDiverged => Modes.All(m => m.Diverged == Seeds.Count);

    /// <summary>Sums up the trials.</summary>
    /// <param name="settings">The settings that they share.</param>
    /// <param name="modes">The modes, in the order of the result.</param>
    /// <param name="seeds">The seeds.</param>
    /// <param name="data">What they were run on.</param>
    /// <param name="trials">What was run, in any order; null where a trial was not started.</param>
    /// <param name="targetLoss">The loss to count the steps to; null takes the lowest that every completed trial reached.</param>
    /// <param name="seconds">The time of all together.</param>
    public static CompareResult From(
        Settings settings, IReadOnlyList<NormalizationKind> modes, IReadOnlyList<long> seeds, DataSummary data, IEnumerable<TrialResult?> trials, double? targetLoss, double seconds)
    {
        TrialResult[] run = [.. trials.OfType<TrialResult>()];
        double target = targetLoss ?? run
            .Where(t => t.Result.Status == TrainingStatus.Completed)
            .Select(t => t.Result.History.Min(e => e.Train.Loss))
            .DefaultIfEmpty(double.NaN).Max();
        Dictionary<(NormalizationKind, long), TrialResult> byModeAndSeed = run.ToDictionary(t => (t.Settings.Get(Keys.Mode), t.Settings.Get(Keys.Seed)));
        List<ModeResult> results = [.. modes.Select(m => ModeResult.From(
            m, [.. seeds.Select(s => byModeAndSeed.GetValueOrDefault((m, s)))], target))];
        List<PairResult> pairs = [.. from i in Enumerable.Range(0, results.Count)
                                     from second in results.Skip(i + 1)
                                     select PairResult.From(results[i], second)];
        return new CompareResult(settings, seeds, data, target, results, pairs, seconds);
    }
}

/// <summary>What one mode came to over the seeds. Diverged and cancelled trials are counted and left out of the means.</summary>
/// <param name="Mode">The mode.</param>
/// <param name="Trials">The trial of each seed; null where it was not started.</param>
/// <param name="TargetLoss">The loss whose steps are counted.</param>
internal sealed record ModeResult(NormalizationKind Mode, IReadOnlyList<TrialResult?> Trials, double TargetLoss)
{
    public string Name => Keys.Modes.NameOf(Mode);

    public int Completed => Trials.Count(t => t?.Result.Status == TrainingStatus.Completed);

    public int Diverged => Trials.Count(t => t?.Result.Status == TrainingStatus.Diverged);

    public required Estimate TrainLoss { get; init; }

    public required Estimate TrainAccuracy { get; init; }

    public required Estimate TestLoss { get; init; }

    public required Estimate TestAccuracy { get; init; }

    /// <summary>Seconds of a completed trial on its one thread.</summary>
    public required Estimate Seconds { get; init; }

    /// <summary>Optimizer steps to the target loss, over the trials that reached it; the count says how many did.</summary>
    public required Estimate StepsToTarget { get; init; }

    public static ModeResult From(NormalizationKind mode, IReadOnlyList<TrialResult?> trials, double targetLoss)
    {
        return new ModeResult(mode, trials, targetLoss)
        {
            TrainLoss = Sum(r => r.Result.Train.Loss),
            TrainAccuracy = Sum(r => r.Result.Train.Accuracy),
            TestLoss = Sum(r => r.Result.Test.Loss),
            TestAccuracy = Sum(r => r.Result.Test.Accuracy),
            Seconds = Sum(r => r.Seconds),
            StepsToTarget = Sum(r => StepsTo(r, targetLoss)),
        };

        Estimate Sum(Func<TrialResult, double?> quantity) => Estimate.Of([.. Values(trials, quantity).OfType<double>()]);
    }

    /// <summary>A quantity for each seed; null where the trial was not completed.</summary>
    public IEnumerable<double?> Values(Func<TrialResult, double?> quantity) => Values(Trials, quantity);

    /// <summary>The steps after which an epoch first ended with a training loss of at most <paramref name="loss"/>, in evaluation mode; null if none did.</summary>
    public static double? StepsTo(TrialResult trial, double loss) => trial.Result.History.FirstOrDefault(e => e.Train.Loss <= loss)?.Step;

    private static IEnumerable<double?> Values(IReadOnlyList<TrialResult?> trials, Func<TrialResult, double?> quantity) =>
        trials.Select(t => t?.Result.Status == TrainingStatus.Completed ? quantity(t) : null);
}

/// <summary>Two modes against each other, seed by seed.</summary>
internal sealed record PairResult(string First, string Second)
{
    public required PairedDifference TrainLoss { get; init; }

    public required PairedDifference TrainAccuracy { get; init; }

    public required PairedDifference TestLoss { get; init; }

    public required PairedDifference TestAccuracy { get; init; }

    public required PairedDifference StepsToTarget { get; init; }

    public static PairResult From(ModeResult first, ModeResult second)
    {
        return new PairResult(first.Name, second.Name)
        {
            TrainLoss = Compare(t => t.Result.Train.Loss, higherIsBetter: false),
            TrainAccuracy = Compare(t => t.Result.Train.Accuracy, higherIsBetter: true),
            TestLoss = Compare(t => t.Result.Test.Loss, higherIsBetter: false),
            TestAccuracy = Compare(t => t.Result.Test.Accuracy, higherIsBetter: true),
            StepsToTarget = Compare(t => ModeResult.StepsTo(t, first.TargetLoss), higherIsBetter: false),
        };

        PairedDifference Compare(Func<TrialResult, double?> quantity, bool higherIsBetter) =>
            PairedDifference.Of(first.Values(quantity), second.Values(quantity), higherIsBetter);
    }
}
