using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Trials;

/// <summary>Several normalizations on one configuration, with the same seeds.</summary>
/// <param name="Options">What all trials share; normalization and seed are exchanged.</param>
/// <param name="Seeds">The seeds.</param>
/// <param name="Data">What the trials were run on.</param>
/// <param name="TargetLoss">The training loss whose steps are counted; NaN if no trial has finished an epoch.</param>
/// <param name="Modes">What each mode came to.</param>
/// <param name="Pairs">Each mode against each later one.</param>
/// <param name="Seconds">The time of all trials together.</param>
public sealed record CompareResult(
    TrialOptions Options,
    IReadOnlyList<long> Seeds,
    DataSummary Data,
    double TargetLoss,
    IReadOnlyList<ModeResult> Modes,
    IReadOnlyList<PairResult> Pairs,
    double Seconds)
{
    /// <summary>Whether a trial was cut short or not started.</summary>
    public bool Cancelled => Modes.Any(m => m.Completed + m.Diverged < Seeds.Count);

    /// <summary>Whether every trial diverged.</summary>
    public bool AllDiverged => Modes.All(m => m.Diverged == Seeds.Count);

    /// <summary>Sums up the trials.</summary>
    /// <param name="options">What they share.</param>
    /// <param name="modes">The modes, in the order of the result.</param>
    /// <param name="seeds">The seeds.</param>
    /// <param name="data">What they were run on.</param>
    /// <param name="trials">What was run, in any order; null where a trial was not started.</param>
    /// <param name="targetLoss">The loss to count the steps to; null takes the lowest that every completed trial reached.</param>
    /// <param name="seconds">The time of all together.</param>
    internal static CompareResult From(
        TrialOptions options, IReadOnlyList<NormalizationKind> modes, IReadOnlyList<long> seeds, DataSummary data, IEnumerable<TrialResult?> trials, double? targetLoss, double seconds)
    {
        TrialResult[] run = [.. trials.OfType<TrialResult>()];
        double target = targetLoss ?? run
            .Where(t => t.Result.Status == TrainingStatus.Completed)
            .Select(t => t.Result.History.Min(e => e.Train.Loss))
            .DefaultIfEmpty(double.NaN).Max();
        Dictionary<(NormalizationKind, long), TrialResult> byModeAndSeed = run.ToDictionary(t => (t.Options.Normalization, t.Options.Seed));
        List<ModeResult> results = [.. modes.Select(m => ModeResult.From(
            m, [.. seeds.Select(s => byModeAndSeed.GetValueOrDefault((m, s)))], target))];
        List<PairResult> pairs = [.. from i in Enumerable.Range(0, results.Count)
                                     from second in results.Skip(i + 1)
                                     select PairResult.From(results[i], second)];
        return new CompareResult(options, seeds, data, target, results, pairs, seconds);
    }
}
