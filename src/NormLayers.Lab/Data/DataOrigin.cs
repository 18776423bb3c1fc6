namespace NormLayers.Lab.Data;

/// <summary>What the reader of a data set found and decided.</summary>
public sealed record DataOrigin
{
    /// <summary>Whether the first row of a file named its columns; null where a format has no such row.</summary>
    public bool? Header { get; init; }

    /// <summary>The column of the labels: its name in the header or its number from 0; null where a format has no columns.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>The place of that column, counted from 0; null where a format has no columns.</summary>
    public int? LabelIndex { get; init; }

    /// <summary>The names of the features, where a header gives them.</summary>
    public IReadOnlyList<string>? FeatureNames { get; init; }

    /// <summary>What the owner of the data should know, a sentence without a full stop each: what was decided, then what looks wrong.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];
}
