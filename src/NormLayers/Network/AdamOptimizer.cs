using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Adam (Kingma &amp; Ba 2015, Algorithm 1): steps scaled by running moments of each gradient; weight decay as in PyTorch's Adam.</summary>
public sealed class AdamOptimizer : Optimizer
{
    private readonly float[][] _firstMoments;
    private readonly float[][] _secondMoments;
    private readonly long[] _steps;

    /// <summary>Creates the optimizer.</summary>
    /// <param name="parameters">The parameters to change; frozen ones are left alone.</param>
    /// <param name="learningRate">The step length η, > 0.</param>
    /// <param name="beta1">The weight of the old first moment, 0 to below 1.</param>
    /// <param name="beta2">The weight of the old second moment, 0 to below 1.</param>
    /// <param name="epsilon">Added to the root of the second moment, > 0.</param>
    /// <param name="weightDecay">λ: λ·w is added to each gradient, ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public AdamOptimizer(
        IReadOnlyList<Parameter> parameters,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0)
        : base(parameters, learningRate, weightDecay)
    {
        if (!(beta1 is >= 0 and < 1))
        {
            Throw.OutOfRange(nameof(beta1), "a number from 0 to below 1", beta1);
        }

        if (!(beta2 is >= 0 and < 1))
        {
            Throw.OutOfRange(nameof(beta2), "a number from 0 to below 1", beta2);
        }

        Throw.IfNotPositiveOrNotFinite(epsilon, nameof(epsilon));
        Beta1 = beta1;
        Beta2 = beta2;
        Epsilon = epsilon;
        _firstMoments = StateFor(parameters);
        _secondMoments = StateFor(parameters);
        _steps = new long[parameters.Count];
    }

    /// <summary>The weight of the old first moment.</summary>
    public double Beta1 { get; }

    /// <summary>The weight of the old second moment.</summary>
    public double Beta2 { get; }

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<NamedState> NamedState =>
        [.. Named("first_moment", _firstMoments), .. Named("second_moment", _secondMoments, isNotNegative: true), new NamedState("steps", _steps) { IsNotNegative = true }];

    /// <inheritdoc/>
    public override void Step()
    {
        for (int p = 0; p < Parameters.Count; p++)
        {
            if (Parameters[p].Frozen)
            {
                continue;
            }

            // A parameter's own steps, so that one that was frozen for a while starts as a fresh one does.
            long step = ++_steps[p];
            Update kernel = new()
            {
                W = Parameters[p].Value,
                Gradient = Parameters[p].Gradient,
                First = _firstMoments[p],
                Second = _secondMoments[p],
                Optimizer = this,
                Rate = LearningRate / (1 - Power(Beta1, step)),
                Correction = 1 / (1 - Power(Beta2, step)),
            };
            Kernels.Run(ref kernel, ElementChunks.Count(kernel.W.Length), 4L * kernel.W.Length);
        }
    }

    // By squaring: the runtime's Pow belongs to the operating system, whose last bits differ.
    private static double Power(double value, long exponent)
    {
        double result = 1;
        for (; exponent > 0; exponent >>= 1, value *= value)
        {
            if ((exponent & 1) != 0)
            {
                result *= value;
            }
        }

        return result;
    }

    /// <summary>One parameter's step, in double: overwrites its values and its moments. Units are chunks of elements.</summary>
    private readonly ref struct Update : IKernel
    {
        public required Span<float> W { get; init; }

        public required ReadOnlySpan<float> Gradient { get; init; }

        public required Span<float> First { get; init; }

        public required Span<float> Second { get; init; }

        public required AdamOptimizer Optimizer { get; init; }

        /// <summary>The learning rate over 1 − β₁ᵗ.</summary>
        public required double Rate { get; init; }

        /// <summary>1/(1 − β₂ᵗ).</summary>
        public required double Correction { get; init; }

        [MethodImpl(Kernels.FullyOptimized)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            (int start, int end) = ElementChunks.Elements(first, count, W.Length);
            int i = start;
            for (; i <= end - 8; i += 8)
            {
                Step<D>(i);
            }

            for (; i < end; i++)
            {
                Step<SingleDouble>(i);
            }
        }

        // g = gradient[i] + decay * w[i]; m[i] = beta1 * m[i] + (1 - beta1) * g; v[i] = beta2 * v[i] + (1 - beta2) * g * g
        // w[i] -= rate * m[i] / (sqrt(v[i] * correction) + epsilon)
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Step<D>(int i)
            where D : struct, IDoubleLanes<D>
        {
            ref float w = ref MemoryMarshal.GetReference(W);
            ref float m = ref MemoryMarshal.GetReference(First);
            ref float v = ref MemoryMarshal.GetReference(Second);
            D beta1 = D.Create(Optimizer.Beta1);
            D beta2 = D.Create(Optimizer.Beta2);
            D g = D.Widen(in MemoryMarshal.GetReference(Gradient), i) + D.Create(Optimizer.WeightDecay) * D.Widen(in w, i);
            D.Narrow(beta1 * D.Widen(in m, i) + (D.Create(1) - beta1) * g, ref m, i);
            D.Narrow(beta2 * D.Widen(in v, i) + (D.Create(1) - beta2) * g * g, ref v, i);
            D scale = D.Sqrt(D.Widen(in v, i) * D.Create(Correction)) + D.Create(Optimizer.Epsilon);
            D.Narrow(D.Widen(in w, i) - D.Create(Rate) * D.Widen(in m, i) / scale, ref w, i);
        }
    }
}
