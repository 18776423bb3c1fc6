using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.SameBits;

/// <summary>The number of threads changes no bit of any kernel, on shapes large enough to be shared out.</summary>
public sealed class ThreadsTests : IDisposable
{
    private readonly int _limit = Threads.Limit;

    public void Dispose() => Threads.Limit = _limit;

    [Theory]
    [InlineData(Family.LayerNorm, 2100, 130, 1)]
    [InlineData(Family.LayerNorm, 40_000, 3, 1)]
    [InlineData(Family.LayerNorm, 3, 70_000, 1)]
    [InlineData(Family.BatchNorm, 2100, 130, 1)]
    [InlineData(Family.BatchNorm, 40_000, 3, 1)]
    [InlineData(Family.BatchNorm, 60, 9, 200)]
    [InlineData(Family.BatchNorm, 700, 27, 7)]
    public void Kernel_LargeProblem_SameBitsWithAnyNumberOfThreads(Family family, int rows, int channels, int length)
    {
        KernelSubject subject = new(family);
        Problem problem = Problem.Random(rows, channels, length, offset: 0.5);
        Threads.Limit = 1;
        Outcome expected = subject.Run(problem);
        foreach (int threads in (int[])[2, 3, 8])
        {
            Threads.Limit = threads;
            Outcome actual = subject.Run(problem);
            foreach (((string name, double[]? one), (_, double[]? many)) in expected.All.Zip(actual.All))
            {
                Assert.True((one ?? []).AsSpan().SequenceEqual(many), $"{name} has other bits with {threads} threads.");
            }
        }
    }

    [Fact]
    public void Network_LargeBatches_SameBitsWithAnyNumberOfThreads()
    {
        Threads.Limit = 1;
        float[] expected = TrainLargeNetwork();
        foreach (int threads in (int[])[2, 3, 8])
        {
            Threads.Limit = threads;
            Assert.Equal(expected, TrainLargeNetwork());
        }
    }

    [Fact]
    public void Calls_FromSeveralThreadsAtOnce_SameBits()
    {
        Threads.Limit = 3;
        KernelSubject subject = new(Family.LayerNorm);
        Problem problem = Problem.Random(1100, 65, offset: 0.5);
        double[] expected = subject.Run(problem).Dx!;
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = TestContext.Current.CancellationToken }, i =>
        {
            Threads.CallerAlone = i % 3 == 0;
            try
            {
                Assert.Equal(expected, subject.Run(problem).Dx!);
            }
            finally
            {
                Threads.CallerAlone = false;
            }
        });
    }

    [Theory]
    [InlineData(65, 1, false)]
    [InlineData(65, 1, true)]
    [InlineData(5000, 1, false)]
    [InlineData(65, 49, true)]
    public void Layer_OutputBeyondTheCaches_SameBitsAsInPlace(int features, int length, bool batchNorm)
    {
        // What is so large is written past the caches, unless it replaces the input.
        int rows = RowMap.StreamedElements / (features * length) + 7;
        Shape shape = length == 1 ? (rows, features) : (rows, features, length);
        float[] x = Samples.Normal(shape.Length);
        float[] dy = Samples.Upstream(shape.Length);
        Layer layer = batchNorm ? new BatchNorm1D(features) : new LayerNorm1D(features);
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);
        float[] inPlace = [.. x];
        layer.Forward(inPlace, shape, inPlace);
        Assert.True(inPlace.AsSpan().SequenceEqual(y), "y differs.");
        layer.Backward(x, dy, dy);
        Assert.True(dy.AsSpan().SequenceEqual(dx), "dx differs.");
    }

    [Fact]
    public void Workers_ManyAndFewPartsByTurns_DoEachUnitOnce()
    {
        // A worker that is late for a call of few parts must not take one of the many of the next.
        Threads.Limit = 3;
        int[] done = new int[32];
        for (int call = 0; call < 50_000; call++)
        {
            int parts = call % 2 == 0 ? 2 : done.Length;
            Array.Clear(done);
            Count kernel = new(done);
            Assert.True(Workers.TryRun(ref kernel, parts, parts));
            Assert.True(done.AsSpan(0, parts).IndexOfAnyExcept(1) < 0, $"Call {call}: parts were done {string.Join(", ", done[..parts])} times.");
        }
    }

    [Fact]
    public void Workers_PartOfTheCallerThrows_LaterCallsWork()
    {
        Threads.Limit = 3;
        int[] done = new int[8];
        Count faulty = new(done, Environment.CurrentManagedThreadId);
        bool thrown = false;
        try
        {
            Workers.TryRun(ref faulty, done.Length, done.Length);
        }
        catch (InvalidOperationException)
        {
            thrown = true;
        }

        Assert.True(thrown);
        Array.Clear(done);
        Count kernel = new(done);
        Assert.True(Workers.TryRun(ref kernel, done.Length, done.Length));
        Assert.All(done, times => Assert.Equal(1, times));
    }

    [Fact]
    public void LayerNormBackward_BatchBeyondTheSecondCache_RowsAsInASmallBatch()
    {
        // Rows go through the sums two at a time, the last of an odd number alone.
        const int features = 300;
        const int few = 5;
        float[] x = Samples.Normal(2000 * features);
        float[] dy = Samples.Upstream(x.Length);
        float[] dx = Gradient(x, dy);
        Assert.True(Gradient(x[..(few * features)], dy[..(few * features)]).AsSpan().SequenceEqual(dx.AsSpan(0, few * features)), "dx differs.");

        static float[] Gradient(float[] x, float[] dy)
        {
            LayerNorm1D layer = new(features);
            float[] dx = new float[x.Length];
            layer.Forward(x, (x.Length / features, features), dx);
            layer.Backward(x, dy, dx);
            return dx;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Threads.Most + 1)]
    public void Limit_OutOfRange_Throws(int limit)
    {
        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => Threads.Limit = limit);
        Assert.Contains($"a number from 1 to {Threads.Most}", e.Message, StringComparison.Ordinal);
    }

    private static float[] TrainLargeNetwork()
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 300, HiddenFeatures = [270, 130], Classes = 10, Normalization = Normalization.LayerNorm, Seed = 5 });
        AdamOptimizer optimizer = new(network.Parameters, learningRate: 0.01);
        float[] x = Samples.Normal(200 * 300);
        int[] labels = [.. Enumerable.Range(0, 200).Select(n => n % 10)];
        float[] logits = new float[200 * 10];
        float[] dLogits = new float[logits.Length];
        for (int step = 0; step < 3; step++)
        {
            network.Forward(x, (200, 300), logits);
            SoftmaxCrossEntropy.Evaluate(logits, labels, dLogits);
            network.ZeroGradients();
            network.Backward(x, dLogits, default);
            optimizer.Step();
        }

        return [.. network.Parameters.SelectMany(p => p.Value), .. logits];
    }

    /// <summary>Counts how often each unit is done; throws on a thread that is not to do any.</summary>
    private readonly struct Count(int[] done, int throwsOn = 0) : IKernel
    {
        private readonly int[] _done = done;
        private readonly int _throwsOn = throwsOn;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            if (Environment.CurrentManagedThreadId == _throwsOn)
            {
                throw new InvalidOperationException();
            }

            for (int unit = first; unit < first + count; unit++)
            {
                Interlocked.Increment(ref _done[unit]);
            }
        }
    }
}
