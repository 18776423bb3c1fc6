namespace NormLayers;

/// <summary>Batch renormalization in training as its page derives it: plain loops in double.</summary>
/// <remarks>
/// Source: Ioffe, "Batch Renormalization", 2017, arXiv:1702.03275, Algorithm 1. Tensors are row-major (N, C, …); the index set S of channel c is its m
/// elements. R and D are constants of a step: they are computed in the first forward pass after a backward pass, and difference quotients see them fixed. Tags: see README.md in this folder.
/// </remarks>
/// <param name="runningMean">The running mean, (C).</param>
/// <param name="runningDeviation">The running standard deviation, (C).</param>
/// <param name="limits">R_max ≥ 1 and D_max ≥ 0.</param>
public sealed class BatchRenormReference(double[] runningMean, double[] runningDeviation, (double RMax, double DMax) limits) : ReferenceLayer
{
    private readonly double[] _dGamma = new double[runningMean.Length];
    private readonly double[] _dBeta = new double[runningMean.Length];
    private int[][] _sets = [];
    private double[] _z = [];
    private double[] _y = [];
    private bool _isHeld;

    /// <summary>ε, ≥ 0.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>γ, (C); null for 1 (with <see cref="OnePlusGamma"/>: for 0).</summary>
    public double[]? Gamma { get; init; }

    /// <summary>β, (C); null for 0.</summary>
    public double[]? Beta { get; init; }

    /// <summary>Whether x̂ is scaled by 1 + γ in place of γ.</summary>
    public bool OnePlusGamma { get; init; }

    /// <summary>Whether y = max(0, γ·x̂ + β).</summary>
    public bool ReLU { get; init; }

    /// <summary>Which positions count, (N, …); null for all.</summary>
    public IReadOnlyList<bool>? Mask { get; init; }

    /// <summary>Each channel's mean in the last forward pass, (C).</summary>
    public double[] Mean { get; } = new double[runningMean.Length];

    /// <summary>Each channel's √(variance + ε), (C).</summary>
    public double[] Deviation { get; } = new double[runningMean.Length];

    /// <summary>R, (C).</summary>
    public double[] R { get; } = new double[runningMean.Length];

    /// <summary>D, (C).</summary>
    public double[] D { get; } = new double[runningMean.Length];

    /// <inheritdoc/>
    public override IReadOnlyList<ReferenceParameter> Parameters =>
    [
        .. Gamma is null ? (ReadOnlySpan<ReferenceParameter>)[] : [new("gamma", Gamma, _dGamma)],
        .. Beta is null ? (ReadOnlySpan<ReferenceParameter>)[] : [new("beta", Beta, _dBeta)],
    ];

    /// <inheritdoc/>
    public override double[] Forward(double[] x, Shape shape)
    {
        int[] positionOf = IndexSets.Over(1).NumberOf(shape);
        _sets = Array.ConvertAll(IndexSets.Channels.Of(shape), S => Array.FindAll(S, i => Mask is null || Mask[positionOf[i]]));
        (_z, _y) = (new double[x.Length], new double[x.Length]);
        (double rMax, double dMax) = limits;
        for (int c = 0; c < _sets.Length; c++)
        {
            int[] S = _sets[c];
            double m = S.Length;
            if (m == 0)
            {
                continue; // All is masked.
            }

            double sum = S.Sum(i => x[i]);
            Mean[c] = sum / m; // [BRN-F1]
            double squares = S.Sum(i => (x[i] - Mean[c]) * (x[i] - Mean[c]));
            Deviation[c] = Math.Sqrt(squares / m + Epsilon); // [BRN-F2]
            if (!_isHeld)
            {
                bool corrects = runningDeviation[c] != 0;
                R[c] = corrects ? Math.Clamp(Deviation[c] / runningDeviation[c], 1 / rMax, rMax) : 1; // [BRN-F3]
                D[c] = corrects ? Math.Clamp((Mean[c] - runningMean[c]) / runningDeviation[c], -dMax, dMax) : 0; // [BRN-F4]
            }

            foreach (int i in S)
            {
                _z[i] = Deviation[c] == 0 ? 0 : (x[i] - Mean[c]) / Deviation[c];
                double xHat = R[c] * _z[i] + D[c]; // [BRN-F5]
                _y[i] = Scale(c) * xHat + (Beta is null ? 0 : Beta[c]); // [BRN-F6]
            }
        }

        _isHeld = true;
        return ReLU ? Array.ConvertAll(_y, v => v <= 0 ? 0 : v) : _y;
    }

    /// <summary>One step of the running statistics, towards the statistics of the last forward pass. A channel that is masked wholly has none, and stays.</summary>
    /// <param name="newWeight">The weight of the batch, 0 to 1.</param>
    public void UpdateRunning(double newWeight)
    {
        for (int c = 0; c < _sets.Length; c++)
        {
            if (_sets[c].Length == 0)
            {
                continue;
            }

            runningMean[c] = (1 - newWeight) * runningMean[c] + newWeight * Mean[c]; // [BRN-F7]
            runningDeviation[c] = (1 - newWeight) * runningDeviation[c] + newWeight * Deviation[c]; // [BRN-F8]
        }
    }

    /// <inheritdoc/>
    public override double[] Backward(double[] dy)
    {
        double[] dx = new double[dy.Length];
        dy = ReLU ? [.. dy.Zip(_y, (d, v) => v <= 0 ? 0 : d)] : dy;
        for (int c = 0; c < _sets.Length; c++)
        {
            int[] S = _sets[c];
            (double m, double sumG, double sumGZ) = (S.Length, 0, 0);
            foreach (int i in S)
            {
                double xHat = R[c] * _z[i] + D[c];
                double g = Scale(c) * dy[i];
                _dBeta[c] += dy[i]; // [BRN-B1]
                _dGamma[c] += dy[i] * xHat; // [BRN-B2]
                sumG += g; // [BRN-B3]
                sumGZ += g * _z[i]; // [BRN-B4]
            }

            foreach (int i in S)
            {
                double g = Scale(c) * dy[i];
                dx[i] = Deviation[c] == 0 ? 0 : R[c] / Deviation[c] * (g - sumG / m - _z[i] * sumGZ / m); // [BRN-B5]
            }
        }

        _isHeld = false;
        return dx;
    }

    private double Scale(int c) => (OnePlusGamma ? 1 : 0) + (Gamma is null ? (OnePlusGamma ? 0 : 1) : Gamma[c]);
}
