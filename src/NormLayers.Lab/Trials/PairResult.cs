namespace NormLayers.Lab.Trials;

/// <summary>Two modes against each other, seed by seed: first minus second.</summary>
/// <param name="First">The first mode's name.</param>
/// <param name="Second">The second mode's name.</param>
public sealed record PairResult(string First, string Second)
{
    /// <summary>The difference of the training losses.</summary>
    public required PairedDifference TrainLoss { get; init; }

    /// <summary>The difference of the training accuracies.</summary>
    public required PairedDifference TrainAccuracy { get; init; }

    /// <summary>The difference of the test losses.</summary>
    public required PairedDifference TestLoss { get; init; }

    /// <summary>The difference of the test accuracies.</summary>
    public required PairedDifference TestAccuracy { get; init; }

    /// <summary>The difference of the steps to the target loss, over the seeds where both reached it.</summary>
    public required PairedDifference StepsToTarget { get; init; }

    internal static PairResult From(ModeResult first, ModeResult second)
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
