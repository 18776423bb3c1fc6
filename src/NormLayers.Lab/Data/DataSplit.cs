namespace NormLayers.Lab.Data;

/// <summary>Samples to train on and samples to test on, with the same features and classes.</summary>
/// <param name="Train">The training set.</param>
/// <param name="Test">The test set.</param>
public sealed record DataSplit(Dataset Train, Dataset Test)
{
    /// <summary>The training set.</summary>
    public Dataset Train { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = Train ?? throw new ArgumentNullException(nameof(Train));

    /// <summary>The test set.</summary>
    public Dataset Test { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = Test ?? throw new ArgumentNullException(nameof(Test));

    /// <summary>What both sets were standardized with; null if they were not.</summary>
    public Standardization? Standardization { get; init; }
}
