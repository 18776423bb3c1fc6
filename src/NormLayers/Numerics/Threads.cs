namespace NormLayers.Numerics;

/// <summary>How many threads a single call may use. It changes the speed, never a bit of any result.</summary>
/// <remarks>
/// Large calls are cut into parts by their size. The calling thread takes parts until none is left; worker threads, started when
/// first needed and asleep when there is nothing to do, help it. A call that comes while the workers help another one runs alone.
/// </remarks>
public static class Threads
{
    /// <summary>The largest value of <see cref="Limit"/>.</summary>
    public const int Most = 64;

    private static int _limit = Asked();

    [ThreadStatic]
    private static bool _callerAlone;

    /// <summary>
    /// The most threads that one call uses, the calling one included: 1 to <see cref="Most"/>. At first the number of processors, or what the
    /// environment variable <c>NORMLAYERS_THREADS</c> says.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public static int Limit
    {
        get => _limit;
        set
        {
            if (value is < 1 or > Most)
            {
                Throw.OutOfRange(nameof(value), $"a number from 1 to {Most}", value);
            }

            _limit = value;
        }
    }

    /// <summary>Whether calls from the present thread stay on it: for programs that run one training per thread.</summary>
    public static bool CallerAlone
    {
        get => _callerAlone;
        set => _callerAlone = value;
    }

    /// <summary>The limit for a call from the present thread.</summary>
    internal static int LimitHere => _callerAlone ? 1 : _limit;

    private static int Asked() =>
        int.TryParse(Environment.GetEnvironmentVariable("NORMLAYERS_THREADS"), out int asked) && asked is >= 1 and <= Most
            ? asked
            : Math.Min(Environment.ProcessorCount, Most);
}
