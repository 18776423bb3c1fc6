using System.Diagnostics;
using NormLayers.Network;

namespace NormLayers.Lab.Trials;

/// <summary>Trains with several normalizations and the same seeds, and says what differs.</summary>
public static class Comparison
{
    /// <summary>Runs every mode with every seed, a trial a core.</summary>
    /// <param name="options">What all trials share; normalization and seed are exchanged.</param>
    /// <param name="modes">The normalizations, two or more, each once.</param>
    /// <param name="seeds">The seeds, each once; the intervals need two or more.</param>
    /// <param name="data">The data of each seed.</param>
    /// <param name="targetLoss">The training loss to count the steps to; null takes the lowest that every completed trial reached.</param>
    /// <param name="observer">Who is told of the trials; may be null.</param>
    /// <param name="cancellationToken">Ends the running trials after their step, and starts no further one.</param>
    /// <returns>What was run, also where it was cancelled. The number of cores changes no bit but the times.</returns>
    /// <exception cref="ArgumentException">Fewer than two modes, no seed, or one given twice; an option out of range, or data that do not fit.</exception>
    public static CompareResult Run(
        TrialOptions options,
        IReadOnlyList<NormalizationKind> modes,
        IReadOnlyList<long> seeds,
        SeedData data,
        double? targetLoss = null,
        ITrialsObserver? observer = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(modes);
        ArgumentNullException.ThrowIfNull(seeds);
        ArgumentNullException.ThrowIfNull(data);
        CheckDistinct(modes, 2, nameof(modes));
        CheckDistinct(seeds, 1, nameof(seeds));
        if (targetLoss is { } loss)
        {
            Throw.IfNegativeOrNotFinite(loss, nameof(targetLoss));
        }

        // Seed by seed, so that only the data of the few seeds at work is in memory.
        TrialOptions[] trials = [.. from seed in seeds from mode in modes select options with { Normalization = mode, Seed = seed }];
        TrialResult?[] results = new TrialResult?[trials.Length];
        long started = Stopwatch.GetTimestamp();
        data.RunAll(trials, everyEpoch: true, observer, (trial, result) => results[trial] = result, cancellationToken);
        return CompareResult.From(options, modes, seeds, data.Summary, results, targetLoss, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    internal static void CheckDistinct<T>(IReadOnlyList<T> values, int fewest, string name)
    {
        if (values.Count < fewest || values.Distinct().Count() < values.Count)
        {
            Throw.Argument(name, $"{fewest} or more, each once", values.Count == 0 ? "an empty list" : $"[{string.Join(", ", values)}]");
        }
    }
}
