using System.Collections.Concurrent;
using NormLayers.Lab.Data;

namespace NormLayers.Cli.Lab;

/// <summary>The data of each seed, drawn or split on first use and shared by the trials of that seed. Nothing is read again.</summary>
internal sealed class SeedData
{
    private readonly Func<long, DataSplit> _make;
    private readonly ConcurrentDictionary<long, Lazy<DataSplit>> _splits = [];

    /// <param name="make">Makes the data of a seed; called from several threads at once.</param>
    /// <param name="summary">What the data of all seeds have in common.</param>
    /// <param name="seed">A seed whose data is at hand.</param>
    /// <param name="split">That seed's data.</param>
    public SeedData(Func<long, DataSplit> make, DataSummary summary, long seed, DataSplit split)
    {
        (_make, Summary) = (make, summary);
        _splits[seed] = new(split);
    }

    public DataSummary Summary { get; }

    /// <summary>The data that <c>train</c> would use with a seed.</summary>
    public DataSplit Get(long seed) => _splits.GetOrAdd(seed, s => new(() => _make(s))).Value;

    /// <summary>Forgets a seed's data once its last trial is done.</summary>
    public void Release(long seed) => _splits.TryRemove(seed, out _);
}
