using System.Text.Json.Nodes;
using NormLayers.Benchmarks.Peers;
using NormLayers.Cli.Bench;

namespace NormLayers.Benchmarks;

/// <summary>
/// A peer in a process of its own: answers requests, one JSON object a line. <c>describe</c> gives the version;
/// <c>prepare</c> makes a case ready, checks its outputs and warms it up; <c>measure</c> times a round; <c>errors</c> compares a product with the exact one.
/// </summary>
internal sealed class PeerServer(IPeer peer)
{
    private static readonly TimeSpan _firstWarmUp = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _warmUp = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _warmUpAgain = TimeSpan.FromMilliseconds(25);

    private readonly HashSet<string> _warm = [];
    private IDisposable? _work;
    private WorkTimer? _timer;

    public static IPeer Create(string name, int threads) => name switch
    {
        "normlayers" => new NormLayersPeer(),
        "libtorch" => new TorchPeer(threads),
        "onnxruntime" => new OnnxRuntimePeer(threads),
        "onnxruntime23" => new OnnxRuntimePeer(threads, rmsNormalization23: true),
        "tensorprimitives" => new TensorPrimitivesPeer(),
        "reference" => new ReferencePeer(),
        "stream" => new StreamPeer(threads),
        _ => throw new ArgumentException($"'{name}' is no peer", nameof(name)),
    };

    public void Run()
    {
        while (Console.In.ReadLine() is { } line)
        {
            JsonNode request = JsonNode.Parse(line)!;
            JsonObject answer = (string)request["do"]! switch
            {
                "describe" => new JsonObject { ["version"] = peer.Version },
                "prepare" => Prepare((string)request["case"]!, (int?)request["steps"] ?? 0),
                "errors" => Errors((ProductCase)Suite.Read((string)request["case"]!)),
                _ => Measure((double)request["milliseconds"]!),
            };
            Console.Out.WriteLine(answer.ToJsonString());
        }

        _work?.Dispose();
    }

    private JsonObject Prepare(string name, int steps)
    {
        _work?.Dispose();
        (_work, _timer) = (null, null);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
        JsonObject answer = Suite.Read(name) switch
        {
            NormCase timed when peer.Takes(timed) => PrepareNorm(timed),
            ProductCase timed when peer.Takes(timed) => PrepareProduct(timed),
            StepCase timed when peer.Takes(timed) => PrepareStep(timed, steps),
            _ => new JsonObject { ["taken"] = false },
        };

        // The first of its kind is compiled; the runtime takes a while to do so with all its care.
        _timer?.WarmUp(_warm.Add(string.Join(' ', name.Split(' ').Where((_, i) => i != 1))) ? _firstWarmUp : _warmUp);
        return answer;
    }

    private JsonObject PrepareNorm(NormCase timed)
    {
        NormData data = new(timed);
        return Prepare(peer.Prepare(timed, data), outputs => OutputCheck.WorstError(timed, data, outputs));
    }

    private JsonObject PrepareProduct(ProductCase timed)
    {
        ProductData data = new(timed);
        return Prepare(peer.Prepare(timed, data), outputs => OutputCheck.WorstError(timed, data, outputs.Y));
    }

    private JsonObject Errors(ProductCase timed)
    {
        ProductData data = new(timed, normal: true);
        using IPeerWork work = peer.Prepare(timed, data);
        work.Run();
        return ProductErrors.Of(timed, data, work.Outputs!.Y);
    }

    private JsonObject Prepare(IPeerWork work, Func<NormOutputs, double> worstError)
    {
        work.Run();
        _work = work;
        _timer = new WorkTimer(work.Run);
        double? error = work.Outputs is { } outputs ? Finite(worstError(outputs)) : null;
        return new JsonObject { ["taken"] = true, ["error"] = error };
    }

    private JsonObject PrepareStep(StepCase timed, int steps)
    {
        IPeerStep work = peer.Prepare(timed, new StepData(timed));
        JsonArray losses = [];
        for (int i = 0; i < steps; i++)
        {
            work.Run();
            losses.Add(Finite(work.Loss));
        }

        _work = work;
        _timer = new WorkTimer(work.Run);
        return new JsonObject { ["taken"] = true, ["losses"] = losses };
    }

    // JSON knows no NaN and no infinity.
    private static double Finite(double value) => double.IsFinite(value) ? value : double.MaxValue;

    private JsonObject Measure(double milliseconds)
    {
        _timer!.WarmUp(_warmUpAgain); // The process was stopped for a while, and its memory may have gone cold.
        Round round = _timer.Measure(TimeSpan.FromMilliseconds(milliseconds));
        return new JsonObject { ["ns"] = round.Nanoseconds, ["bytes"] = round.Bytes };
    }
}
