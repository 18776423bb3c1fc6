using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Batch renormalization's R and D of each channel from the batch's statistics and the running ones, eight channels at a time.</summary>
/// <param name="statistics">The batch's mean and variance; R and D are overwritten.</param>
/// <param name="runningMean">The running mean, (C).</param>
/// <param name="runningDeviation">The running standard deviation, (C).</param>
/// <param name="step">ε and the limits.</param>
/// <param name="deviation">Overwritten with √(variance + ε), (C).</param>
internal readonly ref struct RenormFactors(
    NormStatistics statistics, ReadOnlySpan<float> runningMean, ReadOnlySpan<float> runningDeviation, RenormStep step, Span<double> deviation) : ChannelFactors.IFormula
{
    private readonly ReadOnlySpan<double> _mean = statistics.Mean;
    private readonly ReadOnlySpan<double> _variance = statistics.Variance;
    private readonly Corrections _corrections = statistics.Corrections;
    private readonly ReadOnlySpan<float> _runningMean = runningMean;
    private readonly ReadOnlySpan<float> _runningDeviation = runningDeviation;
    private readonly double _epsilon = step.Epsilon;
    private readonly double _rMax = step.RMax;
    private readonly double _dMax = step.DMax;
    private readonly Span<double> _deviation = deviation;

    // s = sqrt(variance + epsilon) [BRN-F2]; R = clip(s / runningDeviation, 1 / rMax, rMax) [BRN-F3]; D = clip((mean - runningMean) / runningDeviation, -dMax, dMax) [BRN-F4]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryDo<D>(int c)
        where D : struct, IDoubleLanes<D>
    {
        D s = D.Sqrt(D.Load(in MemoryMarshal.GetReference(_variance), c) + D.Create(_epsilon));
        D running = D.Widen(in MemoryMarshal.GetReference(_runningDeviation), c);
        D ratio = s / running;
        D shift = (D.Load(in MemoryMarshal.GetReference(_mean), c) - D.Widen(in MemoryMarshal.GetReference(_runningMean), c)) / running;
        D.Store(s, ref MemoryMarshal.GetReference(_deviation), c);
        D.Store(AtMost(D.Max(ratio, D.Create(1 / _rMax)), _rMax), ref MemoryMarshal.GetReference(_corrections.R), c);
        D.Store(AtMost(D.Max(shift, D.Create(-_dMax)), _dMax), ref MemoryMarshal.GetReference(_corrections.D), c);
        return D.AllBelow(ratio, double.PositiveInfinity) && D.AllBelow(shift, double.PositiveInfinity);
    }

    // A running deviation of 0 corrects nothing; what is not finite stays NaN, and what overflows is at its limit.
    public bool DoSpecial(int c)
    {
        double running = _runningDeviation[c];
        _corrections.R[c] = running == 0 ? 1 : Math.Clamp(_deviation[c] / running, 1 / _rMax, _rMax);
        _corrections.D[c] = running == 0 ? 0 : Math.Clamp((_mean[c] - _runningMean[c]) / running, -_dMax, _dMax);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D AtMost<D>(D value, double limit)
        where D : struct, IDoubleLanes<D>
        => D.Create(-1) * D.Max(D.Create(-1) * value, D.Create(-limit));
}

/// <summary>What is the same for all channels of a step.</summary>
/// <param name="Epsilon">ε, ≥ 0.</param>
/// <param name="RMax">R_max, ≥ 1.</param>
/// <param name="DMax">D_max, ≥ 0.</param>
internal readonly record struct RenormStep(double Epsilon, double RMax, double DMax);
