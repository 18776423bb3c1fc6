namespace NormLayers.Cli.Report;

/// <summary>One curve, or one set of points.</summary>
internal sealed record Series
{
    /// <summary>Checks that what belongs together has one length.</summary>
    /// <param name="name">What the legend calls it.</param>
    /// <param name="x">Where the points stand, each place once.</param>
    /// <param name="y">Their values; what is not finite is a gap.</param>
    /// <param name="low">The lower bounds of a band or of intervals; null if there is none.</param>
    /// <param name="high">The upper bounds; null if there is none.</param>
    public Series(string name, IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double>? low = null, IReadOnlyList<double>? high = null)
    {
        if (x.Count != y.Count || low?.Count != high?.Count || (low is not null && low.Count != y.Count))
        {
            throw new ArgumentException($"The lists of the series '{name}' differ in length.", nameof(y));
        }

        (Name, X, Y, Low, High) = (name, x, y, low, high);
    }

    public string Name { get; }

    public IReadOnlyList<double> X { get; }

    public IReadOnlyList<double> Y { get; }

    public IReadOnlyList<double>? Low { get; }

    public IReadOnlyList<double>? High { get; }

    /// <summary>Its colour, dashes and marker: series of one style belong together, as all series of one mode do.</summary>
    public SeriesStyle Style { get; init; } = SeriesStyle.Blue;

    /// <summary>Whether the points are joined; bounds are then a band, else a bar at each point.</summary>
    public bool Joined { get; init; } = true;
}
