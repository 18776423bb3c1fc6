using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class OneThreadAtATimeTests
{
    private static readonly float[] s_x = Samples.Normal(8);

    [Fact]
    public async Task Forward_WhileAnotherThreadIsInAPass_SaysSo()
    {
        using Gate gate = new();
        Sequential network = new(new Linear(4, 4, new RandomSource(1)), gate) { Training = false };
        Task<float[]> first = gate.Block(() => Samples.Forward(network, s_x, (2, 4)));
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Samples.Forward(network, s_x, (2, 4)));
        Assert.Contains("another thread is in a forward or backward pass", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Samples.Forward(new Sequential(gate), s_x, (2, 4)));
        float[] other = Samples.Forward(new Sequential(new Linear(4, 4, new RandomSource(1))), s_x, (2, 4));
        gate.Open();

        Assert.Equal(other, await first);
        Assert.Equal(other, Samples.Forward(network, s_x, (2, 4)));
        network.Backward(s_x, new float[8], new float[8]);
    }

    // What a pass is checked against belongs to the other thread's, too.
    [Fact]
    public async Task Backward_WhileAnotherThreadIsInAForwardPass_SaysSo()
    {
        using Gate gate = new();
        Task<float[]> first = gate.Block(() => Samples.Forward(gate, s_x, (2, 4)));
        foreach (int length in (int[])[8, 12])
        {
            InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => gate.Backward(new float[length], new float[length], default));
            Assert.Contains("another thread is in a forward or backward pass", error.Message, StringComparison.Ordinal);
        }

        gate.Open();
        Assert.Equal(s_x, await first);
    }

    [Fact]
    public void Pass_ThatThrows_LeavesTheNetworkFree()
    {
        using Gate gate = new() { Throws = true };
        Sequential network = new(gate);
        Assert.Throws<NotSupportedException>(() => Samples.Forward(network, s_x, (2, 4)));
        gate.Throws = false;
        Samples.Forward(network, s_x, (2, 4));
        gate.Throws = true;
        Assert.Throws<NotSupportedException>(() => network.Backward(s_x, new float[8], new float[8]));
        gate.Throws = false;
        network.Backward(s_x, new float[8], new float[8]);
        Samples.Forward(network, s_x, (2, 4));
    }

    // Many threads at once: each output is right, or the call threw.
    [Fact]
    public void Forward_ManyThreads_IsRightOrThrows()
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 4, Classes = 3, HiddenFeatures = [64, 64] });
        network.Training = false;
        float[] expected = Samples.Forward(network, s_x, (2, 4));
        int done = 0;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            for (int i = 0; i < 2000; i++)
            {
                float[] y = new float[6];
                try
                {
                    network.Forward(s_x, (2, 4), y);
                }
                catch (InvalidOperationException)
                {
                    continue;
                }

                Assert.Equal(expected, y);
                Interlocked.Increment(ref done);
            }
        });
        Assert.True(done > 0);
    }

    /// <summary>y = x, once the barrier is open.</summary>
    private sealed class Gate() : Layer("gate"), IDisposable
    {
        private readonly ManualResetEventSlim _entered = new();
        private readonly ManualResetEventSlim _open = new(true);

        public bool Throws { get; set; }

        public override Shape OutputShape(Shape shape) => shape;

        public Task<T> Block<T>(Func<T> call)
        {
            _open.Reset();
            Task<T> task = Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Assert.True(_entered.Wait(TimeSpan.FromSeconds(30)));
            return task;
        }

        public void Open() => _open.Set();

        public void Dispose()
        {
            _entered.Dispose();
            _open.Dispose();
        }

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
        {
            _entered.Set();
            _open.Wait();
            Pass(x, y);
        }

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => Pass(dy, dx);

        private void Pass(ReadOnlySpan<float> from, Span<float> to)
        {
            if (Throws)
            {
                throw new NotSupportedException();
            }

            from.CopyTo(to);
        }
    }
}
