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
    public string Version => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    public bool Takes(NormCase timed) =>
        timed.Pass == (timed.Layer == NormalizationKind.BatchNorm ? NormPass.Evaluation : NormPass.Forward)
        && (timed.Layer == NormalizationKind.RmsNorm || !rmsNormalization23);

    public IPeerWork Prepare(NormCase timed, NormData data) => new Work(timed, data, threads, rmsNormalization23);

    private sealed class Work : IPeerWork
    {
        private readonly float[] _y;
        private readonly RunOptions _options = new();
        private readonly InferenceSession _session;
        private readonly OrtValue _input;
        private readonly OrtValue _output;
        private readonly OrtIoBinding _binding;

        public Work(NormCase timed, NormData data, int threads, bool rmsNormalization23)
        {
            long[] shape = [.. Enumerable.Range(0, timed.Shape.Rank).Select(axis => (long)timed.Shape[axis])];
            const float Epsilon = (float)NormCase.Epsilon;
            byte[] model = timed.Layer == NormalizationKind.LayerNorm
                ? OnnxModel.OfOneNode("LayerNormalization", Epsilon, 17, shape, ("gamma", data.Gamma), ("beta", data.Beta))
                : timed.Layer == NormalizationKind.RmsNorm
                ? rmsNormalization23
                    ? OnnxModel.OfOneNode("RMSNormalization", Epsilon, 23, shape, ("gamma", data.Gamma))
                    : OnnxModel.OfOneNode("SimplifiedLayerNormalization", Epsilon, 17, shape, ("gamma", data.Gamma))
                : OnnxModel.OfOneNode(
                    "BatchNormalization",
                    Epsilon,
                    17,
                    shape,
                    ("gamma", data.Gamma),
                    ("beta", data.Beta),
                    ("mean", data.RunningMean),
                    ("variance", data.RunningVariance));
            using SessionOptions options = new() { IntraOpNumThreads = threads, InterOpNumThreads = 1, GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL };
            _session = new InferenceSession(model, options);
            _y = new float[data.X.Length];
            _input = OrtValue.CreateTensorValueFromMemory(data.X, shape);
            _output = OrtValue.CreateTensorValueFromMemory(_y, shape);
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
