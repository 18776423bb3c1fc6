namespace NormLayers.Lab.Data;

/// <summary>Samples to train on and samples to test on, with the same features and classes.</summary>
/// <param name="Train">The training set.</param>
/// <param name="Test">The test set.</param>
public sealed record DataSplit(Dataset Train, Dataset Test)
{
    /// <summary>What both sets were standardized with; null if they were not.</summary>
    public Standardization? Standardization { get; init; }
}
