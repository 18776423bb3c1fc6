namespace NormLayers.Lab.Data;

/// <summary>A synthetic classification problem: one Gaussian cloud a class, its features on different scales and off centre.</summary>
public sealed record SyntheticOptions
{
    /// <summary>The samples to train on, ≥ 1.</summary>
    public int TrainCount { get; init; } = 2000;

    /// <summary>The samples to test on, ≥ 1.</summary>
    public int TestCount { get; init; } = 500;

    /// <summary>The features of a sample, ≥ 1.</summary>
    public int Features { get; init; } = 20;

    /// <summary>The number of classes, ≥ 2.</summary>
    public int Classes { get; init; } = 3;

    /// <summary>
    /// The root-mean-square distance between two class means, in standard deviations of a class, 0 to 10⁶: what makes the
    /// problem easy or hard for the best of classifiers.
    /// </summary>
    public double Separation { get; init; } = 3.5;

    /// <summary>
    /// The decades between the feature with the smallest scale and the one with the largest, 0 to 30: feature scales run
    /// from 10^(−spread/2) to 10^(spread/2), evenly spaced, in random order.
    /// </summary>
    public double ScaleSpread { get; init; } = 1;

    /// <summary>How far each feature's centre lies from 0, up or down at random, in units of the feature's scale, 0 to 10⁶.</summary>
    public double OffsetSpread { get; init; } = 4;

    /// <summary>The seed: the same options give the same bits.</summary>
    public ulong Seed { get; init; } = 42;
}
