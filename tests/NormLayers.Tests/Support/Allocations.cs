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
    /// The runtime's counter is not exact, and .NET's own tests of it allow for that (dotnet/coreclr#16976): a step that allocates
    /// nothing was once charged 7,296 bytes. Code that allocates does so every time.
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
