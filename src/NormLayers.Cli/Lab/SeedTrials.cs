using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Lab;

/// <summary>Runs trials that share their seeds' data.</summary>
internal static class SeedTrials
{
    /// <summary>Runs all trials on all cores; a seed's data is loaded for its first trial and forgotten after its last.</summary>
    /// <param name="data">The data of each seed.</param>
    /// <param name="trials">The settings of each trial, best seed by seed.</param>
    /// <param name="progress">Shows how far it is.</param>
    /// <param name="done">Is told of each trial when it ends; called from several threads at once.</param>
    /// <param name="cancellation">Ends the running trials after their step.</param>
    /// <param name="everyEpoch">Whether the networks are evaluated after every epoch, and not only after the last.</param>
    /// <returns>The results in the order of the trials; null where one was not started.</returns>
    public static TrialResult?[] RunAll(
        this SeedData data, IReadOnlyList<Settings> trials, TrialsProgress progress, Action<TrialResult> done, CancellationToken cancellation, bool everyEpoch = true)
    {
        Dictionary<long, int> left = trials.CountBy(t => t.Get(Keys.Seed)).ToDictionary();
        Lock counting = new();
        return progress.Run(() => ParallelTrials.Run(trials, RunOne, cancellation));

        TrialResult RunOne(Settings trial)
        {
            long seed = trial.Get(Keys.Seed);
            TrialResult result = progress.Track(
                TrialRunner.CountSteps(trial), observer => TrialRunner.Run(trial, data.Get(seed), observer, cancellation, everyEpoch));
            done(result);
            lock (counting)
            {
                if (--left[seed] == 0)
                {
                    data.Release(seed);
                }
            }

            return result;
        }
    }
}
