using NormLayers.Cli.Bench;
using NormLayers.Cli.Output;
using NormLayers.Numerics;

namespace NormLayers.Benchmarks.Peers;

/// <summary>Our layers and our network.</summary>
internal sealed class NormLayersPeer : IPeer
{
    public string Version => $"NormLayers {MachineInfo.NormLayersVersion}, vectors: {MachineInfo.Read().Vectors()}";

    public bool Takes(NormCase timed) => true;

    public bool Takes(StepCase timed) => true;

    public bool Takes(ProductCase timed) => true;

    public IPeerWork Prepare(NormCase timed, NormData data) => new Work(new NormWork(timed, data));

    public IPeerStep Prepare(StepCase timed, StepData data) => new Step(new StepWork(timed, data));

    public IPeerWork Prepare(ProductCase timed, ProductData data) => new Product(timed, data);

    /// <summary>Weights packed once.</summary>
    private sealed class Product(ProductCase timed, ProductData data) : IPeerWork
    {
        private readonly PackedMatrix _weights = new(new MatrixView(data.W, timed.Outputs, timed.Inputs).Transpose());
        private readonly float[] _y = new float[timed.Rows * timed.Outputs];

        public NormOutputs Outputs => new(_y, [], [], []);

        public void Run() => _weights.Multiply(data.X, data.Bias, _y);

        public void Dispose()
        {
        }
    }

    private sealed class Work(NormWork work) : IPeerWork
    {
        // The gradients of the first two parameters, or of the condition.
        public NormOutputs Outputs => work.Layer is AdaptiveLayerNorm conditioned
            ? new(work.Y, work.Dx, [.. conditioned.ScaleGradient], [.. conditioned.ShiftGradient])
            : new(work.Y, work.Dx, Gradient(0), Gradient(1));

        public void Run() => work.Run();

        public void Dispose()
        {
        }

        private float[] Gradient(int parameter) => parameter < work.Layer.Parameters.Count ? work.Layer.Parameters[parameter].Gradient : [];
    }

    private sealed class Step(StepWork work) : IPeerStep
    {
        public double Loss => work.Loss;

        public void Run() => work.Run();

        public void Dispose()
        {
        }
    }
}
