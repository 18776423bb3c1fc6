namespace NormLayers.Cli.Report;

/// <summary>A picture of numbers: what a report draws, and what a table beside it lists.</summary>
internal abstract record Chart
{
    /// <summary>What the picture is of.</summary>
    public required string Title { get; init; }

    /// <summary>What the reader sees, in a sentence or two; is printed below the picture and replaces it where it cannot be seen.</summary>
    public required string Words { get; init; }

    public required Axis X { get; init; }

    public required Axis Y { get; init; }

    /// <summary>The same numbers as text.</summary>
    public abstract Table ToTable();
}

/// <summary>One axis of a chart.</summary>
/// <param name="Title">The quantity and its unit.</param>
/// <param name="Log">Whether it is logarithmic; values that are not positive are then not drawn.</param>
internal sealed record Axis(string Title, bool Log = false)
{
    /// <summary>The names of the places 0, 1, 2, …; null on an axis of numbers.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Where the axis starts; null starts it at the data.</summary>
    public double? Minimum { get; init; }

    /// <summary>Where the axis ends; null ends it at the data.</summary>
    public double? Maximum { get; init; }

    /// <summary>The name of a place, or the number itself.</summary>
    public string NameOf(double value) => Labels is null ? Table.Number(value) : Labels[(int)value];
}
