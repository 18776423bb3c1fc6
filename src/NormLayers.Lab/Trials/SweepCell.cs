namespace NormLayers.Lab.Trials;

/// <summary>One combination of values and its trials.</summary>
/// <param name="Values">The value of each axis.</param>
/// <param name="Trials">The trial of each seed; null where it has not been run.</param>
public sealed record SweepCell(IReadOnlyList<string> Values, IReadOnlyList<TrialSummary?> Trials)
{
    /// <summary>What most trials do, of equally many the worse; null if none has been run.</summary>
    public SweepOutcome? Outcome => Trials.All(t => t is null)
        ? null
        : Enum.GetValues<SweepOutcome>().OrderByDescending(Count).ThenByDescending(o => o).First();

    /// <summary>Mean and interval over the trials that did not diverge, and in which the quantity is finite.</summary>
    /// <param name="quantity">Of this quantity.</param>
    public Estimate Estimate(Func<TrialSummary, double> quantity) =>
        Lab.Trials.Estimate.Of([.. Trials.OfType<TrialSummary>().Where(t => t.Outcome != SweepOutcome.Diverges).Select(quantity).Where(double.IsFinite)]);

    /// <summary>How many trials do this.</summary>
    /// <param name="outcome">What they do.</param>
    public int Count(SweepOutcome outcome) => Trials.Count(t => t?.Outcome == outcome);
}
