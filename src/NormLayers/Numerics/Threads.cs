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

    /// <summary>
    /// Calls <paramref name="body"/> with every number from 0 to <paramref name="count"/> − 1, on as many of the library's threads as <see cref="Limit"/>
    /// allows, the calling one included: for work of one's own between calls of the library, which another pool's threads would disturb.
    /// </summary>
    /// <param name="count">How many calls, ≥ 0.</param>
    /// <param name="body">Independent of its other calls. Where they are shared out, calls of the library in it stay on their thread.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is null.</exception>
    public static void For(int count, Action<int> body)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentNullException.ThrowIfNull(body);
        Loop loop = new(body);
        int helpers = Math.Min(LimitHere, count) - 1;
        if (helpers < 1 || !Workers.TryRun(ref loop, count, Math.Min(count, Kernels.MaxParts), helpers))
        {
            for (int i = 0; i < count; i++)
            {
                body(i);
            }
        }
    }

    /// <summary>The limit for a call from the present thread.</summary>
    internal static int LimitHere => _callerAlone ? 1 : _limit;

    private static int Asked() =>
        int.TryParse(Environment.GetEnvironmentVariable("NORMLAYERS_THREADS"), out int asked) && asked is >= 1 and <= Most
            ? asked
            : Math.Min(Environment.ProcessorCount, Most);

    private readonly struct Loop(Action<int> body) : IKernel
    {
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            bool before = _callerAlone;
            _callerAlone = true;
            try
            {
                for (int i = first; i < first + count; i++)
                {
                    body(i);
                }
            }
            finally
            {
                _callerAlone = before;
            }
        }
    }
}
