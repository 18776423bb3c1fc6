namespace NormLayers.Lab.Data;

/// <summary>What samples a classifier takes.</summary>
/// <param name="FeatureCount">The features of a sample, ≥ 1.</param>
/// <param name="ClassNames">The name of each class.</param>
public sealed record SampleFormat(int FeatureCount, IReadOnlyList<string> ClassNames)
{
    /// <summary>The name of each class.</summary>
    public IReadOnlyList<string> ClassNames { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = ClassNames ?? throw new ArgumentNullException(nameof(ClassNames));

    /// <summary>The names of the features in training, in order; null if they had none.</summary>
    public IReadOnlyList<string>? FeatureNames { get; init; }

    /// <summary>The column of the labels in training: its name in the header, or its number; null if there were no columns.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>The place of that column, counted from 0.</summary>
    public int? LabelIndex { get; init; }
}
