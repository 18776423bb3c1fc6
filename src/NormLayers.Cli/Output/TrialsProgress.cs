using System.Diagnostics;
using System.Globalization;
using NormLayers.Lab.Training;
using Spectre.Console;

namespace NormLayers.Cli.Output;

/// <summary>Shows how far many trials have come, on standard error: a live line on a terminal, a plain line every few seconds elsewhere.</summary>
/// <param name="silent">Whether to show nothing.</param>
/// <param name="color">Whether to use colours.</param>
/// <param name="trials">How many trials there are.</param>
/// <param name="steps">The optimizer steps of all trials together.</param>
internal sealed class TrialsProgress(bool silent, bool color, int trials, long steps)
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _linePause = TimeSpan.FromSeconds(5);

    private readonly bool _live = !silent && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not "dumb";
    private readonly Lock _lock = new();
    private readonly Stopwatch _watch = new();
    private LiveDisplayContext? _display;
    private TimeSpan _shown;
    private long _stepsDone;
    private int _trialsDone;

    public T Run<T>(Func<T> work)
    {
        _watch.Start();
        return !_live ? work() : LiveProgress.CreateConsole(color)
            .Live(new Text("starting")).AutoClear(true).Overflow(VerticalOverflow.Crop).Start(context =>
            {
                _display = context;
                return work();
            });
    }

    /// <summary>Runs one trial of <paramref name="trialSteps"/> steps and counts it.</summary>
    public T Track<T>(long trialSteps, Func<ITrainingObserver, T> trial)
    {
        Counter counter = new(this);
        T result = trial(counter);

        // A diverged trial does not take the steps it was counted with.
        Advance(trialSteps - counter.Steps, 1);
        return result;
    }

    private void Advance(long done, int finished)
    {
        lock (_lock)
        {
            _stepsDone += done;
            _trialsDone += finished;
            TimeSpan now = _watch.Elapsed;
            if (!silent && (now - _shown >= (_live ? _redraw : _linePause) || (!_live && _trialsDone == trials && finished > 0)))
            {
                _shown = now;
                Show(now);
            }
        }
    }

    private void Show(TimeSpan now)
    {
        TimeSpan left = _stepsDone == 0 ? TimeSpan.Zero : now / _stepsDone * (steps - _stepsDone);
        string count = string.Create(CultureInfo.InvariantCulture, $"{_trialsDone}/{trials} trials");
        string rest = string.Create(CultureInfo.InvariantCulture, $"{100.0 * _stepsDone / steps:0} %  {LiveProgress.Describe(left)} left");
        if (_live)
        {
            _display?.UpdateTarget(new Markup($"[green]{count}[/]  {rest}") { Overflow = Overflow.Ellipsis });
        }
        else
        {
            StandardStreams.WriteError($"{count}  {rest}");
        }
    }

    private sealed class Counter(TrialsProgress progress) : ITrainingObserver
    {
        public long Steps { get; private set; }

        public void OnEpoch(EpochMetrics metrics)
        {
            progress.Advance(metrics.Step - Steps, 0);
            Steps = metrics.Step;
        }
    }
}
