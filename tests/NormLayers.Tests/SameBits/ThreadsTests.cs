using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.SameBits;

/// <summary>
/// The number of threads changes no bit of any kernel, on shapes large enough to be shared out; nor does the vector width, under which the
/// same constants are pinned (<see cref="SameBitsTests"/> says when they may change).
/// </summary>
public sealed class ThreadsTests : IDisposable
{
    private readonly int _limit = Threads.Limit;

    public void Dispose() => Threads.Limit = _limit;

    [Theory]
    [InlineData(nameof(Family.LayerNorm), 2100, 130, 1, "0E7354DB912216F7")]
    [InlineData(nameof(Family.LayerNorm), 40_000, 3, 1, "1D14977AA87EE4A2")]
    [InlineData(nameof(Family.LayerNorm), 3, 70_000, 1, "9CB069287D69A187")]
    [InlineData(nameof(Family.LayerNorm), 90, 768, 1, "7625BE96A8D127DE")]
    [InlineData(nameof(Family.RmsNorm), 2100, 130, 1, "87A304FDA2ACC294")]
    [InlineData(nameof(Family.RmsNorm), 3, 70_000, 1, "765B9F0A8A05453E")]
    [InlineData(nameof(Family.RmsNorm), 90, 768, 1, "63F7396190DB33E1")]
    [InlineData(nameof(Family.BatchNorm), 2100, 130, 1, "288941DB6D51B18C")]
    [InlineData(nameof(Family.BatchNorm), 40_000, 3, 1, "3ABA337FDEFFED5E")]
    [InlineData(nameof(Family.BatchNorm), 150, 512, 1, "34CF1995B1E3179A")]
    [InlineData(nameof(Family.BatchNorm), 60, 9, 200, "ADF95970CC8D3BB4")]
    [InlineData(nameof(Family.BatchNorm), 700, 27, 7, "1AA76FEABF0D7CF5")]
    [InlineData(nameof(Family.BatchNorm), 40, 64, 49, "74F947B0BAC7EC00")]
    [InlineData(nameof(Family.BatchNorm), 170, 25, 16, "D608F354E916C5A4")]
    [InlineData(nameof(Family.BatchNorm), 130, 33, 17, "3AB27C24E8DAE927")]
    public void Kernel_LargeProblem_PinnedBitsWithAnyNumberOfThreads(string family, int rows, int channels, int length, string pinned)
    {
        KernelSubject subject = new(Family.Named(family));
        Problem problem = Problem.Random(rows, channels, length, offset: 0.5).For(subject.Family);
        PinnedWithAnyNumberOfThreads(pinned, hash =>
        {
            hash.Add(subject.Run(problem));
            hash.Add(subject.Run(problem with { Training = false }));
        });
    }

    [Theory]
    [InlineData("layernorm", 300, 260, 1, "7482E84F82D06543")]
    [InlineData("batchnorm", 300, 260, 1, "4B72CB327F0A6ACD")]
    [InlineData("batchnorm", 30, 64, 49, "56A340FB3D2808E1")]
    [InlineData("ghostbatchnorm", 300, 900, 1, "AB8D3FD8E3A38CCC")]
    [InlineData("ghostbatchnorm", 30, 64, 130, "8A4DD08E3EAC6F2C")]
    [InlineData("batchrenorm", 300, 260, 1, "69BF2A6A1F39FEF7")]
    [InlineData("batchrenorm", 30, 64, 49, "0459693880336000")]
    [InlineData("groupnorm", 300, 260, 1, "FFD08FD584E6E10D")]
    [InlineData("groupnorm", 30, 64, 49, "B9EFB0ABD7401089")]
    [InlineData("groupnorm", 3, 8, 33000, "E62671A253042270")]
    public void Layer_WithReLU_PinnedBitsWithAnyNumberOfThreads(string name, int rows, int channels, int length, string pinned)
    {
        Shape shape = length == 1 ? (rows, channels) : (rows, channels, length);
        float[] x = Samples.Normal(shape.Length);
        float[] dy = Samples.Upstream(shape.Length);
        PinnedWithAnyNumberOfThreads(pinned, hash =>
        {
            Layer layer = name switch
            {
                "layernorm" => new LayerNorm1D(channels, relu: true),
                "batchnorm" => new BatchNorm1D(channels, relu: true),
                "groupnorm" => new GroupNorm(4, channels, relu: true),
                "ghostbatchnorm" => new GhostBatchNorm(channels, shape[0] / 4 + 1, relu: true),
                _ => new BatchRenorm(channels, new RenormLimits(1.01, 0.2), relu: true),
            };
            Samples.Normal(channels, seed: 3).CopyTo(layer.Parameters[0].Value, 0);
            Samples.Normal(channels, seed: 4).CopyTo(layer.Parameters[1].Value, 0);
            hash.Add(Samples.Forward(layer, x, shape));
            hash.Add(Samples.Backward(layer, x, dy));
            hash.Add(layer.Parameters.SelectMany(p => p.Gradient));
        });
    }

    [Theory]
    [InlineData(5, 90, 300, "5F9814C07DE2EE4E")]
    [InlineData(300, 4, 70, "68459E86B7F1634B")]
    [InlineData(70, 90, 11, "465FE1BE00BA94AA")]
    public void AdaptiveLayerNorm_LargeProblem_PinnedBitsWithAnyNumberOfThreads(int samples, int tokens, int features, string pinned)
    {
        Shape shape = (samples, tokens, features);
        float[] x = Samples.Normal(shape.Length);
        PinnedWithAnyNumberOfThreads(pinned, hash =>
        {
            AdaptiveLayerNorm layer = new(features);
            layer.SetCondition(scale: Samples.Normal(samples * features, seed: 3), shift: Samples.Normal(samples * features, seed: 4));
            hash.Add(Samples.Forward(layer, x, shape));
            hash.Add(Samples.Backward(layer, x, Samples.Upstream(x.Length)));
            hash.Add(layer.ScaleGradient.ToArray());
            hash.Add(layer.ShiftGradient.ToArray());
        });
    }

    [Fact]
    public void AddLayerNorm_LargeProblem_PinnedBitsWithAnyNumberOfThreads()
    {
        float[] x = Samples.Normal(300 * 260, seed: 1);
        float[] residual = Samples.Normal(x.Length, seed: 2);
        PinnedWithAnyNumberOfThreads("47E3EFF0CB6B247C", hash =>
        {
            float[] sum = new float[x.Length];
            float[] y = new float[x.Length];
            Functional.AddLayerNorm(x, residual, 260, Functional.Ones, Functional.Zeros, 1e-5, sum, y);
            hash.Add(sum);
            hash.Add(y);
        });
    }

    [Fact]
    public void AddRmsNorm_LargeProblem_PinnedBitsWithAnyNumberOfThreads()
    {
        float[] x = Samples.Normal(300 * 260, seed: 1);
        float[] residual = Samples.Normal(x.Length, seed: 2);
        PinnedWithAnyNumberOfThreads("4082E99F59AFD0D1", hash =>
        {
            float[] sum = new float[x.Length];
            float[] y = new float[x.Length];
            Functional.AddRmsNorm(x, residual, 260, Functional.Ones, 1e-5, sum, y);
            hash.Add(sum);
            hash.Add(y);
        });
    }

    [Theory]
    [InlineData("gelu", "7BF41EF215FD82AF")]
    [InlineData("silu", "D5D1507B239522D3")]
    [InlineData("softmax", "09D4BBAE7E2164A5")]
    public void Activation_LargeProblem_PinnedBitsWithAnyNumberOfThreads(string name, string pinned)
    {
        float[] x = Samples.Normal(300 * 261, seed: 1, deviation: 4);
        float[] dy = Samples.Normal(x.Length, seed: 2);
        PinnedWithAnyNumberOfThreads(pinned, hash =>
        {
            Layer layer = name switch { "gelu" => new Gelu(), "silu" => new SiLU(), _ => new Softmax() };
            hash.Add(Samples.Forward(layer, x, (300, 261)));
            hash.Add(Samples.Backward(layer, x, dy));
        });
    }

    [Fact]
    public void PackedMatrix_LargeProblem_PinnedBitsWithAnyNumberOfThreads()
    {
        PackedMatrix packed = new(new MatrixView(Samples.Normal(700 * 650, seed: 1), 700, 650).Transpose());
        float[] x = Samples.Normal(40 * 650, seed: 2);
        PinnedWithAnyNumberOfThreads("B0E477ED89846D4F", hash =>
        {
            float[] y = new float[40 * 700];
            packed.Multiply(x, default, y);
            hash.Add(y);
            packed.Multiply(x.AsSpan(0, 650), default, y.AsSpan(0, 700));
            hash.Add(y);
        });
    }

    [Theory]
    [InlineData("none", "7AD117A2A03A4A39")]
    [InlineData("batchnorm", "4C22FCB0F4A93F67")]
    [InlineData("layernorm", "1B5DB621F5BB2A57")]
    [InlineData("rmsnorm", "FCDAA90DD7A6F61C")]
    public void Network_LargeBatches_PinnedBitsWithAnyNumberOfThreads(string mode, string pinned) =>
        PinnedWithAnyNumberOfThreads(pinned, hash => hash.Add(TrainLargeNetwork(NormalizationKind.Find(mode)!)));

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
        // So large an output is written with non-temporal stores, unless it replaces the input.
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

    [Theory]
    [InlineData(65, 1)]
    [InlineData(65, 49)]
    public void BatchNorm_EvaluationBeyondTheCaches_SameBitsAsInPlace(int features, int length)
    {
        Shape shape = (RowMap.StreamedOnceElements / (features * length) + 7, features, length);
        float[] x = Samples.Normal(shape.Length);
        float[] y = new float[x.Length];
        BatchNorm layer = new(features) { Training = false };
        layer.Forward(x, shape, y);
        layer.Forward(x, shape, x);
        Assert.True(x.AsSpan().SequenceEqual(y), "y differs.");
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
            RunOnceFree(ref kernel, parts);
            Assert.True(done.AsSpan(0, parts).IndexOfAnyExcept(1) < 0, $"Call {call}: parts were done {string.Join(", ", done[..parts])} times.");
        }
    }

    [Fact]
    public void Workers_PartOfTheCallerThrows_WorkersAreDoneBefore()
    {
        Threads.Limit = 3;
        int[] begun = new int[8];
        int[] done = new int[8];
        Faulty kernel = new(begun, done, Environment.CurrentManagedThreadId);
        bool thrown = false;
        try
        {
            RunOnceFree(ref kernel, done.Length);
        }
        catch (InvalidOperationException)
        {
            thrown = true;
        }

        Assert.True(thrown);
        Assert.Contains(1, begun);
        Assert.Equal(begun, done);
        Thread.Sleep(50);
        Assert.Equal(begun, done);
        Count later = new(done);
        Array.Clear(done);
        RunOnceFree(ref later, done.Length);
        Assert.All(done, times => Assert.Equal(1, times));
    }

    // An exception that leaves a worker ends the process.
    [Fact]
    public void Workers_PartOfAWorkerThrows_TheCallerThrowsItAndNextCallsWork()
    {
        Threads.Limit = 3;
        using ManualResetEventSlim begun = new();
        FaultyWorker kernel = new(Environment.CurrentManagedThreadId, begun);
        string message = "";
        try
        {
            RunOnceFree(ref kernel, 8);
        }
        catch (NotSupportedException e)
        {
            message = e.Message;
        }

        Assert.Equal("of a worker", message);
        int[] done = new int[8];
        Count later = new(done);
        RunOnceFree(ref later, done.Length);
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

    private static void PinnedWithAnyNumberOfThreads(string pinned, Action<BitHash> compute)
    {
        foreach (int threads in (int[])[1, 2, 3, 8])
        {
            Threads.Limit = threads;
            using BitHash hash = new();
            compute(hash);
            Assert.Equal((threads, pinned), (threads, hash.Text()));
        }
    }

    // A unit a part. Tests of other classes run at the same time, and may have the workers for a while.
    private static void RunOnceFree<K>(ref K kernel, int parts)
        where K : struct, IKernel
    {
        while (!Workers.TryRun(ref kernel, parts, parts, Math.Min(3, parts) - 1))
        {
            Thread.Yield();
        }
    }

    private static float[] TrainLargeNetwork(NormalizationKind normalization)
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 300, HiddenFeatures = [530, 130], Classes = 10, Normalization = normalization, Seed = 5 });
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

    /// <summary>Counts how often each unit is done.</summary>
    private readonly struct Count(int[] done) : IKernel
    {
        private readonly int[] _done = done;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            for (int unit = first; unit < first + count; unit++)
            {
                Interlocked.Increment(ref _done[unit]);
            }
        }
    }

    /// <summary>Throws on the caller's thread once a worker has begun a part; workers take their time.</summary>
    private readonly struct Faulty(int[] begun, int[] done, int caller) : IKernel
    {
        private readonly int[] _begun = begun;
        private readonly int[] _done = done;
        private readonly int _caller = caller;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            if (Environment.CurrentManagedThreadId == _caller)
            {
                int[] begun = _begun;
                SpinWait.SpinUntil(() => begun.Sum() > 0, TimeSpan.FromSeconds(10));
                throw new InvalidOperationException();
            }

            Interlocked.Increment(ref _begun[first]);
            Thread.Sleep(20);
            Interlocked.Increment(ref _done[first]);
        }
    }

    [Fact]
    public void For_AnyCount_CallsEachNumberOnce()
    {
        int limit = Threads.Limit;
        try
        {
            foreach (int threads in (int[])[1, 2, 3, 8])
            {
                Threads.Limit = threads;
                foreach (int count in (int[])[0, 1, 2, 7, 33, 1000])
                {
                    int[] calls = new int[count];
                    Threads.For(count, i => Interlocked.Increment(ref calls[i]));
                    Assert.All(calls, c => Assert.Equal(1, c));
                }
            }
        }
        finally
        {
            Threads.Limit = limit;
        }
    }

    [Fact]
    public void For_CallsOfTheLibraryInIt_GiveTheSameBits()
    {
        float[] x = Samples.Normal(200 * 768, seed: 1);
        float[] expected = new float[x.Length];
        Functional.LayerNorm(x, 768, Functional.Ones, Functional.Zeros, 1e-5, expected);
        int limit = Threads.Limit;
        try
        {
            Threads.Limit = 4;
            float[][] results = [.. Enumerable.Range(0, 40).Select(_ => new float[x.Length])];
            Threads.For(results.Length, i => Functional.LayerNorm(x, 768, Functional.Ones, Functional.Zeros, 1e-5, results[i]));
            Assert.All(results, y => Compare.SameBits(expected, y, "y"));
            Assert.False(Threads.CallerAlone);
        }
        finally
        {
            Threads.Limit = limit;
        }
    }

    [Fact]
    public void For_BodyThatAllowsThreads_LosesNoCall()
    {
        float[] x = Samples.Normal(1024 * 256, seed: 1);
        float[][] y = [.. Enumerable.Range(0, 8).Select(_ => new float[x.Length])];
        float[] expected = new float[x.Length];
        Functional.LayerNorm(x, 256, Functional.Ones, Functional.Zeros, 1e-5, expected);
        int limit = Threads.Limit;
        try
        {
            Threads.Limit = 2;
            Threads.For(y.Length, i =>
            {
                Threads.CallerAlone = false;
                Functional.LayerNorm(x, 256, Functional.Ones, Functional.Zeros, 1e-5, y[i]);
            });
        }
        finally
        {
            Threads.Limit = limit;
            Threads.CallerAlone = false;
        }

        Assert.All(y, result => Compare.SameBits(expected, result, "y"));
    }

    [Fact]
    public void For_ThatThrows_PassesItOnAndWorksAgain()
    {
        Assert.Throws<FormatException>(() => Threads.For(1, _ => throw new FormatException()));
        Assert.Throws<ArgumentOutOfRangeException>(() => Threads.For(-1, _ => { }));
        Assert.Throws<ArgumentNullException>(() => Threads.For(1, null!));
        Assert.False(Threads.CallerAlone);
        int calls = 0;
        Threads.For(5, _ => Interlocked.Increment(ref calls));
        Assert.Equal(5, calls);
    }

    /// <summary>Throws on a worker; the caller waits until that has happened.</summary>
    private readonly struct FaultyWorker(int caller, ManualResetEventSlim begun) : IKernel
    {
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            if (Environment.CurrentManagedThreadId == caller)
            {
                begun.Wait(TimeSpan.FromSeconds(10));
                return;
            }

            begun.Set();
            throw new NotSupportedException("of a worker");
        }
    }
}
