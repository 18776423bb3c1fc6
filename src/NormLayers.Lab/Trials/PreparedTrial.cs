using System.Diagnostics;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Trials;

/// <summary>A trial with its network and optimizer, before and after it is run.</summary>
public sealed class PreparedTrial
{
    private readonly TrialOptions _options;
    private readonly DataSplit _data;
    private readonly RunSeeds _seeds;

    /// <summary>Draws the weights.</summary>
    /// <param name="options">The trial.</param>
    /// <param name="data">What to train on.</param>
    /// <exception cref="ArgumentException">An option out of range.</exception>
    public PreparedTrial(TrialOptions options, DataSplit data)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(data);
        Throw.IfUndefined(options.Optimizer, nameof(options.Optimizer));
        (_options, _data, _seeds) = (options, data, RunSeeds.From(options.Seed));
        NetworkOptions = new MlpOptions
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
            Seed = _seeds.Weights,
        };
        Network = Mlp.Create(NetworkOptions);
        Optimizer = options.Optimizer == OptimizerKind.Adam
            ? new AdamOptimizer(Network.Parameters, options.LearningRate, weightDecay: options.WeightDecay)
            : new SgdOptimizer(Network.Parameters, options.LearningRate, options.Momentum, options.WeightDecay);
    }

    /// <summary>Widths, normalization and seed of the network.</summary>
    public MlpOptions NetworkOptions { get; }

    /// <summary>The network.</summary>
    public Sequential Network { get; }

    /// <summary>The optimizer of its parameters.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>Trains the network: <b>changes</b> its parameters and running statistics, and the optimizer's state. A second call goes on from there.</summary>
    /// <param name="observer">Who is told of the training; may be null.</param>
    /// <param name="probeInterval">Steps from one probe of the layers to the next; 0 for none.</param>
    /// <param name="everyEpoch">Whether the network is evaluated after every epoch, and not only after the last.</param>
    /// <param name="checkpoints">When the training is saved, and what it goes on from; null for neither.</param>
    /// <param name="cancellationToken">Ends it after the step at hand.</param>
    /// <returns>What it came to; a diverged or cancelled trial is a result, not an exception.</returns>
    /// <exception cref="ArgumentException">An option out of range, or data that do not fit.</exception>
    /// <exception cref="InvalidDataException">The state to go on from is of another training, or damaged.</exception>
    public TrialResult Run(
        ITrainingObserver? observer = null, int probeInterval = 0, bool everyEpoch = true, Checkpoints? checkpoints = null, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        double before = checkpoints?.Resume?.Position.SecondsBefore ?? 0;
        TrainingOptions training = new()
        {
            Epochs = _options.Epochs,
            BatchSize = _options.BatchSize,
            DropLast = _options.DropLast,
            Shuffle = _options.Shuffle,
            Seed = _seeds.Order,
            ProbeInterval = probeInterval,
            EvaluationInterval = everyEpoch ? 1 : int.MaxValue,
        };
        TrainingResult result = new Trainer(Network, Optimizer, training, observer).Fit(_data, checkpoints, cancellationToken);
        return new TrialResult(_options, result, before + Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>The network with the names of the classes, and what the data were standardized with.</summary>
    public Classifier ToClassifier()
    {
        Dataset train = _data.Train;
        return new Classifier(
            Network,
            NetworkOptions,
            new SampleFormat(train.FeatureCount, train.ClassNames)
            {
                FeatureNames = train.Origin.FeatureNames,
                LabelColumn = train.Origin.LabelColumn,
                LabelIndex = train.Origin.LabelIndex,
            },
            _data.Standardization);
    }
}
