using System.Diagnostics;
using NormLayers.Numerics;

namespace NormLayers.Cli.Bench;

/// <summary>Times normalizations and training steps one after the other, in about the time that is given.</summary>
internal sealed class BenchRun(
    IReadOnlyList<NormCase> norms, IReadOnlyList<StepCase> steps, IReadOnlyList<int> threads, double seconds, CancellationToken cancellation)
{
    private const int LeastRounds = 5;
    private const double WarmUpShare = 0.25;
    private const double FirstWarmUpShare = 0.05;
    private const double LongestWarmUp = 1.5;

    // What Ctrl+C waits for at most, but for calls that take longer.
    private static readonly TimeSpan _longestRound = TimeSpan.FromMilliseconds(250);

    // The streams' threads spin for a while after their last call.
    private static readonly TimeSpan _rest = TimeSpan.FromMilliseconds(2);

    private readonly List<NormTiming> _norms = [];
    private readonly List<StepTiming> _steps = [];

    public IReadOnlyList<NormTiming> Norms => _norms;

    public IReadOnlyList<StepTiming> Steps => _steps;

    private TimeSpan PerCase => TimeSpan.FromSeconds(seconds / (threads.Count * (norms.Count + steps.Count)));

    /// <summary>Runs until all is timed or cancelled; what is done by then is kept.</summary>
    /// <param name="starting">Is told the name of each case as it begins.</param>
    /// <returns>Whether all was timed.</returns>
    public bool Run(Action<string> starting)
    {
        int limit = Threads.Limit;
        try
        {
            WarmUp();
            foreach (int count in threads)
            {
                Threads.Limit = count;
                string suffix = FormattableString.Invariant($", {count} thread{(count == 1 ? string.Empty : "s")}");
                foreach (NormCase timed in norms)
                {
                    starting(timed + suffix);
                    _norms.Add(Time(timed, count));
                }

                foreach (StepCase timed in steps)
                {
                    starting(timed + suffix);
                    _steps.Add(Time(timed, count));
                }
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        finally
        {
            Threads.Limit = limit;
        }
    }

    // The runtime compiles with all its care what was called often, after a while without new code: so all kinds take turns here.
    private void WarmUp()
    {
        IEnumerable<NormCase> small = norms.Select(n => n with { Shape = Shrink(n.Shape) }).DistinctBy(n => (n.Layer, n.Pass, n.Shape.Rank));
        Action[] works =
        [
            .. small.Select(n => n.CreateWork(new NormData(n))),
            .. steps.Select(s => (Action)new StepWork(s, new StepData(s)).Run),
        ];
        TimeSpan time = TimeSpan.FromSeconds(Math.Min(LongestWarmUp, seconds * FirstWarmUpShare));
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < time;)
        {
            Array.ForEach(works, w => w());
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static Shape Shrink(Shape shape)
    {
        int[] dimensions = [.. Enumerable.Range(0, shape.Rank).Select(axis => Math.Min(shape[axis], 32))];
        return new Shape(dimensions);
    }

    private NormTiming Time(NormCase timed, int count)
    {
        NormData data = new(timed);
        using StreamWork streams = new(timed, data, count);
        Timing[] timings = TimeInTurns(timed.CreateWork(data), streams.Run);
        return new NormTiming(timed, count, timings[0], timings[1]);
    }

    private StepTiming Time(StepCase timed, int count) => new(timed, count, TimeInTurns(new StepWork(timed, new StepData(timed)).Run)[0]);

    private Timing[] TimeInTurns(params Action[] works)
    {
        TimeSpan time = PerCase / works.Length;
        int count = Math.Max(LeastRounds, (int)(time / _longestRound));
        WorkTimer[] timers = [.. works.Select(w => new WorkTimer(w))];
        List<Round>[] rounds = [.. works.Select(_ => new List<Round>())];
        foreach (WorkTimer timer in timers)
        {
            timer.WarmUp(TimeSpan.FromSeconds(Math.Min(_longestRound.TotalSeconds, time.TotalSeconds * WarmUpShare)));
        }

        for (int round = 0; round < count; round++)
        {
            for (int i = 0; i < timers.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                Thread.Sleep(_rest);
                rounds[i].Add(timers[i].Measure(time * (1 - WarmUpShare) / count));
            }
        }

        return [.. rounds.Select(Timing.Of)];
    }
}
