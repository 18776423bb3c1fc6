using System.Collections.Concurrent;
using NormLayers.Lab.Data;

namespace NormLayers.Lab.Trials;

/// <summary>The data of each seed, drawn or split on its first use and shared by all trials of that seed.</summary>
public sealed class SeedData
{
    private readonly Func<long, DataSplit> _make;
    private readonly ConcurrentDictionary<long, Lazy<DataSplit>> _splits = [];

    /// <summary>Data that a function makes.</summary>
    /// <param name="make">Makes the data of a seed, always the same for a seed and of the same size for all; called from several threads at once.</param>
    /// <param name="summary">What the data of all seeds have in common.</param>
    /// <param name="seed">A seed whose data is at hand.</param>
    /// <param name="split">That seed's data.</param>
    public SeedData(Func<long, DataSplit> make, DataSummary summary, long seed, DataSplit split)
    {
        ArgumentNullException.ThrowIfNull(make);
        ArgumentNullException.ThrowIfNull(summary);
        ArgumentNullException.ThrowIfNull(split);
        (_make, Summary, TrainCount) = (make, summary, split.Train.Count);
        _splits[seed] = new(split);
    }

    /// <summary>What the data of all seeds have in common.</summary>
    public DataSummary Summary { get; }

    /// <summary>The training samples of every seed.</summary>
    public int TrainCount { get; }

    /// <summary>Data drawn anew for each seed.</summary>
    /// <param name="options">What to draw; its seed is exchanged.</param>
    public static SeedData Of(SyntheticOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Of("synthetic", seed => SyntheticClassification.Generate(options with { Seed = seed }), null, new DataOrigin());
    }

    /// <summary>One set, split anew for each seed.</summary>
    /// <param name="data">All samples.</param>
    /// <param name="testCount">How many are held out for the test, 1 to one less than there are.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not as many.</exception>
    public static SeedData Of(Dataset data, int testCount)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Of(data.Name, seed => data.Split(testCount, seed), data.ComputeHash(), data.Origin);
    }

    /// <summary>The data of a seed.</summary>
    /// <param name="seed">The seed of a trial.</param>
    public DataSplit Get(long seed) => _splits.GetOrAdd(seed, s => new(() => _make(s))).Value;

    /// <summary>Forgets a seed's data; it is computed again on the next use.</summary>
    /// <param name="seed">The seed of the trials that are done.</param>
    public void Release(long seed) => _splits.TryRemove(seed, out _);

    private static SeedData Of(string source, Func<ulong, DataSplit> split, string? hash, DataOrigin origin)
    {
        long seed = new TrialOptions().Seed;
        DataSplit first = Make(seed);
        return new SeedData(Make, DataSummary.Of(source, first, hash, origin), seed, first);

        DataSplit Make(long seed) => split(RunSeeds.From(seed).Data);
    }
}
