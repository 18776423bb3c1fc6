using NormLayers.Cli.Configuration;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Lab;

/// <summary>What a sweep has come to so far.</summary>
/// <param name="Settings">The settings that all trials share; each trial has its own seed and axis values.</param>
/// <param name="Grid">The axes.</param>
/// <param name="Seeds">The seeds of each cell.</param>
/// <param name="Data">What the trials are run on.</param>
/// <param name="Cells">The cells, the last axis varying fastest.</param>
internal sealed record SweepResult(Settings Settings, SweepGrid Grid, IReadOnlyList<long> Seeds, DataSummary Data, IReadOnlyList<SweepCell> Cells)
{
    public int Done => Cells.Sum(c => c.Trials.Count(t => t is not null));

    public int Total => Cells.Count * Seeds.Count;

    public bool AllDiverged => Cells.All(c => c.Count(SweepOutcome.Diverges) == Seeds.Count);
}

/// <summary>One combination of values.</summary>
/// <param name="Values">The value of each axis.</param>
/// <param name="Trials">The trial of each seed; null where it has not been run.</param>
internal sealed record SweepCell(IReadOnlyList<string> Values, IReadOnlyList<TrialFile?> Trials)
{
    /// <summary>What most trials do, of equally many the worse; null if none has been run.</summary>
    public SweepOutcome? Outcome => Trials.All(t => t is null)
        ? null
        : Enum.GetValues<SweepOutcome>().OrderByDescending(Count).ThenByDescending(o => o).First();

    /// <summary>Mean and interval over the trials that did not diverge.</summary>
    public Estimate Estimate(Func<TrialFile, double> quantity) =>
        NormLayers.Lab.Trials.Estimate.Of([.. Trials.OfType<TrialFile>().Where(t => t.Outcome != SweepOutcome.Diverges).Select(quantity)]);

    public int Count(SweepOutcome outcome) => Trials.Count(t => t?.Outcome == outcome);
}
