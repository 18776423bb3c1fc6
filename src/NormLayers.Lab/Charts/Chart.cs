namespace NormLayers.Lab.Charts;

/// <summary>A picture of numbers: what a report draws, and what a table beside it lists.</summary>
public abstract record Chart
{
    private protected Chart()
    {
    }

    /// <summary>What the picture is of.</summary>
    public required string Title { get; init; }

    /// <summary>What the reader sees, in a sentence or two; it is printed below the picture and replaces it where it cannot be seen.</summary>
    public required string Words { get; init; }

    /// <summary>The horizontal axis.</summary>
    public required Axis X { get; init; }

    /// <summary>The vertical axis.</summary>
    public required Axis Y { get; init; }

    /// <summary>The same numbers as text.</summary>
    public abstract Table ToTable();
}
