using NormLayers.Network;

namespace NormLayers.Cli.Bench;

/// <summary>A training step as our network does it.</summary>
internal sealed class StepWork
{
    private readonly StepCase _case;
    private readonly StepData _data;
    private readonly Sequential _network;
    private readonly SgdOptimizer _optimizer;
    private readonly float[] _logits;
    private readonly float[] _dLogits;
    private long _step;

    public StepWork(StepCase timed, StepData data)
    {
        _case = timed;
        _data = data;
        _network = timed.CreateNetwork();
        _optimizer = new SgdOptimizer(_network.Parameters, StepCase.LearningRate);
        _logits = new float[timed.BatchSize * timed.Classes];
        _dLogits = new float[_logits.Length];
    }

    /// <summary>The loss of the last step, before its update.</summary>
    public double Loss { get; private set; }

    public void Run()
    {
        ReadOnlySpan<float> x = _data.BatchX(_step);
        _network.Forward(x, (_case.BatchSize, _case.Features), _logits);
        (Loss, _) = SoftmaxCrossEntropy.Evaluate(_logits, _data.BatchLabels(_step), _dLogits);
        _network.ZeroGradients();
        _network.Backward(x, _logits, _dLogits, default);
        _optimizer.Step();
        _step++;
    }
}
