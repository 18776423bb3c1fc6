using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>What a run writes to its log.</summary>
internal sealed class RunLogger(ILogger log) : ITrainingObserver
{
    public void Start(Settings settings, IEnumerable<string> notes)
    {
        log.LogInformation(
            "normlayers {Tool}, library {Library}, {Runtime}, seed {Seed}",
            MachineInfo.ToolVersion, MachineInfo.NormLayersVersion, RuntimeInformation.FrameworkDescription, settings.Get(Keys.Seed));
        log.LogInformation("configuration {Configuration}", settings.ToJson().ToJsonString());
        foreach (string setting in settings.Describe())
        {
            log.LogDebug("{Setting}", setting);
        }

        foreach (string note in notes)
        {
            log.LogWarning("{Note}", note);
        }
    }

    public void OnStep(in StepMetrics metrics) =>
        log.LogDebug("step {Step}, epoch {Epoch}: loss {Loss}, {Correct} of {Samples} correct",
            metrics.Step, metrics.Epoch, metrics.Loss, metrics.Correct, metrics.Samples);

    public void OnEpoch(EpochMetrics metrics) =>
        log.LogInformation(
            "epoch {Epoch}: train loss {TrainLoss}, accuracy {TrainAccuracy}; test loss {TestLoss}, accuracy {TestAccuracy}; {Seconds:0.000} s",
            metrics.Epoch, metrics.Train.Loss, metrics.Train.Accuracy, metrics.Test.Loss, metrics.Test.Accuracy, metrics.Seconds);

    public void End(TrainingResult result)
    {
        if (result.Divergence is { } divergence)
        {
            log.LogError("diverged: {Message}", divergence.Message);
        }

        log.LogInformation(
            "{Status} after {Steps} steps: train loss {TrainLoss}, accuracy {TrainAccuracy}; test loss {TestLoss}, accuracy {TestAccuracy}",
            result.Status, result.Steps, result.Train.Loss, result.Train.Accuracy, result.Test.Loss, result.Test.Accuracy);
    }

    /// <summary>Notes the end of one trial of many.</summary>
    public void Trial(TrialResult trial) =>
        log.LogInformation(
            "{Mode}, seed {Seed}: {Status} after {Steps} steps, train loss {TrainLoss}, test loss {TestLoss}, accuracy {TestAccuracy}{Divergence}",
            trial.Options.Normalization.Name, trial.Options.Seed, trial.Result.Status.ToString().ToLowerInvariant(), trial.Result.Steps,
            trial.Result.Train.Loss, trial.Result.Test.Loss, trial.Result.Test.Accuracy, trial.Result.Divergence is { } divergence ? ". " + divergence.Message : string.Empty);

    /// <summary>Notes what a run goes on from.</summary>
    public void Resume(string path, long step) => log.LogInformation("resumed from {Path} after step {Step}", path, step);

    public void Error(string message) => log.LogError("{Message}", message);
}
