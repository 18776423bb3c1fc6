namespace NormLayers.Lab.Charts;

/// <summary>One curve, or one set of points.</summary>
public sealed record Series
{
    /// <summary>Checks that what belongs together has one length.</summary>
    /// <param name="name">What the legend calls it.</param>
    /// <param name="x">Where the points stand, each place once.</param>
    /// <param name="y">Their values; what is not finite is a gap.</param>
    /// <param name="low">The lower bounds of a band or of intervals; null if there is none.</param>
    /// <param name="high">The upper bounds; null if there is none.</param>
    /// <exception cref="ArgumentException">The lists differ in length, or only one of the bounds is given.</exception>
    public Series(string name, IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double>? low = null, IReadOnlyList<double>? high = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count != y.Count || low?.Count != high?.Count || (low is not null && low.Count != y.Count))
        {
            throw new ArgumentException($"The lists of the series '{name}' differ in length.", nameof(y));
        }

        (Name, X, Y, Low, High) = (name, x, y, low, high);
    }

    /// <summary>What the legend calls it.</summary>
    public string Name { get; }

    /// <summary>Where the points stand.</summary>
    public IReadOnlyList<double> X { get; }

    /// <summary>Their values.</summary>
    public IReadOnlyList<double> Y { get; }

    /// <summary>The lower bounds; null if there are none.</summary>
    public IReadOnlyList<double>? Low { get; }

    /// <summary>The upper bounds; null if there are none.</summary>
    public IReadOnlyList<double>? High { get; }

    /// <summary>Its colour, dashes and marker: series of one style belong together, as all series of one mode do.</summary>
    public SeriesStyle Style { get; init; } = SeriesStyle.Blue;

    /// <summary>Whether the points are joined; bounds are then a band, else a bar at each point.</summary>
    public bool Joined { get; init; } = true;
}
