using System.Diagnostics;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Trials;

/// <summary>Trains one network as its options say: equal options and data give equal bits, alone or among other trials.</summary>
public static class Trial
{
    /// <summary>The optimizer steps that a trial takes.</summary>
    /// <param name="options">The trial.</param>
    /// <param name="samples">The samples of its training set.</param>
    public static long CountSteps(TrialOptions options, long samples)
    {
        ArgumentNullException.ThrowIfNull(options);
        long batch = options.BatchSize;
        return options.Epochs * (options.DropLast ? samples / batch : (samples + batch - 1) / batch);
    }

    /// <summary>Trains on the calling thread.</summary>
    /// <param name="options">The trial.</param>
    /// <param name="data">What to train on.</param>
    /// <param name="observer">Who is told of the training; may be null.</param>
    /// <param name="probeInterval">Steps from one probe of the layers to the next; 0 for none.</param>
    /// <param name="everyEpoch">Whether the network is evaluated after every epoch, and not only after the last.</param>
    /// <param name="cancellationToken">Ends it after the step at hand.</param>
    /// <returns>What it came to; a diverged or cancelled trial is a result, not an exception.</returns>
    /// <exception cref="ArgumentException">An option out of range, or data that do not fit.</exception>
    public static TrialResult Run(
        TrialOptions options,
        DataSplit data,
        ITrainingObserver? observer = null,
        int probeInterval = 0,
        bool everyEpoch = true,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(data);
        long started = Stopwatch.GetTimestamp();
        RunSeeds seeds = RunSeeds.From(options.Seed);
        Sequential network = Mlp.Create(new MlpOptions
        {
            InputFeatures = data.Train.FeatureCount,
            HiddenFeatures = options.HiddenFeatures,
            Classes = data.Train.ClassCount,
            Normalization = options.Normalization,
            NormalizationOptions = options.NormalizationOptions,
            Patches = options.Patches,
            Initialization = options.Initialization,
            InitializationScale = options.InitializationScale,
            Epsilon = options.Epsilon,
            Momentum = options.BatchNormMomentum,
            Seed = seeds.Weights,
        });
        Optimizer optimizer = options.Optimizer == OptimizerKind.Adam
            ? new AdamOptimizer(network.Parameters, options.LearningRate, weightDecay: options.WeightDecay)
            : new SgdOptimizer(network.Parameters, options.LearningRate, options.Momentum, options.WeightDecay);
        TrainingOptions training = new()
        {
            Epochs = options.Epochs,
            BatchSize = options.BatchSize,
            DropLast = options.DropLast,
            Shuffle = options.Shuffle,
            Seed = seeds.Order,
            ProbeInterval = probeInterval,
            EvaluationInterval = everyEpoch ? 1 : int.MaxValue,
        };
        TrainingResult result = new Trainer(network, optimizer, training, observer).Fit(data, cancellationToken);
        return new TrialResult(options, result, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
