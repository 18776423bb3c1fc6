namespace NormLayers.Lab.Training;

/// <summary>When a training is saved as it goes, and what it goes on from.</summary>
public sealed record Checkpoints
{
    /// <summary>
    /// Called between two steps with what writes the training's state to a stream; null for never. It is called at the end of each epoch, or every
    /// <see cref="Interval"/> steps, and when the training is cancelled.
    /// </summary>
    public Action<Action<Stream>>? Save { get; init; }

    /// <summary>Optimizer steps from one call to the next, ≥ 0; 0 is the end of each epoch.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public long Interval { get; init => field = Throw.IfBelow(value, 0, nameof(Interval)); }

    /// <summary>More text for the file, by key.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The state to go on from; null starts anew. It must be of the same network, optimizer, options and data.</summary>
    public TrainingState? Resume { get; init; }
}
