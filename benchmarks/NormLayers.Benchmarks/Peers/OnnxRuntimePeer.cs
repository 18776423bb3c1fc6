using Microsoft.ML.OnnxRuntime;
using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks.Peers;

/// <summary>
/// ONNX Runtime: a model of one node, with input and output bound to memory once. It has no backward pass, and batch normalization in
/// evaluation only. For RMS normalization it has a fused node of its own, and the standard's operator since opset 23.
/// </summary>
internal sealed class OnnxRuntimePeer(int threads, bool rmsNormalization23 = false) : IPeer
{
    private static readonly NormalizationKind[] _operators =
    [
        NormalizationKind.BatchNorm, NormalizationKind.LayerNorm, NormalizationKind.RmsNorm,
        NormalizationKind.GroupNorm, NormalizationKind.InstanceNorm, NormalizationKind.LocalResponseNorm,
    ];

    public string Version => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    public bool Takes(NormCase timed) =>
        timed.Pass == (timed.Layer == NormalizationKind.BatchNorm ? NormPass.Evaluation : NormPass.Forward)
        && (rmsNormalization23 ? timed.Layer == NormalizationKind.RmsNorm : _operators.Contains(timed.Layer));

    public bool Takes(ProductCase timed) => !rmsNormalization23;

    public IPeerWork Prepare(NormCase timed, NormData data)
    {
        long[] shape = [.. Enumerable.Range(0, timed.Shape.Rank).Select(axis => (long)timed.Shape[axis])];
        if (timed.Layer == NormalizationKind.LocalResponseNorm)
        {
            shape = [.. shape, 1]; // It takes planes only.
        }

        const float Epsilon = (float)NormCase.Epsilon;
        NormalizationSettings settings = timed.Settings;
        byte[] model = timed.LayerName switch
        {
            "layernorm" => OnnxModel.OfOneNode("LayerNormalization", Epsilon, 17, shape, ("gamma", data.Gamma), ("beta", data.Beta)),
            "rmsnorm" when rmsNormalization23 => OnnxModel.OfOneNode("RMSNormalization", Epsilon, 23, shape, ("gamma", data.Gamma)),
            "rmsnorm" => OnnxModel.OfOneNode("SimplifiedLayerNormalization", Epsilon, 17, shape, ("gamma", data.Gamma)),
            "groupnorm" => OnnxModel.OfOneNode(
                "GroupNormalization", [("epsilon", Epsilon), ("num_groups", NormalizationOptions.GroupsOf(timed.Features))], 21, shape, ("gamma", data.Gamma), ("beta", data.Beta)),
            "instancenorm" => OnnxModel.OfOneNode("InstanceNormalization", Epsilon, 17, shape, ("gamma", data.Gamma), ("beta", data.Beta)),
            "localresponsenorm" => OnnxModel.OfOneNode(
                "LRN", [("size", settings.Options.WindowSize), ("alpha", (float)settings.Options.ResponseScale), ("beta", 0.75f), ("bias", 1f)], 17, shape),
            _ => OnnxModel.OfOneNode(
                "BatchNormalization",
                Epsilon,
                17,
                shape,
                ("gamma", data.Gamma),
                ("beta", data.Beta),
                ("mean", data.RunningMean),
                ("variance", data.RunningVariance)),
        };
        return new Work(model, data.X, shape, shape, threads);
    }

    /// <summary>A Gemm.</summary>
    public IPeerWork Prepare(ProductCase timed, ProductData data)
    {
        using MemoryStream model = new();
        new Linear(data.W, timed.Inputs, data.Bias).WriteOnnx(model, timed.Inputs);
        return new Work(model.ToArray(), data.X, [timed.Rows, timed.Inputs], [timed.Rows, timed.Outputs], threads);
    }

    private sealed class Work : IPeerWork
    {
        private readonly float[] _y;
        private readonly RunOptions _options = new();
        private readonly InferenceSession _session;
        private readonly OrtValue _input;
        private readonly OrtValue _output;
        private readonly OrtIoBinding _binding;

        public Work(byte[] model, float[] x, long[] inputShape, long[] outputShape, int threads)
        {
            using SessionOptions options = new() { IntraOpNumThreads = threads, InterOpNumThreads = 1, GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL };
            _session = new InferenceSession(model, options);
            _y = new float[outputShape.Aggregate((a, b) => a * b)];
            _input = OrtValue.CreateTensorValueFromMemory(x, inputShape);
            _output = OrtValue.CreateTensorValueFromMemory(_y, outputShape);
            _binding = _session.CreateIoBinding();
            _binding.BindInput("x", _input);
            _binding.BindOutput("y", _output);
        }

        public NormOutputs Outputs => new(_y, [], [], []);

        public void Run() => _session.RunWithBinding(_options, _binding);

        public void Dispose()
        {
            _binding.Dispose();
            _input.Dispose();
            _output.Dispose();
            _session.Dispose();
            _options.Dispose();
        }
    }
}
