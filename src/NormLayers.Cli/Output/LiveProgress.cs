using System.Diagnostics;
using System.Globalization;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using Spectre.Console;

namespace NormLayers.Cli.Output;

/// <summary>One line that is drawn again and again: for terminals.</summary>
internal sealed class LiveProgress(int epochs, long steps, bool color) : Progress
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);

    private readonly Stopwatch _watch = new();
    private LiveDisplayContext? _display;
    private TimeSpan _drawn;
    private long _samples;
    private long _epochSamples;
    private long _epochCorrect;

    /// <summary>A terminal on standard error.</summary>
    public static IAnsiConsole CreateConsole(bool color) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = AnsiSupport.Yes,
        ColorSystem = color ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        Interactive = InteractionSupport.Yes,
        Out = new AnsiConsoleOutput(Console.Error),
    });

    /// <summary>A time that is left, as a person reads it.</summary>
    public static string Describe(TimeSpan left) => left.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)left.TotalHours} h {left.Minutes:00} min")
        : string.Create(CultureInfo.InvariantCulture, $"{left.Minutes}:{left.Seconds:00}");

    public override TrialResult Run(Func<TrialResult> training)
    {
        return CreateConsole(color).Live(new Text("epoch 1")).AutoClear(true).Overflow(VerticalOverflow.Crop).Start(context =>
        {
            _display = context;
            _watch.Start();
            return training();
        });
    }

    public override void OnStep(in StepMetrics metrics)
    {
        _samples += metrics.Samples;
        _epochSamples += metrics.Samples;
        _epochCorrect += metrics.Correct;
        if (_watch.Elapsed - _drawn >= _redraw)
        {
            _drawn = _watch.Elapsed;
            Draw(metrics);
        }
    }

    public override void OnEpoch(EpochMetrics metrics) => (_epochSamples, _epochCorrect) = (0, 0);

    private void Draw(in StepMetrics metrics)
    {
        TimeSpan left = _drawn / metrics.Step * (steps - metrics.Step);
        string epoch = string.Create(CultureInfo.InvariantCulture, $"epoch {metrics.Epoch}/{epochs}");
        string rest = string.Create(
            CultureInfo.InvariantCulture,
            $"loss {metrics.Loss:0.0000}  accuracy {100.0 * _epochCorrect / _epochSamples:0.0} %  {DescribeRate(_samples, _drawn.TotalSeconds)}  {Describe(left)} left");
        _display!.UpdateTarget(new Markup($"[green]{epoch}[/]  {Markup.Escape(rest)}") { Overflow = Overflow.Ellipsis });
    }
}
