namespace NormLayers.Cli.Bench;

/// <summary>Runs the parts of a job at the same time, the first on the caller's thread; the others' threads spin between jobs that follow quickly.</summary>
internal sealed class WorkerTeam : IDisposable
{
    // About a millisecond of spinning and yielding before a thread sleeps.
    private const int SpinsBeforeSleep = 2_000;

    private readonly Thread[] _threads;
    private readonly object _lock = new();
    private Action<int>? _job;
    private int _generation;
    private int _running;
    private int _asleep;

    public WorkerTeam(int parts)
    {
        _threads = new Thread[parts - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int part = i + 1;
            _threads[i] = new Thread(() => Serve(part)) { IsBackground = true, Name = "stream" };
            _threads[i].Start();
        }
    }

    public void Run(Action<int> job)
    {
        Start(job);
        job(0);
        SpinWait wait = default;
        while (Volatile.Read(ref _running) > 0)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    public void Dispose()
    {
        Start(null);
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

    private void Start(Action<int>? job)
    {
        _job = job;
        _running = _threads.Length;
        Interlocked.Increment(ref _generation);
        if (Volatile.Read(ref _asleep) > 0)
        {
            lock (_lock)
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    private void Serve(int part)
    {
        for (int seen = 0; ; seen++)
        {
            SpinWait wait = default;
            for (int spins = 0; Volatile.Read(ref _generation) == seen; spins++)
            {
                if (spins < SpinsBeforeSleep)
                {
                    wait.SpinOnce(sleep1Threshold: -1);
                    continue;
                }

                lock (_lock)
                {
                    Interlocked.Increment(ref _asleep);
                    while (Volatile.Read(ref _generation) == seen)
                    {
                        Monitor.Wait(_lock);
                    }

                    Interlocked.Decrement(ref _asleep);
                }
            }

            if (_job is not { } job)
            {
                return;
            }

            job(part);
            Interlocked.Decrement(ref _running);
        }
    }
}
