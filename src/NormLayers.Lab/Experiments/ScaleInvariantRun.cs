using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>Weights whose length a batch normalization behind them does not see, trained by plain SGD on noise that never runs out.</summary>
internal sealed class ScaleInvariantRun
{
    private const int Batch = 32;
    private const int Inputs = 24;
    private const int Outputs = 16;
    private const int Classes = 3;

    private readonly Linear _linear;
    private readonly BatchNorm1D _norm = new(Outputs, epsilon: 0, withGamma: false, withBeta: false, trackRunningStatistics: false);
    private readonly Linear _readout;
    private readonly RandomSource _random;
    private readonly float[] _x = new float[Batch * Inputs];
    private readonly int[] _labels = new int[Batch];
    private readonly float[] _hidden = new float[Batch * Outputs];
    private readonly float[] _normalized = new float[Batch * Outputs];
    private readonly float[] _logits = new float[Batch * Classes];
    private readonly float[] _dLogits = new float[Batch * Classes];
    private readonly float[] _dNormalized = new float[Batch * Outputs];
    private readonly float[] _dHidden = new float[Batch * Outputs];

    public ScaleInvariantRun(ulong seed)
    {
        _random = new RandomSource(seed);
        _linear = new Linear(Inputs, Outputs, _random, withBias: false);
        _readout = new Linear(Outputs, Classes, _random, withBias: false);
        NextBatch();
    }

    /// <summary>The weights, a row for each normalized unit.</summary>
    public float[] Weights => _linear.Weight.Value;

    /// <summary>The gradient of the last <see cref="Differentiate"/>.</summary>
    public float[] Gradient => _linear.Weight.Gradient;

    /// <summary>The normalized outputs of the last <see cref="Differentiate"/>.</summary>
    public IReadOnlyList<float> Normalized => _normalized;

    /// <summary>‖w‖² of all units.</summary>
    public double SquaredNorm => SumOfSquares(Weights);

    /// <summary>Draws inputs, and labels that have nothing to do with them.</summary>
    public void NextBatch()
    {
        for (int i = 0; i < _x.Length; i++)
        {
            _x[i] = (float)_random.NextNormal();
        }

        for (int n = 0; n < Batch; n++)
        {
            _labels[n] = _random.NextInt(Classes);
        }
    }

    /// <summary>Overwrites the gradient with that of the present batch.</summary>
    public void Differentiate()
    {
        _linear.Forward(_x, (Batch, Inputs), _hidden);
        _norm.Forward(_hidden, (Batch, Outputs), _normalized);
        _readout.Forward(_normalized, (Batch, Outputs), _logits);
        SoftmaxCrossEntropy.Evaluate(_logits, _labels, _dLogits);
        _readout.Backward(_normalized, _dLogits, _dNormalized);
        _norm.Backward(_hidden, _dNormalized, _dHidden);
        _linear.ZeroGradients();
        _linear.Backward(_x, _dHidden, default);
    }

    /// <summary>One step of SGD on the present batch, w ← (1 − ηλ)·w − η·g.</summary>
    /// <returns>The mean over the units of the squared sine of the angle by which each turned, and of the angle.</returns>
    public (double SquaredSine, double Angle) Step(double rate, double decay)
    {
        Differentiate();
        float shrink = (float)(1 - rate * decay);
        float length = (float)rate;
        (double squaredSines, double angles) = (0, 0);
        for (int unit = 0; unit < Outputs; unit++)
        {
            (double before, double after, double product) = (0, 0, 0);
            for (int i = unit * Inputs; i < (unit + 1) * Inputs; i++)
            {
                double old = Weights[i];
                Weights[i] = shrink * Weights[i] - length * Gradient[i];
                before += old * old;
                after += (double)Weights[i] * Weights[i];
                product += old * Weights[i];
            }

            // Rounding can carry a cosine beyond 1.
            double squaredSine = Math.Max(0, 1 - product * product / (before * after));
            squaredSines += squaredSine;
            angles += Math.Asin(Math.Sqrt(squaredSine));
        }

        return (squaredSines / Outputs, angles / Outputs);
    }

    /// <summary>The largest |cosine| between a unit's weights and their gradient.</summary>
    public double LargestCosine()
    {
        double largest = 0;
        for (int unit = 0; unit < Outputs; unit++)
        {
            (double w, double g, double product) = (0, 0, 0);
            for (int i = unit * Inputs; i < (unit + 1) * Inputs; i++)
            {
                w += (double)Weights[i] * Weights[i];
                g += (double)Gradient[i] * Gradient[i];
                product += (double)Weights[i] * Gradient[i];
            }

            largest = Math.Max(largest, Math.Abs(product) / Math.Sqrt(w * g));
        }

        return largest;
    }

    public static double SumOfSquares(float[] values) => values.Sum(v => (double)v * v);
}
