namespace NormLayers.Lab.Training;

/// <summary>Watches a training run; the calls come from the training thread and hold it up.</summary>
public interface ITrainingObserver
{
    /// <summary>Called after each optimizer step.</summary>
    /// <param name="metrics">What the step saw.</param>
    void OnStep(in StepMetrics metrics)
    {
    }

    /// <summary>Called after the update of each step that <see cref="TrainingOptions.ProbeInterval"/> selects, before its <see cref="OnStep"/>.</summary>
    /// <param name="record">What the layers looked like in the step.</param>
    void OnProbe(ProbeRecord record)
    {
    }

    /// <summary>Called after each epoch, with both sets evaluated.</summary>
    /// <param name="metrics">What the epoch came to.</param>
    void OnEpoch(EpochMetrics metrics)
    {
    }
}
