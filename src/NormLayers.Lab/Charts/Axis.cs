namespace NormLayers.Lab.Charts;

/// <summary>One axis of a chart.</summary>
/// <param name="Title">The quantity and its unit.</param>
/// <param name="Log">Whether it is logarithmic; values that are not positive are then not drawn.</param>
public sealed record Axis(string Title, bool Log = false)
{
    /// <summary>The names of the places 0, 1, 2, …; null on an axis of numbers.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Where the axis starts; null starts it at the data.</summary>
    public double? Minimum { get; init; }

    /// <summary>Where the axis ends; null ends it at the data.</summary>
    public double? Maximum { get; init; }

    /// <summary>The name of a place, or the number itself.</summary>
    internal string NameOf(double value) => Labels is null ? Table.Number(value) : Labels[(int)value];
}
