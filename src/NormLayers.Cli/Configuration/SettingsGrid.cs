using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Configuration;

/// <summary>All combinations of the values of some axes, as settings.</summary>
/// <param name="Axes">The axes.</param>
internal sealed record SettingsGrid(IReadOnlyList<GridAxis> Axes)
{
    public const int MostTrials = 100_000;

    /// <summary>How many combinations there are.</summary>
    public double Count => Axes.Aggregate(1.0, (count, axis) => count * axis.Values.Count);

    /// <summary>The value of each axis in each cell; the last axis varies fastest.</summary>
    public IEnumerable<IReadOnlyList<string>> Cells() => Axes.Aggregate<GridAxis, IEnumerable<IReadOnlyList<string>>>(
        [[]], (cells, axis) => cells.SelectMany(_ => axis.Values, (cell, value) => (IReadOnlyList<string>)[.. cell, value]));

    /// <summary>The settings of one cell.</summary>
    /// <param name="settings">What the cells share.</param>
    /// <param name="values">The cell's values.</param>
    /// <param name="errors">Receives what is wrong with them, each error once.</param>
    public Settings Apply(Settings settings, IReadOnlyList<string> values, List<Diagnostic> errors)
    {
        Settings cell = settings.Copy();
        cell.Modes = [];
        foreach ((GridAxis axis, string value) in Axes.Zip(values))
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

    /// <summary>The same as trials.</summary>
    /// <param name="settings">What the cells share.</param>
    public SweepGrid ToSweepGrid(Settings settings) => new(
        settings.ToTrial(),
        [.. Axes.Select(a => new SweepAxis(a.Name, a.Values))],
        [.. Cells().Select(values => new SweepPoint(values, Apply(settings, values, []).ToTrial()))]);
}
