using System.Diagnostics;
using System.Globalization;
using NormLayers.Lab.Trials;
using Spectre.Console;

namespace NormLayers.Cli.Output;

/// <summary>Shows how far many trials have come, on standard error: a live line on a terminal, a plain line every few seconds elsewhere.</summary>
/// <param name="silent">Whether to show nothing.</param>
/// <param name="color">Whether to use colours.</param>
/// <param name="done">Is told of each trial of a comparison or sweep when it ends, from several threads at once; null if nobody is.</param>
internal sealed class TrialsProgress(bool silent, bool color, Action<TrialResult>? done = null) : ITrialsObserver
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _linePause = TimeSpan.FromSeconds(5);

    private readonly bool _live = !silent && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not "dumb";
    private readonly Lock _lock = new();
    private readonly Stopwatch _watch = new();
    private LiveDisplayContext? _display;
    private TimeSpan _shown;
    private long _steps;
    private long _stepsDone;
    private int _trials;
    private int _trialsDone;

    /// <summary>Runs what this is the observer of.</summary>
    public T Run<T>(Func<T> work)
    {
        return !_live ? work() : LiveProgress.CreateConsole(color)
            .Live(new Text("starting")).AutoClear(true).Overflow(VerticalOverflow.Crop).Start(context =>
            {
                _display = context;
                return work();
            });
    }

    public void OnStart(int trials, long steps)
    {
        (_trials, _trialsDone, _steps, _stepsDone, _shown) = (trials, 0, steps, 0, TimeSpan.Zero);
        _watch.Restart();
    }

    public void OnTrial(TrialResult trial) => done?.Invoke(trial);

    public void OnProgress(long steps, int trials)
    {
        lock (_lock)
        {
            _stepsDone += steps;
            _trialsDone += trials;
            TimeSpan now = _watch.Elapsed;
            if (!silent && (now - _shown >= (_live ? _redraw : _linePause) || (!_live && _trialsDone == _trials && trials > 0)))
            {
                _shown = now;
                Show(now);
            }
        }
    }

    private void Show(TimeSpan now)
    {
        TimeSpan left = _stepsDone == 0 ? TimeSpan.Zero : now / _stepsDone * (_steps - _stepsDone);
        string count = string.Create(CultureInfo.InvariantCulture, $"{_trialsDone}/{_trials} trials");
        string rest = string.Create(CultureInfo.InvariantCulture, $"{100.0 * _stepsDone / _steps:0} %  {LiveProgress.Describe(left)} left");
        if (_live)
        {
            _display?.UpdateTarget(new Markup($"[green]{count}[/]  {rest}") { Overflow = Overflow.Ellipsis });
        }
        else
        {
            StandardStreams.WriteError($"{count}  {rest}");
        }
    }
}
