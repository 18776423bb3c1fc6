namespace NormLayers.Lab.Trials;

/// <summary>What a trial, or most trials of a cell, do; worse ones later.</summary>
public enum SweepOutcome
{
    /// <summary>The final training loss is at most half of the loss of guessing (<see cref="DataSummary.GuessingLoss"/>).</summary>
    Trains,

    /// <summary>The loss stayed finite and did not fall so far.</summary>
    Stalls,

    /// <summary>The loss was no longer finite.</summary>
    Diverges,
}
