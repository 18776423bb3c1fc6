using System.Numerics.Tensors;

namespace NormLayers.Network;

/// <summary>Stochastic gradient descent with momentum and weight decay, as in PyTorch: g += λw; v = μv + g; w −= ηv.</summary>
public sealed class SgdOptimizer : Optimizer
{
    private readonly float[][] _velocities;

    /// <summary>Creates the optimizer.</summary>
    /// <param name="parameters">The parameters to change; frozen ones are left alone.</param>
    /// <param name="learningRate">The step length η, > 0.</param>
    /// <param name="momentum">μ, the share of the last step's direction that is kept, 0 (none) to below 1.</param>
    /// <param name="weightDecay">λ, ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public SgdOptimizer(IReadOnlyList<Parameter> parameters, double learningRate, double momentum = 0, double weightDecay = 0)
        : base(parameters, learningRate, weightDecay)
    {
        if (!(momentum is >= 0 and < 1))
        {
            Throw.OutOfRange(nameof(momentum), "a number from 0 to below 1", momentum);
        }

        Momentum = momentum;
        _velocities = momentum > 0 ? StateFor(parameters) : [];
    }

    /// <summary>μ, the share of the last step's direction that is kept.</summary>
    public double Momentum { get; }

    /// <inheritdoc/>
    public override void Step()
    {
        float rate = (float)-LearningRate;
        float decay = (float)WeightDecay;
        float momentum = (float)Momentum;
        for (int p = 0; p < Parameters.Count; p++)
        {
            if (Parameters[p].Frozen)
            {
                continue;
            }

            Span<float> w = Parameters[p].Value;
            ReadOnlySpan<float> direction = Parameters[p].Gradient;
            if (momentum > 0)
            {
                Span<float> v = _velocities[p];
                TensorPrimitives.MultiplyAdd(v, momentum, direction, v);
                if (decay > 0)
                {
                    TensorPrimitives.MultiplyAdd(w, decay, v, v);
                }

                direction = v;
            }
            else if (decay > 0)
            {
                TensorPrimitives.MultiplyAdd(w, rate * decay, w, w);
            }

            TensorPrimitives.MultiplyAdd(direction, rate, w, w);
        }
    }
}
