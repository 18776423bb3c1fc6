namespace NormLayers.Lab.Training;

/// <summary>How a network is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the training set, ≥ 1.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Samples in a mini-batch, ≥ 1; the last one of an epoch may be smaller.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Whether a last mini-batch smaller than <see cref="BatchSize"/> is left out.</summary>
    public bool DropLast { get; init; }

    /// <summary>Whether each epoch visits the samples in a new random order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>The seed of the order of samples.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>
    /// Epochs from one evaluation on both data sets to the next, ≥ 1; the last epoch is always evaluated. Epochs without are not in the history, and
    /// the observer does not hear of their end.
    /// </summary>
    public int EvaluationInterval { get; init; } = 1;

    /// <summary>
    /// Steps from one probe of the layers to the next, ≥ 0: the first step is probed, and every so many after it. 0 never probes, and costs nothing.
    /// </summary>
    /// <remarks>A probe allocates, and costs the time of several steps; it changes no bit of the training. See <see cref="ITrainingObserver.OnProbe"/>.</remarks>
    public int ProbeInterval { get; init; }
}
