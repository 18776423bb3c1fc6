using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Threads that help a call with its parts.</summary>
/// <remarks>
/// <para>A ticket holds the number of the call and how many of its parts were taken from each end. Whoever swaps it for the next ticket
/// does the part: the calling thread takes the first that is left, a worker the last, so that in the next pass over the same arrays
/// each finds most of its share in its own cache. A worker that comes late, or from an earlier call, gets nothing and harms nothing.
/// So the caller never waits for a thread to wake up, only for parts that were begun.</para>
/// <para>A worker without work looks for the next ticket for <see cref="SpinTime"/>, since the calls of a training follow each other at
/// once, and then sleeps. Nothing is allocated after the threads are started.</para>
/// <para>The kernel stays on the caller's stack; workers reach it there while the caller waits. Its spans are references that the
/// garbage collector updates in place.</para>
/// </remarks>
internal static unsafe class Workers
{
    private static readonly TimeSpan SpinTime = TimeSpan.FromMicroseconds(50);
    private static readonly Lock _gate = new();
    private static readonly SemaphoreSlim _wake = new(0);
    private static readonly Call _call = new();
    private static int _started;

    /// <summary>Does all units of a kernel in so many parts, on this thread and the workers.</summary>
    /// <returns>False if the workers are busy with another call: nothing was done then.</returns>
    public static bool TryRun<K>(scoped ref K kernel, int units, int parts)
        where K : struct, IKernel, allows ref struct
    {
        if (!_gate.TryEnter())
        {
            return false;
        }

        try
        {
            int helpers = Math.Min(Threads.LimitHere, parts) - 1;
            StartThreads(helpers);
            _call.Body = &RunPart<K>;
            _call.Kernel = Unsafe.AsPointer(ref kernel);
            _call.Units = units;
            _call.Parts = parts;
            _call.Helpers = helpers;
            Volatile.Write(ref _call.Done.Value, 0);
            long number = (Volatile.Read(ref _call.Ticket.Value) >> 32) + 1;

            // A full fence: the ticket is seen before the sleepers are counted, as each sleeper is counted before it looks at the ticket.
            Interlocked.Exchange(ref _call.Ticket.Value, number << 32);
            long asleep = Volatile.Read(ref _call.Asleep.Value);
            if (asleep > 0)
            {
                _wake.Release((int)Math.Min(asleep, helpers));
            }

            TakeParts(number, fromBack: false);
            SpinWait spin = default;
            while (Volatile.Read(ref _call.Done.Value) < parts)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            return true;
        }
        finally
        {
            _gate.Exit();
        }
    }

    private static void RunPart<K>(void* kernel, int first, int count)
        where K : struct, IKernel, allows ref struct
        => Kernels.RunUnits(ref Unsafe.AsRef<K>(kernel), first, count);

    private static void TakeParts(long number, bool fromBack)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _call.Ticket.Value);
            int front = (ushort)ticket;
            int back = (ushort)(ticket >> 16);
            int parts = _call.Parts;
            if (ticket >> 32 != number || front + back >= parts)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _call.Ticket.Value, ticket + (fromBack ? 1 << 16 : 1), ticket) == ticket)
            {
                int part = fromBack ? parts - 1 - back : front;
                int first = (int)((long)_call.Units * part / parts);
                int end = (int)((long)_call.Units * (part + 1) / parts);
                _call.Body(_call.Kernel, first, end - first);
                Interlocked.Increment(ref _call.Done.Value);
            }
        }
    }

    private static void StartThreads(int helpers)
    {
        for (; _started < helpers; _started++)
        {
            int index = _started;
            new Thread(() => Work(index)) { IsBackground = true, Name = $"NormLayers worker {index + 1}" }.Start();
        }
    }

    private static void Work(int index)
    {
        long seen = 0;
        long idleSince = Stopwatch.GetTimestamp();
        while (true)
        {
            long number = Volatile.Read(ref _call.Ticket.Value) >> 32;
            if (number != seen)
            {
                seen = number;
                if (index < _call.Helpers)
                {
                    TakeParts(number, fromBack: true);
                }

                idleSince = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(idleSince) < SpinTime)
            {
                Thread.SpinWait(1);
            }
            else
            {
                Interlocked.Increment(ref _call.Asleep.Value);
                if (Volatile.Read(ref _call.Ticket.Value) >> 32 == seen)
                {
                    _wake.Wait();
                }

                Interlocked.Decrement(ref _call.Asleep.Value);
                idleSince = Stopwatch.GetTimestamp();
            }
        }
    }

    // What caller and workers share. The numbers that they write while others read stand on cache lines of their own.
    private sealed class Call
    {
        public Line Ticket;
        public Line Done;
        public Line Asleep;
        public delegate*<void*, int, int, void> Body;
        public void* Kernel;
        public int Units;
        public int Parts;
        public int Helpers;
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Line
    {
        [FieldOffset(64)]
        public long Value;
    }
}
