using System.Diagnostics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Cli.Bench;

/// <summary>
/// What a case costs in memory traffic alone: a copy x → y of the same size, with a backward pass also x + dy → dx,
/// on as many threads. No normalization can take less where the tensors are not in the cache.
/// </summary>
internal sealed class StreamWork : IDisposable
{
    // Below, handing a part to another thread costs more than it saves.
    private const int LeastElementsOnThreads = 16 * 1024;

    private readonly float[] _x;
    private readonly float[] _dy;
    private readonly float[] _y;
    private readonly float[] _dx;
    private readonly WorkerTeam? _team;
    private readonly Action<int> _part;
    private readonly int _parts;
    private bool _plainCopy;
    private bool _plainSum;

    public StreamWork(NormCase timed, NormData data, int threads)
    {
        _x = data.X;
        _dy = data.Dy;
        _y = new float[_x.Length];
        _dx = new float[_dy.Length];
        _parts = _x.Length >= LeastElementsOnThreads ? threads : 1;
        _team = _parts > 1 ? new WorkerTeam(_parts) : null;
        _part = RunPart;
        ChooseFaster();
    }

    public void Run()
    {
        if (_team is null)
        {
            RunPart(0);
        }
        else
        {
            _team.Run(_part);
        }
    }

    public void Dispose() => _team?.Dispose();

    // The runtime's copy and sum and a plain vector loop differ by their stores; the limit is what the faster one takes.
    private void ChooseFaster()
    {
        const int Rounds = 3;
        (double Time, bool Copy, bool Sum) best = (double.PositiveInfinity, false, false);
        for (int i = 0; i < 4 * Rounds; i++)
        {
            (_plainCopy, _plainSum) = (i % 2 == 1, i % 4 >= 2);
            WorkTimer timer = new(Run);
            timer.WarmUp(TimeSpan.FromMilliseconds(1));
            double time = timer.Measure(TimeSpan.FromMilliseconds(2)).Nanoseconds;
            best = time < best.Time ? (time, _plainCopy, _plainSum) : best;
        }

        (_, _plainCopy, _plainSum) = best;
    }

    private void RunPart(int part)
    {
        int start = (int)((long)_x.Length * part / _parts);
        int count = (int)((long)_x.Length * (part + 1) / _parts) - start;
        ReadOnlySpan<float> x = _x.AsSpan(start, count);
        if (_plainCopy)
        {
            Copy(x, _y.AsSpan(start, count));
        }
        else
        {
            x.CopyTo(_y.AsSpan(start, count));
        }

        if (_dx.Length > 0 && _plainSum)
        {
            Add(x, _dy.AsSpan(start, count), _dx.AsSpan(start, count));
        }
        else if (_dx.Length > 0)
        {
            TensorPrimitives.Add(x, _dy.AsSpan(start, count), _dx.AsSpan(start, count));
        }
    }

    private static void Copy(ReadOnlySpan<float> from, Span<float> to)
    {
        ReadOnlySpan<Vector512<float>> source = MemoryMarshal.Cast<float, Vector512<float>>(from);
        Span<Vector512<float>> target = MemoryMarshal.Cast<float, Vector512<float>>(to);
        Debug.Assert(source.Length == target.Length);
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = source[i];
        }

        int done = target.Length * Vector512<float>.Count;
        from[done..].CopyTo(to[done..]);
    }

    private static void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> sum)
    {
        ReadOnlySpan<Vector512<float>> first = MemoryMarshal.Cast<float, Vector512<float>>(a);
        ReadOnlySpan<Vector512<float>> second = MemoryMarshal.Cast<float, Vector512<float>>(b);
        Span<Vector512<float>> target = MemoryMarshal.Cast<float, Vector512<float>>(sum);
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = first[i] + second[i];
        }

        int done = target.Length * Vector512<float>.Count;
        TensorPrimitives.Add(a[done..], b[done..], sum[done..]);
    }
}
