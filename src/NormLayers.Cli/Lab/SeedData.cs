using System.Collections.Concurrent;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Configuration;
using NormLayers.Data;

namespace NormLayers.Cli.Lab;

/// <summary>The data of each seed, loaded when first asked for and shared by the trials of that seed.</summary>
/// <param name="settings">What to load; only the seed is exchanged.</param>
internal sealed class SeedData(Settings settings)
{
    private readonly ConcurrentDictionary<long, Lazy<DataSplit>> _splits = [];

    /// <summary>Loads one seed's data at once, and sets the sizes in the settings to what it turned out to be.</summary>
    /// <returns>The data of all seeds; null if there are errors.</returns>
    public static SeedData? Load(Settings settings, List<string> notes, List<Diagnostic> errors)
    {
        // Later seeds must read what this one reads, so sizes are resolved in a copy first.
        Settings asGiven = settings.Copy();
        if (TrainingData.Load(settings, RunSeeds.From(settings.Get(Keys.Seed)).Data, notes, errors) is not { } first)
        {
            return null;
        }

        SeedData data = new(asGiven);
        data._splits[settings.Get(Keys.Seed)] = new(first);
        return data;
    }

    /// <summary>The data that <c>train</c> would use with a seed.</summary>
    /// <exception cref="IOException">The data could be read before, and no longer can.</exception>
    public DataSplit Get(long seed) => _splits.GetOrAdd(seed, s => new(() => Read(s))).Value;

    /// <summary>Forgets a seed's data once its last trial is done.</summary>
    public void Release(long seed) => _splits.TryRemove(seed, out _);

    private DataSplit Read(long seed)
    {
        Settings copy = settings.Copy();
        copy.Resolve(Keys.Seed, seed);
        List<Diagnostic> errors = [];
        return TrainingData.Load(copy, RunSeeds.From(seed).Data, [], errors) ?? throw new IOException(errors[0].Message);
    }
}
