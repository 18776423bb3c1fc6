using System.Numerics.Tensors;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Stochastic gradient descent with momentum and weight decay, as in PyTorch: g += λw; v = μv + g; w −= ηv.</summary>
public sealed class SgdOptimizer : Optimizer
{
    private readonly float[][] _velocities;

    /// <summary>Creates the optimizer.</summary>
    /// <param name="parameters">The parameters to change; frozen ones are left alone.</param>
    /// <param name="learningRate">The step length η, > 0 and finite as a float, in which steps are.</param>
    /// <param name="momentum">μ, the share of the last step's direction that is kept, 0 (none) to below 1.</param>
    /// <param name="weightDecay">λ, ≥ 0; finite as a float, and so is ηλ.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public SgdOptimizer(IReadOnlyList<Parameter> parameters, double learningRate, double momentum = 0, double weightDecay = 0)
        : base(parameters, learningRate, weightDecay)
    {
        if (!(momentum is >= 0 and < 1))
        {
            Throw.OutOfRange(nameof(momentum), "a number from 0 to below 1", momentum);
        }

        CheckFloats(nameof(learningRate), nameof(weightDecay));
        Momentum = momentum;
        _velocities = momentum > 0 ? StateFor(parameters) : [];
    }

    /// <summary>μ, the share of the last step's direction that is kept.</summary>
    public double Momentum { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<NamedState> NamedState => [.. Named("velocity", _velocities)];

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate, or its product with the weight decay, is infinite as a float.</exception>
    public override void Step()
    {
        CheckFloats(nameof(LearningRate), nameof(WeightDecay));
        for (int p = 0; p < Parameters.Count; p++)
        {
            if (!Parameters[p].Frozen)
            {
                Update kernel = new()
                {
                    W = Parameters[p].Value,
                    Gradient = Parameters[p].Gradient,
                    Velocity = Momentum > 0 ? _velocities[p] : default,
                    Optimizer = this,
                };
                Kernels.Run(ref kernel, ElementChunks.Count(kernel.W.Length), 2L * kernel.W.Length);
            }
        }
    }

    private void CheckFloats(string rate, string decay)
    {
        Throw.IfNotFiniteFloat(LearningRate, rate);
        Throw.IfNotFiniteFloat(WeightDecay, decay);
        Throw.IfNotFiniteFloat(LearningRate * WeightDecay, decay);
    }

    /// <summary>One parameter's step: overwrites its values and its velocity. Units are chunks of elements.</summary>
    private readonly ref struct Update : IKernel
    {
        public required Span<float> W { get; init; }

        public required ReadOnlySpan<float> Gradient { get; init; }

        /// <summary>Empty without momentum.</summary>
        public required Span<float> Velocity { get; init; }

        public required SgdOptimizer Optimizer { get; init; }

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            (int start, int end) = ElementChunks.Elements(first, count, W.Length);
            Span<float> w = W[start..end];
            ReadOnlySpan<float> direction = Gradient[start..end];
            float rate = (float)-Optimizer.LearningRate;
            float decay = (float)Optimizer.WeightDecay;
            if (!Velocity.IsEmpty)
            {
                Span<float> v = Velocity[start..end];
                TensorPrimitives.MultiplyAdd(v, (float)Optimizer.Momentum, direction, v);
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
