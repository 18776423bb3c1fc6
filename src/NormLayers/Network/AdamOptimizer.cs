namespace NormLayers.Network;

/// <summary>Adam (Kingma &amp; Ba 2015, Algorithm 1): steps scaled by running moments of each gradient; weight decay as in PyTorch's Adam.</summary>
public sealed class AdamOptimizer : Optimizer
{
    private readonly float[][] _firstMoments;
    private readonly float[][] _secondMoments;
    private readonly int[] _steps;

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
        _steps = new int[parameters.Count];
    }

    /// <summary>The weight of the old first moment.</summary>
    public double Beta1 { get; }

    /// <summary>The weight of the old second moment.</summary>
    public double Beta2 { get; }

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; }

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
            int step = ++_steps[p];
            double rate = LearningRate / (1 - Power(Beta1, step));
            double correction = 1 / (1 - Power(Beta2, step));
            Span<float> w = Parameters[p].Value;
            ReadOnlySpan<float> gradient = Parameters[p].Gradient;
            Span<float> first = _firstMoments[p];
            Span<float> second = _secondMoments[p];
            for (int i = 0; i < w.Length; i++)
            {
                double g = gradient[i] + WeightDecay * w[i];
                first[i] = (float)(Beta1 * first[i] + (1 - Beta1) * g);
                second[i] = (float)(Beta2 * second[i] + (1 - Beta2) * g * g);
                w[i] = (float)(w[i] - rate * first[i] / (Math.Sqrt(second[i] * correction) + Epsilon));
            }
        }
    }

    // By squaring: the runtime's Pow belongs to the operating system, whose last bits differ.
    private static double Power(double value, int exponent)
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
}
