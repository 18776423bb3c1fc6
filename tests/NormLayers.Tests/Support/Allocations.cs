namespace NormLayers.Tests.Support;

/// <summary>What code allocates on the calling thread.</summary>
internal static class Allocations
{
    private const int Attempts = 3;

    /// <summary>The bytes that <paramref name="work"/>, already run once, allocates.</summary>
    public static long Of(Action work) => Least(() =>
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        work();
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        return [bytes];
    })[0];

    /// <summary>The least of a few measurements, each number by itself.</summary>
    /// <remarks>
    /// Now and then the runtime charges a thread for what its code did not ask for, less than the piece of memory that a thread
    /// allocates from. Code that allocates does so every time.
    /// </remarks>
    public static long[] Least(Func<long[]> measure)
    {
        long[] least = measure();
        for (int i = 1; i < Attempts; i++)
        {
            least = [.. least.Zip(measure(), Math.Min)];
        }

        return least;
    }
}
