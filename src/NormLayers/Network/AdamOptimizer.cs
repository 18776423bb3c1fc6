namespace NormLayers.Network;

/// <summary>Adam (Kingma &amp; Ba 2015, Algorithm 1): steps scaled by running moments of each gradient; weight decay as in PyTorch's Adam.</summary>
public sealed class AdamOptimizer : Optimizer
{
    private readonly float[][] _firstMoments;
    private readonly float[][] _secondMoments;
    private double _beta1Power = 1;
    private double _beta2Power = 1;

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
        _beta1Power *= Beta1;
        _beta2Power *= Beta2;
        double rate = LearningRate / (1 - _beta1Power);
        double correction = 1 / (1 - _beta2Power);
        for (int p = 0; p < Parameters.Count; p++)
        {
            if (Parameters[p].Frozen)
            {
                continue;
            }

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
}
