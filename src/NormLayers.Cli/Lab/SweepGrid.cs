using NormLayers.Cli.Configuration;

namespace NormLayers.Cli.Lab;

/// <summary>All combinations of the values of some axes.</summary>
/// <param name="Axes">The axes.</param>
internal sealed record SweepGrid(IReadOnlyList<SweepAxis> Axes)
{
    public const int MostTrials = 100_000;

    /// <summary>How many combinations there are.</summary>
    public double Count => Axes.Aggregate(1.0, (count, axis) => count * axis.Values.Count);

    /// <summary>The value of each axis in each cell; the last axis varies fastest.</summary>
    public IEnumerable<IReadOnlyList<string>> Cells() => Axes.Aggregate<SweepAxis, IEnumerable<IReadOnlyList<string>>>(
        [[]], (cells, axis) => cells.SelectMany(_ => axis.Values, (cell, value) => (IReadOnlyList<string>)[.. cell, value]));

    /// <summary>The settings of one cell.</summary>
    /// <param name="settings">What the cells share.</param>
    /// <param name="values">The cell's values.</param>
    /// <param name="errors">Receives what is wrong with them, each error once.</param>
    public Settings Apply(Settings settings, IReadOnlyList<string> values, List<Diagnostic> errors)
    {
        Settings cell = settings.Copy();
        foreach ((SweepAxis axis, string value) in Axes.Zip(values))
        {
            if (axis.Kind.Apply(cell, value, axis.Origin) is { } error)
            {
                Diagnostic diagnostic = new(axis.Origin, error);
                if (!errors.Contains(diagnostic))
                {
                    errors.Add(diagnostic);
                }
            }
        }

        return cell;
    }
}
