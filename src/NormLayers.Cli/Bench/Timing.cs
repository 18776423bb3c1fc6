namespace NormLayers.Cli.Bench;

/// <summary>What a call takes, over some rounds.</summary>
/// <param name="Nanoseconds">The median of the rounds.</param>
/// <param name="Fastest">The fastest round.</param>
/// <param name="Slowest">The slowest round.</param>
/// <param name="Bytes">Managed memory allocated per call in the last round.</param>
internal sealed record Timing(double Nanoseconds, double Fastest, double Slowest, double Bytes)
{
    public static Timing Of(IReadOnlyList<Round> rounds)
    {
        double[] times = [.. rounds.Select(r => r.Nanoseconds)];
        return new Timing(WorkTimer.Median(times), times[0], times[^1], rounds[^1].Bytes);
    }
}

/// <summary>A normalization, and the memory streams of the same size in the same rounds.</summary>
internal sealed record NormTiming(NormCase Case, int Threads, Timing Ours, Timing Streams);

/// <summary>A training step.</summary>
internal sealed record StepTiming(StepCase Case, int Threads, Timing Ours);
