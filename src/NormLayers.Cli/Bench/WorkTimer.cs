using System.Diagnostics;

namespace NormLayers.Cli.Bench;

/// <summary>What one round of calls took.</summary>
/// <param name="Nanoseconds">Per call: the median of the round's samples.</param>
/// <param name="Bytes">Managed memory allocated per call, on all threads.</param>
internal readonly record struct Round(double Nanoseconds, double Bytes);

/// <summary>Times calls of a piece of work, in rounds that may alternate with other work.</summary>
internal sealed class WorkTimer
{
    // Reading the clock costs some 25 ns: 0.03 % of this.
    private const double SampleNanoseconds = 100_000;
    private const int MostSamples = 4096;

    private readonly Action _work;
    private readonly double[] _samples = new double[MostSamples];
    private int _calls = 1;

    public WorkTimer(Action work) => _work = work;

    /// <summary>Calls the work for a while, so that it is compiled and in the caches, and finds how many calls make a sample.</summary>
    public void WarmUp(TimeSpan atLeast)
    {
        long started = Stopwatch.GetTimestamp();
        do
        {
            double taken = Sample();
            _calls = (int)Math.Clamp(SampleNanoseconds / taken, 1, 1_000_000);
        }
        while (Stopwatch.GetElapsedTime(started) < atLeast);
    }

    /// <summary>One round of at least one sample.</summary>
    public Round Measure(TimeSpan atLeast)
    {
        int count = 0;
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        long started = Stopwatch.GetTimestamp();
        do
        {
            _samples[count++] = Sample();
        }
        while (count < MostSamples && Stopwatch.GetElapsedTime(started) < atLeast);

        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return new Round(Median(_samples.AsSpan(0, count)), (double)allocated / ((long)count * _calls));
    }

    /// <summary>The median; of an even count the mean of the middle two. Sorts the values.</summary>
    public static double Median(Span<double> values)
    {
        values.Sort();
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }

    private double Sample()
    {
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < _calls; i++)
        {
            _work();
        }

        return (Stopwatch.GetTimestamp() - started) * (1e9 / Stopwatch.Frequency) / _calls;
    }
}
