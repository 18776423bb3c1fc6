using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Output;

/// <summary>One training's event file for TensorBoard. A file that cannot be written is told once, and the training goes on.</summary>
internal sealed class TensorBoardLog : ITrainingObserver, IDisposable
{
    private readonly Action<string> _reportFailure;
    private FileStream? _stream;
    private EventFile? _events;

    /// <summary>Begins the file in a folder, which is created.</summary>
    /// <param name="folder">The folder; null for no file.</param>
    /// <param name="settings">What the training depends on.</param>
    /// <param name="reportFailure">Is told why it could not be written.</param>
    public TensorBoardLog(string? folder, JsonObject settings, Action<string> reportFailure)
    {
        _reportFailure = reportFailure;
        if (folder is not null)
        {
            Try(() =>
            {
                Directory.CreateDirectory(folder);
                _stream = new FileStream(Path.Combine(folder, EventFile.NewName()), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
                _events = new EventFile(_stream);
                _events.AddHyperparameters(settings);
            });
        }
    }

    /// <summary>Whether all was written so far.</summary>
    public bool Saved { get; private set; } = true;

    public void OnStep(in StepMetrics metrics)
    {
        if (_events is { } events)
        {
            StepMetrics step = metrics;
            Try(() =>
            {
                events.AddScalar("batch/loss", step.Step, step.Loss);
                events.AddScalar("batch/accuracy", step.Step, (double)step.Correct / step.Samples);
            });
        }
    }

    public void OnEpoch(EpochMetrics metrics)
    {
        if (_events is { } events)
        {
            Try(() =>
            {
                events.AddScalar("loss/train", metrics.Step, metrics.Train.Loss);
                events.AddScalar("loss/test", metrics.Step, metrics.Test.Loss);
                events.AddScalar("accuracy/train", metrics.Step, metrics.Train.Accuracy);
                events.AddScalar("accuracy/test", metrics.Step, metrics.Test.Accuracy);
                _stream!.Flush();
            });
        }
    }

    /// <summary>Says how the training ended, and closes the file.</summary>
    public void End(TrainingResult result)
    {
        Try(() =>
        {
            _events?.AddEnd(result.Status == TrainingStatus.Completed);
            _stream?.Flush(flushToDisk: true);
        });
        Dispose();
    }

    public void Dispose()
    {
        _events = null;
        Try(() => _stream?.Dispose());
        _stream = null;
    }

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _events = null;
            if (Saved)
            {
                Saved = false;
                _reportFailure($"could not write for TensorBoard: {e.Message}");
            }
        }
    }
}
