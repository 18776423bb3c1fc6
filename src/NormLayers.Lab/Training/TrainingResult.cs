namespace NormLayers.Lab.Training;

/// <summary>How a training run ended.</summary>
public enum TrainingStatus
{
    /// <summary>All epochs were done.</summary>
    Completed,

    /// <summary>The loss was no longer finite, or 1e31 and more: no step leads back from there.</summary>
    Diverged,

    /// <summary>It was cancelled; the step at hand was finished.</summary>
    Cancelled,
}

/// <summary>Where a diverged run broke.</summary>
public enum DivergenceKind
{
    /// <summary>The layer's output overflowed, or left the range from which there is a way back, although its parameters and its input were finite.</summary>
    Activations,

    /// <summary>The layer's parameters were no longer finite: the gradient of an earlier step overflowed, or its update did.</summary>
    Gradients,

    /// <summary>The input data already held NaN or infinity.</summary>
    Input,
}

/// <summary>Why and where a run diverged.</summary>
/// <param name="Step">The step, counted from 1, whose loss was not finite or too large.</param>
/// <param name="Epoch">The epoch of that step, counted from 1.</param>
/// <param name="Layer">The name of the layer that broke first.</param>
/// <param name="Kind">What broke in it.</param>
/// <param name="Message">All of this as a sentence, and what to try.</param>
public sealed record Divergence(long Step, int Epoch, string Layer, DivergenceKind Kind, string Message);

/// <summary>What a training run came to.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Steps">The optimizer steps done.</param>
/// <param name="Train">The training set at the end, in evaluation mode.</param>
/// <param name="Test">The test set at the end, in evaluation mode.</param>
/// <param name="History">The epochs that were finished, in order.</param>
/// <param name="Divergence">Why and where it diverged; null if it did not.</param>
public sealed record TrainingResult(
    TrainingStatus Status,
    long Steps,
    Evaluation Train,
    Evaluation Test,
    IReadOnlyList<EpochMetrics> History,
    Divergence? Divergence);
