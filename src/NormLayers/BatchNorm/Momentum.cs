namespace NormLayers;

/// <summary>How running statistics follow the batches. Named, because the same number means opposite things in different libraries.</summary>
/// <remarks>
/// PyTorch's <c>momentum=0.1</c> is <see cref="NewWeight"/>(0.1); the same behaviour is <c>0.9</c> in Keras, Flax and ONNX:
/// <see cref="OldWeight"/>(0.9). PyTorch's <c>momentum=None</c> is <see cref="Cumulative"/>.
/// </remarks>
public readonly record struct Momentum
{
    private readonly double? _newWeight;

    private Momentum(double? newWeight) => _newWeight = newWeight;

    /// <summary>PyTorch's default: the new batch weighs 0.1.</summary>
    public static Momentum Default => NewWeight(0.1);

    /// <summary>The plain average of all batches since the last reset: batch k weighs 1/k.</summary>
    public static Momentum Cumulative => default;

    /// <summary>Whether this is the cumulative average.</summary>
    public bool IsCumulative => _newWeight is null;

    /// <summary>running ← (1 − weight)·running + weight·batch: PyTorch's convention.</summary>
    /// <param name="weight">The weight of the new batch, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not between 0 and 1.</exception>
    public static Momentum NewWeight(double weight) => new(Checked(weight, nameof(weight)));

    /// <summary>running ← weight·running + (1 − weight)·batch: the convention of Keras, Flax and ONNX.</summary>
    /// <param name="weight">The weight of the old running value, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not between 0 and 1.</exception>
    public static Momentum OldWeight(double weight) => new(1 - Checked(weight, nameof(weight)));

    /// <summary>The weight of a batch's statistics in the running ones.</summary>
    /// <param name="batch">Which batch it is since the last reset, counted from 1.</param>
    /// <returns>The weight of the new value, 0 to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batch"/> is below 1.</exception>
    public double WeightOfBatch(long batch)
    {
        if (batch < 1)
        {
            Throw.OutOfRange(nameof(batch), "a number ≥ 1", batch);
        }

        return _newWeight ?? 1.0 / batch;
    }

    /// <summary>The convention and its number in fifteen digits, as in <c>new weight 0.1</c>, also for 1 − 0.9.</summary>
    public override string ToString() =>
        _newWeight is { } weight
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"new weight {weight:G15}")
            : "cumulative average";

    private static double Checked(double weight, string name)
    {
        if (!(weight is >= 0 and <= 1))
        {
            Throw.OutOfRange(name, "a weight from 0 to 1", weight);
        }

        return weight;
    }
}
