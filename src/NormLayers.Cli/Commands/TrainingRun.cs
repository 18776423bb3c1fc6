using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Commands;

/// <summary>One training, from settings to result.</summary>
internal sealed record TrainingRun(Settings Settings, PreparedTrial Prepared, TrialResult Trial, IReadOnlyList<ProbeRecord> Probes)
{
    public TrainingResult Result => Trial.Result;

    private string Mode => Trial.Options.Normalization.Name;

    public static TrainingRun Execute(Settings settings, DataSplit data, Progress progress, IEnumerable<ITrainingObserver> others, Checkpoints checkpoints, CancellationToken cancellation)
    {
        Observers observers = new([progress, .. others]);
        observers.Probes.AddRange(checkpoints.Resume?.Probes ?? []);
        PreparedTrial prepared = new(settings.ToTrial(), data);
        TrialResult trial = progress.Run(() => prepared.Run(observers, settings.GetInt(Keys.ProbeInterval), checkpoints: checkpoints, cancellationToken: cancellation));
        return new TrainingRun(settings, prepared, trial, observers.Probes);
    }

    public string ToTable() => ResultTable.Format(Result, Mode, Trial.Options.Epochs, Trial.Seconds);

    public ResultDocument ToDocument(DataSummary data) => new()
    {
        Status = Result.Status.ToString().ToLowerInvariant(),
        Mode = Mode,
        Seed = Trial.Options.Seed,
        TrainLoss = Result.Train.Loss,
        TrainAccuracy = Result.Train.Accuracy,
        TestLoss = Result.Test.Loss,
        TestAccuracy = Result.Test.Accuracy,
        Steps = Result.Steps,
        DurationSeconds = Trial.Seconds,
        DivergedAtStep = Result.Divergence?.Step,
        Divergence = DivergenceDocument.From(Result.Divergence),
        Data = data,
        Config = Settings.ToJson(),
        History = HistoryDocument.From(Result.History),
        Probes = ProbeHistory.From(Probes),
        Versions = VersionsDocument.Current,
    };

    private sealed class Observers(IReadOnlyList<ITrainingObserver> all) : ITrainingObserver
    {
        public List<ProbeRecord> Probes { get; } = [];

        public void OnProbe(ProbeRecord record) => Probes.Add(record);

        public void OnStep(in StepMetrics metrics)
        {
            foreach (ITrainingObserver observer in all)
            {
                observer.OnStep(metrics);
            }
        }

        public void OnEpoch(EpochMetrics metrics)
        {
            foreach (ITrainingObserver observer in all)
            {
                observer.OnEpoch(metrics);
            }
        }
    }
}
