using System.Globalization;

namespace NormLayers.Lab.Trials;

/// <summary>What a sweep has come to so far.</summary>
/// <param name="Grid">The axes and points.</param>
/// <param name="Seeds">The seeds of each cell.</param>
/// <param name="Data">What the trials are run on.</param>
/// <param name="Cells">The cells, the last axis varying fastest.</param>
public sealed record SweepResult(SweepGrid Grid, IReadOnlyList<long> Seeds, DataSummary Data, IReadOnlyList<SweepCell> Cells)
{
    /// <summary>The trials that are done.</summary>
    public int Done => Cells.Sum(c => c.Trials.Count(t => t is not null));

    /// <summary>The trials of the whole sweep.</summary>
    public int Total => Cells.Count * Seeds.Count;

    /// <summary>Whether every trial diverged.</summary>
    public bool AllDiverged => Cells.All(c => c.Count(SweepOutcome.Diverges) == Seeds.Count);

    /// <summary>How many seeds of a cell diverge and where the first does, in one line; null if none does.</summary>
    /// <param name="cell">The cell.</param>
    public string? DescribeDivergence(SweepCell cell)
    {
        ArgumentNullException.ThrowIfNull(cell);
        TrialSummary[] diverged = [.. cell.Trials.OfType<TrialSummary>().Where(t => t.Divergence is not null)];
        if (diverged.MinBy(t => t.Divergence!.Step) is not { } first)
        {
            return null;
        }

        string where = string.Join(", ", Grid.Axes.Zip(cell.Values, (axis, value) => axis.Name == "mode" ? value : $"{axis.Name} {value}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{where}: {diverged.Length} of {Seeds.Count} diverge, first at step {first.Divergence!.Step} in {first.Divergence.Layer} ({first.Divergence.Kind.ToString().ToLowerInvariant()}, seed {first.Seed})");
    }
}
