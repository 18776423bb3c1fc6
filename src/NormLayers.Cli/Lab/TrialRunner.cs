using System.Diagnostics;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Cli.Lab;

/// <summary>Trains one network as the settings say. Every verb trains by this, so that equal settings give equal bits in each.</summary>
internal static class TrialRunner
{
    /// <summary>The optimizer steps of the settings.</summary>
    public static long CountSteps(Settings settings)
    {
        long samples = settings.Get(Keys.TrainCount);
        long batch = settings.Get(Keys.BatchSize);
        return settings.Get(Keys.Epochs) * (settings.Get(Keys.DropLast) ? samples / batch : (samples + batch - 1) / batch);
    }

    /// <summary>The network of the settings, freshly drawn.</summary>
    public static Sequential CreateNetwork(Settings settings, RunSeeds seeds, DataSplit data) => Mlp.Create(new MlpOptions
    {
        InputFeatures = data.Train.FeatureCount,
        HiddenFeatures = settings.HiddenWidths,
        Classes = data.Train.ClassCount,
        Normalization = settings.Get(Keys.Mode),
        Initialization = settings.Get(Keys.Initialization),
        InitializationScale = settings.Get(Keys.InitializationScale),
        Epsilon = settings.Get(Keys.Epsilon),
        Momentum = settings.Get(Keys.BatchNormMomentum).ToMomentum(),
        Seed = seeds.Weights,
    });

    /// <summary>The optimizer of the settings.</summary>
    public static Optimizer CreateOptimizer(Settings settings, Sequential network)
    {
        double rate = settings.Get(Keys.LearningRate);
        double decay = settings.Get(Keys.WeightDecay);
        return settings.Get(Keys.Optimizer) == OptimizerKind.Adam
            ? new AdamOptimizer(network.Parameters, rate, weightDecay: decay)
            : new SgdOptimizer(network.Parameters, rate, settings.Get(Keys.Momentum), decay);
    }

    /// <summary>How the settings ask to train.</summary>
    public static TrainingOptions CreateOptions(Settings settings, RunSeeds seeds) => new()
    {
        Epochs = settings.GetInt(Keys.Epochs),
        BatchSize = settings.GetInt(Keys.BatchSize),
        DropLast = settings.Get(Keys.DropLast),
        Shuffle = settings.Get(Keys.Shuffle),
        Seed = seeds.Order,
    };

    /// <summary>Trains on the calling thread.</summary>
    /// <param name="settings">All settings; probes are a separate argument, as only few verbs have a use for them.</param>
    /// <param name="seeds">The seeds of weights and order.</param>
    /// <param name="data">What to train on.</param>
    /// <param name="observer">Who is told of the training.</param>
    /// <param name="cancellation">Ends it after the step at hand.</param>
    /// <param name="probeInterval">Steps from one probe to the next; 0 for none.</param>
    /// <param name="everyEpoch">Whether the network is evaluated after every epoch, and not only after the last.</param>
    public static TrainingResult Train(
        Settings settings, RunSeeds seeds, DataSplit data, ITrainingObserver? observer, CancellationToken cancellation, int probeInterval = 0, bool everyEpoch = true)
    {
        Sequential network = CreateNetwork(settings, seeds, data);
        TrainingOptions options = CreateOptions(settings, seeds) with { ProbeInterval = probeInterval, EvaluationInterval = everyEpoch ? 1 : int.MaxValue };
        Trainer trainer = new(network, CreateOptimizer(settings, network), options, observer);
        return trainer.Fit(data, cancellation);
    }

    /// <summary>Trains with the seed in the settings, and takes the time.</summary>
    public static TrialResult Run(Settings settings, DataSplit data, ITrainingObserver? observer, CancellationToken cancellation, bool everyEpoch = true)
    {
        long started = Stopwatch.GetTimestamp();
        TrainingResult result = Train(settings, RunSeeds.From(settings.Get(Keys.Seed)), data, observer, cancellation, everyEpoch: everyEpoch);
        return new TrialResult(settings, result, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}

/// <summary>What one trial came to.</summary>
/// <param name="Settings">All settings of the trial, its seed among them.</param>
/// <param name="Result">The training's result.</param>
/// <param name="Seconds">The time it took on its one thread, evaluations included.</param>
internal sealed record TrialResult(Settings Settings, TrainingResult Result, double Seconds);
