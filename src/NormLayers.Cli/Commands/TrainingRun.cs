using System.Diagnostics;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Data;
using NormLayers.Network;
using NormLayers.Training;

namespace NormLayers.Cli.Commands;

/// <summary>One training, from settings to result.</summary>
internal sealed record TrainingRun(Settings Settings, TrainingResult Result, double Seconds)
{
    private string Mode => Keys.Modes.NameOf(Settings.Get(Keys.Mode));

    /// <summary>The optimizer steps that the settings ask for.</summary>
    public static long CountSteps(Settings settings)
    {
        long samples = settings.Get(Keys.TrainCount);
        long batch = settings.Get(Keys.BatchSize);
        return settings.Get(Keys.Epochs) * (settings.Get(Keys.DropLast) ? samples / batch : (samples + batch - 1) / batch);
    }

    public static TrainingRun Execute(
        Settings settings, RunSeeds seeds, DataSplit data, Progress progress, RunLogger log, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        Sequential network = Mlp.Create(new MlpOptions
        {
            InputFeatures = data.Train.FeatureCount,
            HiddenFeatures = settings.HiddenWidths,
            Classes = data.Train.ClassCount,
            Normalization = settings.Get(Keys.Mode),
            Initialization = settings.Get(Keys.Initialization),
            Epsilon = settings.Get(Keys.Epsilon),
            Momentum = settings.Get(Keys.BatchNormMomentum).ToMomentum(),
            Seed = seeds.Weights,
        });
        double rate = settings.Get(Keys.LearningRate);
        double decay = settings.Get(Keys.WeightDecay);
        Optimizer optimizer = settings.Get(Keys.Optimizer) == OptimizerKind.Adam
            ? new AdamOptimizer(network.Parameters, rate, weightDecay: decay)
            : new SgdOptimizer(network.Parameters, rate, settings.Get(Keys.Momentum), decay);
        TrainingOptions options = new()
        {
            Epochs = settings.GetInt(Keys.Epochs),
            BatchSize = settings.GetInt(Keys.BatchSize),
            DropLast = settings.Get(Keys.DropLast),
            Shuffle = settings.Get(Keys.Shuffle),
            Seed = seeds.Order,
        };
        Trainer trainer = new(network, optimizer, options, new Observers(progress, log));
        TrainingResult result = progress.Run(() => trainer.Fit(data, cancellation));
        return new TrainingRun(settings, result, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    public string ToTable() => ResultTable.Format(Result, Mode, Settings.GetInt(Keys.Epochs), Seconds);

    public ResultDocument ToDocument() => new()
    {
        Status = Result.Status.ToString().ToLowerInvariant(),
        Mode = Mode,
        Seed = Settings.Get(Keys.Seed),
        TrainLoss = Result.Train.Loss,
        TrainAccuracy = Result.Train.Accuracy,
        TestLoss = Result.Test.Loss,
        TestAccuracy = Result.Test.Accuracy,
        Steps = Result.Steps,
        DurationSeconds = Seconds,
        DivergedAtStep = Result.Divergence?.Step,
        Divergence = Result.Divergence is { } divergence
            ? new DivergenceDocument(divergence.Layer, divergence.Kind.ToString().ToLowerInvariant(), divergence.Message)
            : null,
        Config = Settings.ToJson(),
        History = new HistoryDocument
        {
            Epoch = [.. Result.History.Select(e => e.Epoch)],
            BatchLoss = [.. Result.History.Select(e => e.BatchLoss)],
            BatchAccuracy = [.. Result.History.Select(e => e.BatchAccuracy)],
            TrainLoss = [.. Result.History.Select(e => e.Train.Loss)],
            TrainAccuracy = [.. Result.History.Select(e => e.Train.Accuracy)],
            TestLoss = [.. Result.History.Select(e => e.Test.Loss)],
            TestAccuracy = [.. Result.History.Select(e => e.Test.Accuracy)],
            Seconds = [.. Result.History.Select(e => e.Seconds)],
        },
        Versions = new VersionsDocument(
            1, MachineInfo.ToolVersion, MachineInfo.LibraryVersion, System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription),
    };

    private sealed class Observers(ITrainingObserver first, ITrainingObserver second) : ITrainingObserver
    {
        public void OnStep(in StepMetrics metrics)
        {
            first.OnStep(metrics);
            second.OnStep(metrics);
        }

        public void OnEpoch(EpochMetrics metrics)
        {
            first.OnEpoch(metrics);
            second.OnEpoch(metrics);
        }
    }
}
