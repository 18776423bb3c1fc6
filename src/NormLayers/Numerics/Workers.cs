using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Threads that help a call with its parts.</summary>
/// <remarks>
/// <para>A <see cref="Ticket"/> holds the number of the call, how many workers may still join it, how many parts it has, and how many were taken from each end. Whoever swaps it
/// for the next ticket does the part. The calling thread takes the first that is left, a worker the last, so that in the next pass over
/// the same arrays each finds most of its share in its own cache. What a part needs to be done is written before the ticket and stays
/// until all that were taken are done. A worker that comes late, or from an earlier call, holds a ticket with nothing left, and takes nothing.
/// So the caller never waits for a thread to wake up, only for parts that were begun.</para>
/// <para>A worker without work looks for the next ticket for <see cref="SpinTime"/>, since the calls of a training follow each other at
/// once, and then sleeps. Nothing is allocated after the threads are started.</para>
/// <para>The first exception of a part is thrown on the calling thread, whichever thread the part was on: an exception that leaves a worker would end the process.</para>
/// <para>The kernel stays on the caller's stack; workers reach it there while the caller waits. Its spans are references that the
/// garbage collector updates in place.</para>
/// </remarks>
internal static unsafe class Workers
{
    private static readonly TimeSpan SpinTime = TimeSpan.FromMicroseconds(50);
    private static readonly Lock _lock = new();
    private static readonly SemaphoreSlim _wake = new(0);
    private static readonly Call _call = new();
    private static int _started;

    private static Ticket Latest => new(Volatile.Read(ref _call.Ticket.Value));

    /// <summary>Does all units of a kernel in so many parts, on this thread and the workers.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="units">How many units it has.</param>
    /// <param name="parts">How many parts, 1 to 255.</param>
    /// <param name="helpers">How many workers may help, ≥ 1.</param>
    /// <returns>False if the workers are busy with another call: nothing was done then.</returns>
    public static bool TryRun<K>(scoped ref K kernel, int units, int parts, int helpers)
        where K : struct, IKernel, allows ref struct
    {
        Debug.Assert(parts is > 0 and <= byte.MaxValue, "A ticket cannot hold so many parts.");

        // The lock would let this thread in again, and its parts of the first call would be lost.
        if (_lock.IsHeldByCurrentThread || !_lock.TryEnter())
        {
            return false;
        }

        try
        {
            StartThreads(helpers);
            _call.Body = &RunPart<K>;
            _call.Kernel = Unsafe.AsPointer(ref kernel);
            _call.Units = units;
            Volatile.Write(ref _call.Done.Value, 0);
            Ticket ticket = Ticket.ForNext(Latest, helpers, parts);

            // A full fence: the ticket is seen before the sleepers are counted, as each sleeper is counted before it looks at the ticket.
            Interlocked.Exchange(ref _call.Ticket.Value, ticket.Bits);
            // Some may have been woken by an earlier call and not yet be awake.
            long asleep = Volatile.Read(ref _call.Asleep.Value) - _wake.CurrentCount;
            if (asleep > 0)
            {
                _wake.Release((int)Math.Min(asleep, helpers));
            }

            TakeParts(ticket.Number, fromBack: false);
            AwaitTakenParts();
            if (Interlocked.Exchange(ref _call.Failure, null) is { } failure)
            {
                ExceptionDispatchInfo.Throw(failure);
            }

            return true;
        }
        finally
        {
            _lock.Exit();
        }
    }

    private static void RunPart<K>(void* kernel, int first, int count)
        where K : struct, IKernel, allows ref struct
        => Kernels.RunUnits(ref Unsafe.AsRef<K>(kernel), first, count);

    // Whoever wakes up first: which of the sleepers that is cannot be said.
    private static bool TryJoin(int number)
    {
        while (true)
        {
            Ticket ticket = Latest;
            if (ticket.Number != number || ticket.Helpers == 0 || ticket.Taken >= ticket.Parts)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _call.Ticket.Value, ticket.Join().Bits, ticket.Bits) == ticket.Bits)
            {
                return true;
            }
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a part throws, the caller throws.")]
    private static void TakeParts(int number, bool fromBack)
    {
        while (true)
        {
            Ticket ticket = Latest;
            if (ticket.Number != number || ticket.Taken >= ticket.Parts)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _call.Ticket.Value, ticket.Take(fromBack).Bits, ticket.Bits) != ticket.Bits)
            {
                continue;
            }

            try
            {
                int part = fromBack ? ticket.Parts - 1 - ticket.Back : ticket.Front;
                int first = (int)((long)_call.Units * part / ticket.Parts);
                int end = (int)((long)_call.Units * (part + 1) / ticket.Parts);
                _call.Body(_call.Kernel, first, end - first);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _call.Failure, e, null);
                return;
            }
            finally
            {
                Interlocked.Increment(ref _call.Done.Value);
            }
        }
    }

    // All parts, unless the caller's threw: then none of the others is begun any more.
    private static void AwaitTakenParts()
    {
        Ticket last = new(Interlocked.Exchange(ref _call.Ticket.Value, Latest.Closed().Bits));
        SpinWait spin = default;
        while (Volatile.Read(ref _call.Done.Value) < last.Taken)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private static void StartThreads(int helpers)
    {
        for (; _started < helpers; _started++)
        {
            new Thread(Work) { IsBackground = true, Name = $"NormLayers worker {_started + 1}" }.Start();
        }
    }

    private static void Work()
    {
        int seen = 0;
        long idleSince = Stopwatch.GetTimestamp();
        while (true)
        {
            int number = Latest.Number;
            if (number != seen)
            {
                seen = number;
                if (TryJoin(number))
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
                if (Latest.Number == seen)
                {
                    _wake.Wait();
                }

                Interlocked.Decrement(ref _call.Asleep.Value);
                idleSince = Stopwatch.GetTimestamp();
            }
        }
    }

    /// <summary>A call's number, how many workers may still join, its parts and how many of them were taken, in one word that is swapped as a whole.</summary>
    private readonly record struct Ticket(long Bits)
    {
        public int Number => (int)(Bits >> 32);

        public int Helpers => (byte)(Bits >> 24);

        public int Parts => (byte)(Bits >> 16);

        public int Back => (byte)(Bits >> 8);

        public int Front => (byte)Bits;

        public int Taken => Front + Back;

        public static Ticket ForNext(Ticket last, int helpers, int parts) => new(((long)last.Number + 1) << 32 | (long)helpers << 24 | (long)parts << 16);

        public Ticket Join() => new(Bits - (1 << 24));

        public Ticket Take(bool fromBack) => new(Bits + (fromBack ? 1 << 8 : 1));

        public Ticket Closed() => new((long)Number << 32);
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
        public Exception? Failure;
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Line
    {
        [FieldOffset(64)]
        public long Value;
    }
}
