using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>A trial of a sweep in a few numbers, the same on every run.</summary>
public sealed record TrialSummary
{
    /// <summary>Up to this share of the loss of guessing, a training loss counts as learnt.</summary>
    private const double LearntShare = 0.5;

    /// <summary>Its seed.</summary>
    public required long Seed { get; init; }

    /// <summary>The loss of guessing on its data (<see cref="DataSummary.GuessingLoss"/>), in nats.</summary>
    public required double GuessingLoss { get; init; }

    /// <summary>The training loss at the end, in nats.</summary>
    public required double TrainLoss { get; init; }

    /// <summary>The share of training samples that are classified correctly at the end.</summary>
    public required double TrainAccuracy { get; init; }

    /// <summary>The test loss at the end, in nats.</summary>
    public required double TestLoss { get; init; }

    /// <summary>The share of test samples that are classified correctly at the end.</summary>
    public required double TestAccuracy { get; init; }

    /// <summary>The optimizer steps done.</summary>
    public required long Steps { get; init; }

    /// <summary>Where and why it diverged; null if it did not.</summary>
    public required Divergence? Divergence { get; init; }

    /// <summary>What the trial is in the map.</summary>
    public SweepOutcome Outcome =>
        Divergence is not null ? SweepOutcome.Diverges
        : TrainLoss <= LearntShare * GuessingLoss ? SweepOutcome.Trains
        : SweepOutcome.Stalls;

    /// <summary>The summary of a trial.</summary>
    /// <param name="trial">The trial, run to its end.</param>
    /// <param name="data">What it was run on.</param>
    public static TrialSummary Of(TrialResult trial, DataSummary data)
    {
        ArgumentNullException.ThrowIfNull(trial);
        ArgumentNullException.ThrowIfNull(data);
        return new TrialSummary
        {
            Seed = trial.Options.Seed,
            GuessingLoss = data.GuessingLoss,
            TrainLoss = trial.Result.Train.Loss,
            TrainAccuracy = trial.Result.Train.Accuracy,
            TestLoss = trial.Result.Test.Loss,
            TestAccuracy = trial.Result.Test.Accuracy,
            Steps = trial.Result.Steps,
            Divergence = trial.Result.Divergence,
        };
    }
}
