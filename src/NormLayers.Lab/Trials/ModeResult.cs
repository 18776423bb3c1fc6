using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Trials;

/// <summary>What one mode came to over the seeds. Diverged and cancelled trials are counted and left out of the means, and from the mean of a loss the trials in which it is not finite.</summary>
/// <param name="Mode">The mode.</param>
/// <param name="Trials">The trial of each seed; null where it was not started.</param>
/// <param name="TargetLoss">The loss whose steps are counted.</param>
public sealed record ModeResult(NormalizationKind Mode, IReadOnlyList<TrialResult?> Trials, double TargetLoss)
{
    /// <summary>The mode's name.</summary>
    public string Name => Mode.Name;

    /// <summary>The trials that were completed.</summary>
    public int Completed => Trials.Count(t => t?.Result.Status == TrainingStatus.Completed);

    /// <summary>The trials that diverged.</summary>
    public int Diverged => Trials.Count(t => t?.Result.Status == TrainingStatus.Diverged);

    /// <summary>The training loss at the end, in nats.</summary>
    public required Estimate TrainLoss { get; init; }

    /// <summary>The share of training samples that are classified correctly at the end.</summary>
    public required Estimate TrainAccuracy { get; init; }

    /// <summary>The test loss at the end, in nats.</summary>
    public required Estimate TestLoss { get; init; }

    /// <summary>The share of test samples that are classified correctly at the end.</summary>
    public required Estimate TestAccuracy { get; init; }

    /// <summary>Seconds of a completed trial on its one thread.</summary>
    public required Estimate Seconds { get; init; }

    /// <summary>Optimizer steps to the target loss, over the trials that reached it; the count says how many did.</summary>
    public required Estimate StepsToTarget { get; init; }

    internal static ModeResult From(NormalizationKind mode, IReadOnlyList<TrialResult?> trials, double targetLoss)
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

    /// <summary>A quantity for each seed; null where the trial was not completed, or the quantity is not finite.</summary>
    /// <param name="quantity">The quantity.</param>
    public IEnumerable<double?> Values(Func<TrialResult, double?> quantity) => Values(Trials, quantity);

    /// <summary>The steps after which an epoch first ended with a training loss of at most <paramref name="loss"/>, in evaluation mode; null if none did.</summary>
    /// <param name="trial">A trial that was evaluated after every epoch.</param>
    /// <param name="loss">The loss in nats.</param>
    public static double? StepsTo(TrialResult trial, double loss)
    {
        ArgumentNullException.ThrowIfNull(trial);
        return trial.Result.History.FirstOrDefault(e => e.Train.Loss <= loss)?.Step;
    }

    private static IEnumerable<double?> Values(IReadOnlyList<TrialResult?> trials, Func<TrialResult, double?> quantity) =>
        trials.Select(t => t?.Result.Status == TrainingStatus.Completed && quantity(t) is { } value && double.IsFinite(value) ? value : default(double?));
}
