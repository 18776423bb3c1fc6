namespace NormLayers;

/// <summary>How running statistics follow the batches. Named, because the same number means opposite things in different libraries.</summary>
/// <remarks>
/// PyTorch's <c>momentum=0.1</c> is <see cref="NewWeight"/>(0.1); the same behaviour is <c>0.9</c> in Keras, Flax and ONNX:
/// <see cref="OldWeight"/>(0.9), which is equal to it: weights are compared in fifteen decimal places, as 1 − 0.9 is not the double nearest to 0.1.
/// PyTorch's <c>momentum=None</c> is <see cref="Cumulative"/>.
/// </remarks>
public readonly record struct Momentum
{
    internal const int Decimals = 15;

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

    /// <summary>The weight of the new batch in fifteen decimal places, 0.1 also for 1 − 0.9; null for the cumulative average.</summary>
    internal double? Rounded => _newWeight is { } weight ? Math.Round(weight, Decimals) : null;

    /// <summary>The convention and its number in fifteen decimal places, as in <c>new weight 0.1</c>, also for 1 − 0.9.</summary>
    public override string ToString() => Rounded is { } weight ? FormattableString.Invariant($"new weight {weight}") : "cumulative average";

    /// <summary>Whether both follow the batches alike, with weights that are the same in fifteen decimal places.</summary>
    /// <param name="other">The other.</param>
    public bool Equals(Momentum other) => Rounded == other.Rounded;

    /// <inheritdoc/>
    public override int GetHashCode() => Rounded.GetHashCode();

    private static double Checked(double weight, string name)
    {
        if (!(weight is >= 0 and <= 1))
        {
            Throw.OutOfRange(name, "a weight from 0 to 1", weight);
        }

        return weight;
    }
}
