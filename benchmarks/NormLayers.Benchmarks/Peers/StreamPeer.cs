using NormLayers.Cli.Bench;

namespace NormLayers.Benchmarks.Peers;

/// <summary>The yardstick: the memory traffic of a case, without its arithmetic.</summary>
internal sealed class StreamPeer(int threads) : IPeer
{
    public string Version => "copy; with a backward pass also the sum of two tensors into a third";

    public bool Takes(NormCase timed) => true;

    public IPeerWork Prepare(NormCase timed, NormData data) => new Work(timed, data, threads);

    private sealed class Work(NormCase timed, NormData data, int threads) : IPeerWork
    {
        private readonly StreamWork _work = new(timed, data, threads);

        public NormOutputs? Outputs => null;

        public void Run() => _work.Run();

        public void Dispose() => _work.Dispose();
    }
}
