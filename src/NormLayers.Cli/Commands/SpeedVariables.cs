using NormLayers.Numerics;

namespace NormLayers.Cli.Commands;

/// <summary>The environment variables that set a vector width and a number of threads.</summary>
internal static class SpeedVariables
{
    /// <summary>What is wrong with one of them, which the library would take for unset; null if nothing is.</summary>
    public static string? FindProblem()
    {
        if (Environment.GetEnvironmentVariable("NORMLAYERS_VECTOR_BITS") is { Length: > 0 } bits && bits is not ("512" or "256" or "128" or "0"))
        {
            return $"NORMLAYERS_VECTOR_BITS: expected 512, 256, 128 or 0, got '{bits}'";
        }

        if (Environment.GetEnvironmentVariable("NORMLAYERS_THREADS") is { Length: > 0 } threads
            && !(int.TryParse(threads, out int count) && count is >= 1 and <= Threads.Most))
        {
            return $"NORMLAYERS_THREADS: expected a number from 1 to {Threads.Most}, got '{threads}'";
        }

        return null;
    }
}
