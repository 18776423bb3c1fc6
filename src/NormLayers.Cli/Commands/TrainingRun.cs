using System.Diagnostics;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Lab;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Commands;

/// <summary>One training, from settings to result.</summary>
internal sealed record TrainingRun(Settings Settings, TrainingResult Result, IReadOnlyList<ProbeRecord> Probes, double Seconds)
{
    private string Mode => Keys.Modes.NameOf(Settings.Get(Keys.Mode));

    public static TrainingRun Execute(
        Settings settings, RunSeeds seeds, DataSplit data, Progress progress, RunLogger log, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        Observers observers = new(progress, log);
        TrainingResult result = progress.Run(() => TrialRunner.Train(settings, seeds, data, observers, cancellation, settings.GetInt(Keys.ProbeInterval)));
        return new TrainingRun(settings, result, observers.Probes, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    public string ToTable() => ResultTable.Format(Result, Mode, Settings.GetInt(Keys.Epochs), Seconds);

    public ResultDocument ToDocument(DataSummary data) => new()
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
        Divergence = DivergenceDocument.From(Result.Divergence),
        Data = data,
        Config = Settings.ToJson(),
        History = HistoryDocument.From(Result.History),
        Probes = ProbesDocument.From(Probes),
        Versions = VersionsDocument.Current,
    };

    private sealed class Observers(ITrainingObserver first, ITrainingObserver second) : ITrainingObserver
    {
        public List<ProbeRecord> Probes { get; } = [];

        public void OnProbe(ProbeRecord record) => Probes.Add(record);

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
