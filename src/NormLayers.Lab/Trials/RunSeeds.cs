using NormLayers.Numerics;

namespace NormLayers.Lab.Trials;

/// <summary>The seeds of a trial's three random streams: the first three 64-bit numbers drawn with its seed.</summary>
/// <param name="Data">Of the data: what is drawn, or how it is split.</param>
/// <param name="Weights">Of the initial weights.</param>
/// <param name="Order">Of the order of samples.</param>
public sealed record RunSeeds(ulong Data, ulong Weights, ulong Order)
{
    /// <summary>The streams of a seed.</summary>
    /// <param name="seed">The seed.</param>
    public static RunSeeds From(long seed)
    {
        RandomSource random = new((ulong)seed);
        return new RunSeeds(random.NextBits(), random.NextBits(), random.NextBits());
    }
}
