namespace NormLayers.Lab.Trials;

/// <summary>Runs trials that share their seeds' data.</summary>
internal static class SeedTrials
{
    /// <summary>Runs all trials on all cores; a seed's data is generated for its first trial and forgotten after its last.</summary>
    /// <param name="data">The data of each seed.</param>
    /// <param name="trials">The trials, best seed by seed.</param>
    /// <param name="everyEpoch">Whether the networks are evaluated after every epoch, and not only after the last.</param>
    /// <param name="observer">Is told how far it is; may be null.</param>
    /// <param name="done">Is told the place and the result of each trial when it ends; called from several threads at once.</param>
    /// <param name="cancellation">Ends the running trials after their step.</param>
    public static void RunAll(
        this SeedData data, IReadOnlyList<TrialOptions> trials, bool everyEpoch, ITrialsObserver? observer, Action<int, TrialResult> done, CancellationToken cancellation)
    {
        Dictionary<long, int> left = trials.CountBy(t => t.Seed).ToDictionary();
        Lock counting = new();
        observer?.OnStart(trials.Count, trials.Sum(t => Trial.CountSteps(t, data.TrainCount)));
        ParallelTrials.Run([.. Enumerable.Range(0, trials.Count)], RunOne, cancellation);

        bool RunOne(int index)
        {
            TrialOptions trial = trials[index];
            TrialResult result = ParallelTrials.Watch(
                observer,
                Trial.CountSteps(trial, data.TrainCount),
                watch => Trial.Run(trial, data.Get(trial.Seed), watch, everyEpoch: everyEpoch, cancellationToken: cancellation));
            observer?.OnTrial(result);
            done(index, result);
            lock (counting)
            {
                if (--left[trial.Seed] == 0)
                {
                    data.Release(trial.Seed);
                }
            }

            return true;
        }
    }
}
