using Microsoft.ML.OnnxRuntime;
using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks.Peers;

/// <summary>ONNX Runtime: a model of one node, with input and output bound to memory once. It has no backward pass, and batch normalization in evaluation only.</summary>
internal sealed class OnnxRuntimePeer(int threads) : IPeer
{
    public string Version => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    public bool Takes(NormCase timed) => timed.Pass == (timed.Layer == NormalizationKind.LayerNorm ? NormPass.Forward : NormPass.Evaluation);

    public IPeerWork Prepare(NormCase timed, NormData data) => new Work(timed, data, threads);

    private sealed class Work : IPeerWork
    {
        private readonly float[] _y;
        private readonly RunOptions _options = new();
        private readonly InferenceSession _session;
        private readonly OrtValue _input;
        private readonly OrtValue _output;
        private readonly OrtIoBinding _binding;

        public Work(NormCase timed, NormData data, int threads)
        {
            long[] shape = [.. Enumerable.Range(0, timed.Shape.Rank).Select(axis => (long)timed.Shape[axis])];
            byte[] model = timed.Layer == NormalizationKind.LayerNorm
                ? OnnxModel.OfOneNode("LayerNormalization", (float)NormCase.Epsilon, shape, ("gamma", data.Gamma), ("beta", data.Beta))
                : OnnxModel.OfOneNode(
                    "BatchNormalization",
                    (float)NormCase.Epsilon,
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
