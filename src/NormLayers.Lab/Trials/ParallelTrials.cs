using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using NormLayers.Lab.Training;
using NormLayers.Numerics;

namespace NormLayers.Lab.Trials;

/// <summary>Runs many trials, each on one thread, on all cores.</summary>
internal static class ParallelTrials
{
    /// <summary>Runs the trials in their order, as cores come free; a trial knows nothing of the others, so the number of cores changes no result.</summary>
    /// <param name="trials">What to run.</param>
    /// <param name="run">Runs one trial; called from several threads at once. It is expected to end early when cancelled.</param>
    /// <param name="cancellation">Once cancelled, no further trial is started.</param>
    /// <param name="threads">How many at once; null takes one a core.</param>
    /// <returns>A result for each trial, in their order; the default value where a trial was not started.</returns>
    public static TResult?[] Run<TTrial, TResult>(
        IReadOnlyList<TTrial> trials, Func<TTrial, TResult> run, CancellationToken cancellation, int? threads = null)
    {
        TResult?[] results = new TResult?[trials.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = threads ?? Threads.Limit };
        try
        {
            Parallel.ForEach(
                Partitioner.Create(Enumerable.Range(0, trials.Count), EnumerablePartitionerOptions.NoBuffering),
                options,
                (index, state) =>
                {
                    if (cancellation.IsCancellationRequested)
                    {
                        state.Stop();
                    }
                    else
                    {
                        // One trial a core: a trial's own calls stay on its thread.
                        Threads.CallerAlone = true;
                        try
                        {
                            results[index] = run(trials[index]);
                        }
                        finally
                        {
                            Threads.CallerAlone = false;
                        }
                    }
                });
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return results;
    }

    /// <summary>Runs one trial of some steps and tells the observer how far it is.</summary>
    public static T Watch<T>(ITrialsObserver? observer, long steps, Func<ITrainingObserver, T> trial)
    {
        Counter counter = new(observer);
        T result = trial(counter);

        // A diverged trial does not take the steps it was counted with.
        observer?.OnProgress(steps - counter.Steps, 1);
        return result;
    }

    private sealed class Counter(ITrialsObserver? observer) : ITrainingObserver
    {
        public long Steps { get; private set; }

        public void OnEpoch(EpochMetrics metrics)
        {
            observer?.OnProgress(metrics.Step - Steps, 0);
            Steps = metrics.Step;
        }
    }
}
