namespace NormLayers.Lab.Training;

/// <summary>How well a network does on a set of samples, in evaluation mode.</summary>
/// <param name="Loss">The mean cross-entropy in nats.</param>
/// <param name="Accuracy">The share of samples whose largest logit is the label's, 0 to 1.</param>
public readonly record struct Evaluation(double Loss, double Accuracy);

/// <summary>What one optimizer step saw, in training mode, before its update.</summary>
/// <param name="Step">The step, counted from 1 over the whole training.</param>
/// <param name="Epoch">The epoch, counted from 1.</param>
/// <param name="Samples">The samples in this mini-batch.</param>
/// <param name="Loss">The mean cross-entropy of this mini-batch in nats.</param>
/// <param name="Correct">How many of its samples were classified correctly.</param>
public readonly record struct StepMetrics(long Step, int Epoch, int Samples, double Loss, int Correct);

/// <summary>What one epoch came to.</summary>
/// <param name="Epoch">The epoch, counted from 1.</param>
/// <param name="Step">The optimizer steps done since training began.</param>
/// <param name="BatchLoss">The mean loss over the epoch's samples as they were trained on, in training mode.</param>
/// <param name="BatchAccuracy">The share classified correctly as they were trained on, in training mode.</param>
/// <param name="Train">The training set in evaluation mode, after the epoch.</param>
/// <param name="Test">The test set in evaluation mode, after the epoch.</param>
/// <param name="Seconds">The time spent in the epoch's optimizer steps, in seconds.</param>
public sealed record EpochMetrics(
    int Epoch, long Step, double BatchLoss, double BatchAccuracy, Evaluation Train, Evaluation Test, double Seconds);
