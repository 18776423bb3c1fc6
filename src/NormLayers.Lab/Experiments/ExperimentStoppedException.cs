using System.Globalization;

namespace NormLayers.Lab.Experiments;

/// <summary>An experiment was asked to stop before it could be judged.</summary>
/// <param name="done">The numbers of the trials that were done.</param>
/// <param name="trials">How many trials there were to do.</param>
public sealed class ExperimentStoppedException(ExperimentTable done, int trials) : OperationCanceledException
{
    /// <summary>The numbers of the trials that were done.</summary>
    public ExperimentTable Done => done;

    /// <inheritdoc/>
    public override string Message => string.Create(
        CultureInfo.InvariantCulture, $"Stopped after {done.Rows.Count} of {trials} trials: nothing was judged.");
}
