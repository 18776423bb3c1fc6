using System.Diagnostics;
using System.Globalization;
using NormLayers.Training;
using Spectre.Console;

namespace NormLayers.Cli.Output;

/// <summary>One line that is drawn again and again: for terminals.</summary>
internal sealed class LiveProgress(int epochs, long steps, bool color) : Progress
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);

    private readonly Stopwatch _watch = new();
    private ProgressTask? _task;
    private TimeSpan _drawn;
    private long _samples;
    private long _step;
    private string _lastEpoch = string.Empty;

    public override TrainingResult Run(Func<TrainingResult> training)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = color ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(Console.Error),
        });
        return console.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn { Width = 20 }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                _task = context.AddTask("starting", maxValue: steps);
                _watch.Start();
                return training();
            });
    }

    public override void OnStep(in StepMetrics metrics)
    {
        _samples += metrics.Samples;
        _step = metrics.Step;
        if (_watch.Elapsed - _drawn >= _redraw)
        {
            Draw(metrics.Epoch, metrics.Loss);
        }
    }

    public override void OnEpoch(EpochMetrics metrics)
    {
        _lastEpoch = string.Create(CultureInfo.InvariantCulture, $"  test accuracy {100 * metrics.Test.Accuracy:0.0} %");
        Draw(metrics.Epoch, metrics.BatchLoss);
    }

    private void Draw(int epoch, double loss)
    {
        _drawn = _watch.Elapsed;
        TimeSpan left = _drawn / Math.Max(1, _step) * (steps - _step);
        _task!.Value = _step;
        _task.Description = Markup.Escape(string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {epoch}/{epochs}  loss {loss:0.0000}{_lastEpoch}  {DescribeRate(_samples, _drawn.TotalSeconds)}  {left:hh\\:mm\\:ss} left"));
    }
}
