using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>Trains for a number of steps, where <see cref="Trainer"/> counts epochs.</summary>
internal static class StepTraining
{
    /// <summary>Trains until the last step, or until the loss is no longer finite.</summary>
    /// <param name="network">The network; it is changed.</param>
    /// <param name="optimizer">The optimizer of its parameters.</param>
    /// <param name="data">The samples.</param>
    /// <param name="batch">Samples of a mini-batch; the last ones of an epoch that do not fill one are left out.</param>
    /// <param name="steps">How many steps.</param>
    /// <param name="seed">The seed of the order of samples.</param>
    /// <param name="progress">Is told of the epochs; null if nobody is.</param>
    /// <param name="onStep">Is told the number of each step, from 1, after it; null if nobody is.</param>
    /// <param name="cancellation">Ends the training after the step at hand.</param>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    public static StepResult Run(
        Sequential network,
        Optimizer optimizer,
        DataSplit data,
        int batch,
        long steps,
        ulong seed,
        ITrainingObserver? progress,
        Action<long>? onStep,
        CancellationToken cancellation)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        int stepsPerEpoch = data.Train.Count / batch;
        TrainingOptions options = new()
        {
            Epochs = (int)((steps + stepsPerEpoch - 1) / stepsPerEpoch),
            BatchSize = batch,
            DropLast = true,
            Seed = seed,
        };
        Observer observer = new(steps, end, progress, onStep);
        TrainingResult result = new Trainer(network, optimizer, options, observer).Fit(data, end.Token);
        cancellation.ThrowIfCancellationRequested();
        return new StepResult(result.Train, result.Test, result.Divergence, data.Train.ClassCount);
    }

    private sealed class Observer(long steps, CancellationTokenSource end, ITrainingObserver? progress, Action<long>? onStep) : ITrainingObserver
    {
        public void OnStep(in StepMetrics metrics)
        {
            onStep?.Invoke(metrics.Step);
            if (metrics.Step == steps)
            {
                end.Cancel();
            }
        }

        public void OnEpoch(EpochMetrics metrics) => progress?.OnEpoch(metrics);
    }
}

/// <summary>What a training of some steps came to.</summary>
/// <param name="Train">The training set at the end, in evaluation mode.</param>
/// <param name="Test">The test set at the end, in evaluation mode.</param>
/// <param name="Divergence">Why and where it diverged; null if it did not.</param>
/// <param name="Classes">The number of classes.</param>
internal sealed record StepResult(Evaluation Train, Evaluation Test, Divergence? Divergence, int Classes)
{
    /// <summary>The share of correct test samples, 0 to 1; a network that diverged counts as guessing.</summary>
    public double TestAccuracy => Divergence is null ? Test.Accuracy : 1.0 / Classes;
}
