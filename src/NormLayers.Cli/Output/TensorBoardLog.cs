using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Output;

/// <summary>One training's event file for TensorBoard. A file that cannot be written is told once, and the training goes on.</summary>
/// <param name="folder">The folder, which is created with the file's first event; null for no file.</param>
/// <param name="settings">What the training depends on.</param>
/// <param name="reportFailure">Is told why it could not be written.</param>
internal sealed class TensorBoardLog(string? folder, JsonObject settings, Action<string> reportFailure) : ITrainingObserver, IDisposable
{
    private FileStream? _stream;
    private EventFile? _events;
    private string? _path;

    /// <summary>Whether all was written so far.</summary>
    public bool Saved { get; private set; } = true;

    public void OnStep(in StepMetrics metrics)
    {
        if (folder is not null)
        {
            StepMetrics step = metrics;
            Write(events =>
            {
                events.AddScalar("batch/loss", step.Step, step.Loss);
                events.AddScalar("batch/accuracy", step.Step, (double)step.Correct / step.Samples);
            });
        }
    }

    public void OnEpoch(EpochMetrics metrics) => Write(events =>
    {
        events.AddScalar("loss/train", metrics.Step, metrics.Train.Loss);
        events.AddScalar("loss/test", metrics.Step, metrics.Test.Loss);
        events.AddScalar("accuracy/train", metrics.Step, metrics.Train.Accuracy);
        events.AddScalar("accuracy/test", metrics.Step, metrics.Test.Accuracy);
        _stream!.Flush();
    });

    /// <summary>Says how the training ended, and closes the file. A training that made no step has none, unless it diverged there, which is worth knowing.</summary>
    public void End(TrainingResult result)
    {
        if (_events is not null || result.Status == TrainingStatus.Diverged)
        {
            Write(events =>
            {
                events.AddEnd(result.Status == TrainingStatus.Completed);
                _stream!.Flush(flushToDisk: true);
            });
        }

        Dispose();
    }

    public void Dispose()
    {
        Try(() => _stream?.Dispose());
        _stream = null;
    }

    // Nothing more is written behind a gap.
    private void Write(Action<EventFile> write)
    {
        if (folder is not null && Saved)
        {
            Try(() => write(_events ??= Open(folder)));
        }
    }

    private EventFile Open(string folder)
    {
        _path = Path.Combine(folder, EventFile.NewName());
        Directory.CreateDirectory(folder);
        _stream = new FileStream(_path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        EventFile events = new(_stream);
        events.AddHyperparameters(settings);
        return events;
    }

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (AtomicFile.IsFailure(e))
        {
            if (Saved)
            {
                Saved = false;
                reportFailure($"the file for TensorBoard '{_path}' {FileProblem.Writing(e, path: "")}");
            }
        }
    }
}
