using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>What is computed once a channel, eight channels at a time, by the formulas of <see cref="SetFactors"/>.</summary>
internal static class ChannelFactors
{
    /// <summary>A formula for channels, and what is done with a channel that it does not fit.</summary>
    public interface IFormula
    {
        /// <summary>Does channel <paramref name="c"/> and, unless the lanes are single, the seven after it.</summary>
        /// <returns>False if one of them is special; then nothing that the formula reads was overwritten.</returns>
        bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>;

        /// <summary>Does a special channel.</summary>
        /// <returns>Whether it turned out to be an ordinary one.</returns>
        bool DoSpecial(int c);
    }

    /// <summary>Does all channels.</summary>
    /// <returns>How many are special.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)] // Inlined, each formula would have a place in the caller's frame, which is cleared at every call.
    public static int Run<F>(F formula, int channels)
        where F : struct, IFormula, allows ref struct
        => VectorWidth.Bits switch
        {
            512 => Sweep<F, DoubleLanes512>(ref formula, channels),
            256 => Sweep<F, DoubleLanes256>(ref formula, channels),
            128 => Sweep<F, DoubleLanes128>(ref formula, channels),
            _ => Sweep<F, DoubleLanesScalar>(ref formula, channels),
        };

    /// <summary>Mean, its low part and variance from Σ(x − p) and Σ(x − p)²; where p was too far off, it becomes the mean. [F1] [F2]</summary>
    /// <param name="shift">p, (C).</param>
    /// <param name="sums">Both sums, (2, C).</param>
    /// <param name="share">1/m.</param>
    /// <param name="moments">Overwritten, but for rstd.</param>
    /// <param name="variance">Overwritten, (C).</param>
    public readonly ref struct Moments(Span<double> shift, ReadOnlySpan<double> sums, double share, SetStatistics moments, Span<double> variance) : IFormula
    {
        private readonly Span<double> _shift = shift;
        private readonly ReadOnlySpan<double> _sums = sums;
        private readonly double _share = share;
        private readonly SetStatistics _moments = moments;
        private readonly Span<double> _variance = variance;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly double sums = ref MemoryMarshal.GetReference(_sums);
            D shift = D.Load(in MemoryMarshal.GetReference(_shift), c);
            bool near = SetFactors.Moments(
                shift, D.Load(in sums, c), D.Load(in sums, _shift.Length + c), D.Create(_share), out D mean, out D low, out D variance);
            D.Store(mean, ref MemoryMarshal.GetReference(_moments.Mean), c);
            if (!_moments.Low.IsEmpty)
            {
                D.Store(low, ref MemoryMarshal.GetReference(_moments.Low), c);
            }

            D.Store(variance, ref MemoryMarshal.GetReference(_variance), c);
            return near;
        }

        public bool DoSpecial(int c)
        {
            _shift[c] = (float)_moments.Mean[c];
            return false;
        }
    }

    /// <summary>One step of the running statistics; a channel that does not fit a finite float stays as it was unless <paramref name="accept"/>. [F6] [F7]</summary>
    /// <param name="mean">The batch's mean, (C).</param>
    /// <param name="variance">The batch's biased variance, (C).</param>
    /// <param name="step">The weight of the batch, and what the second statistic is multiplied by: m/(m − 1) for a variance.</param>
    /// <param name="accept">Whether NaN and infinity may be written.</param>
    /// <param name="running">Overwritten.</param>
    public readonly ref struct Running(
        ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, (double NewWeight, double Unbiased) step, bool accept, RunningStatistics running) : IFormula
    {
        private readonly ReadOnlySpan<double> _mean = mean;
        private readonly ReadOnlySpan<double> _variance = variance;
        private readonly Span<float> _runningMean = running.Mean;
        private readonly Span<float> _runningVariance = running.Spread;
        private readonly double _newWeight = step.NewWeight;
        private readonly double _unbiased = step.Unbiased;
        private readonly bool _accept = accept;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D mean = D.Load(in MemoryMarshal.GetReference(_mean), c);
            D variance = D.Load(in MemoryMarshal.GetReference(_variance), c) * D.Create(_unbiased);
            if (!_accept && !(FloatRange.FitAsAddends(mean) && FloatRange.FitAsAddends(variance)))
            {
                return false;
            }

            Step<D>(mean, ref MemoryMarshal.GetReference(_runningMean), c); // [F6]
            Step<D>(variance, ref MemoryMarshal.GetReference(_runningVariance), c); // [F7]
            return true;
        }

        public bool DoSpecial(int c)
        {
            double variance = _variance[c] * _unbiased;
            if (!ChannelNorm.FitFloat(_mean[c], variance))
            {
                return false;
            }

            Step<SingleDouble>(new(_mean[c]), ref MemoryMarshal.GetReference(_runningMean), c);
            Step<SingleDouble>(new(variance), ref MemoryMarshal.GetReference(_runningVariance), c);
            return true;
        }

        // running = (1 - newWeight) * running + newWeight * batch
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Step<D>(D batch, ref float running, int c)
            where D : struct, IDoubleLanes<D>
            => D.Narrow(D.Create(1 - _newWeight) * D.Widen(in running, c) + D.Create(_newWeight) * batch, ref running, c);
    }

    /// <summary>1/√(variance + ε), and 0 where that is 1/0. [F3]</summary>
    public readonly ref struct Rstd(ReadOnlySpan<double> variance, Epsilon epsilon, Span<double> rstd) : IFormula
    {
        private readonly ReadOnlySpan<double> _variance = variance;
        private readonly Epsilon _epsilon = epsilon;
        private readonly Span<double> _rstd = rstd;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            bool ordinary = SetFactors.TryRstd(D.Load(in MemoryMarshal.GetReference(_variance), c), in _epsilon, out D rstd);
            D.Store(rstd, ref MemoryMarshal.GetReference(_rstd), c);
            return ordinary;
        }

        public bool DoSpecial(int c)
        {
            _rstd[c] = SetFactors.Rstd(_variance[c], in _epsilon);
            return true;
        }
    }

    /// <summary>The factors of y; where floats do not hold them, the slope is NaN. [F4] [F5]</summary>
    public readonly ref struct Forward(in ChannelSets sets, LineFactors line) : IFormula
    {
        private readonly ChannelSets _sets = sets;
        private readonly LineFactors _line = line;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D gamma = Widen<D>(_sets.Gamma, c, 1);
            D beta = Widen<D>(_sets.Beta, c, 0);
            if (!_sets.Corrections.IsEmpty)
            {
                // y = gamma * (R * z + D) + beta
                D d = _sets.Corrections.D.IsEmpty ? D.Create(0) : D.Load(in MemoryMarshal.GetReference(_sets.Corrections.D), c);
                beta += gamma * d;
                gamma *= D.Load(in MemoryMarshal.GetReference(_sets.Corrections.R), c);
            }

            return SetFactors.Forward(_sets.Statistics.Of<D>(c), gamma, beta, in _line, c);
        }

        public bool DoSpecial(int c)
        {
            Unsafe.Add(ref _line.Slope, c) = float.NaN;
            return false;
        }
    }

    /// <summary>The factors of dx; where floats do not hold them, the scale is NaN. [B3] [B4]</summary>
    /// <param name="sets">Statistics of the forward pass, and γ.</param>
    /// <param name="sums">Σdy and Σdy·z, (2, C).</param>
    /// <param name="m">The elements of a channel.</param>
    /// <param name="line">Overwritten.</param>
    public readonly ref struct Backward(in ChannelSets sets, ReadOnlySpan<double> sums, double m, LineFactors line) : IFormula
    {
        private readonly ChannelSets _sets = sets;
        private readonly ReadOnlySpan<double> _sums = sums;
        private readonly double _share = 1 / m;
        private readonly double _hasGradient = m > 1 ? 1 : 0; // A channel of one value has none: what rounding would leave of it is cut off.
        private readonly LineFactors _line = line;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly double sums = ref MemoryMarshal.GetReference(_sums);
            SetOf<D> set = _sets.Statistics.Of<D>(c);
            D meanDy = D.Load(in sums, c) * D.Create(_share); // [B3], without gamma
            D meanDyXHat = D.Load(in sums, _sets.Statistics.Count + c) * D.Create(_share); // [B4], without gamma
            D scale = set.Rstd * Widen<D>(_sets.Gamma, c, 1) * D.Create(_hasGradient);
            if (!_sets.Corrections.IsEmpty)
            {
                scale *= D.Load(in MemoryMarshal.GetReference(_sets.Corrections.R), c);
            }

            return SetFactors.Backward(in set, scale, meanDy, meanDyXHat, in _line, c);
        }

        public bool DoSpecial(int c)
        {
            Unsafe.Add(ref _line.Scale, c) = float.NaN;
            return false;
        }
    }

    /// <summary>Σdy·x̂ from Σdy and Σdy·(x − mean), which it overwrites: the mean that the sums were taken with was rounded to double. [B2]</summary>
    public readonly ref struct Normalize(SetStatistics statistics, Span<double> sums) : IFormula
    {
        private readonly SetStatistics _statistics = statistics;
        private readonly Span<double> _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            ref double sums = ref MemoryMarshal.GetReference(_sums);
            D sumDy = D.Load(in sums, c);
            if (!D.AllBelow(sumDy, double.PositiveInfinity))
            {
                return false;
            }

            SetOf<D> set = _statistics.Of<D>(c);
            D.Store((D.Load(in sums, _statistics.Count + c) - set.Low * sumDy) * set.Rstd, ref sums, _statistics.Count + c);
            return true;
        }

        public bool DoSpecial(int c)
        {
            _sums[_statistics.Count + c] *= _statistics.Rstd[c];
            return true;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Widen<D>(ReadOnlySpan<float> values, int c, double otherwise)
        where D : struct, IDoubleLanes<D>
        => values.IsEmpty ? D.Create(otherwise) : D.Widen(in MemoryMarshal.GetReference(values), c);

    // The channels after the last whole eight go one by one, by the same operations.
    [MethodImpl(Kernels.FullyOptimized)]
    private static int Sweep<F, D>(scoped ref F formula, int channels)
        where F : struct, IFormula, allows ref struct
        where D : struct, IDoubleLanes<D>
    {
        int special = 0;
        int whole = channels & ~7;
        for (int c = 0; c < whole; c += 8)
        {
            if (!formula.TryDo<D>(c))
            {
                special += OneByOne(ref formula, c, c + 8);
            }
        }

        return whole == channels ? special : special + OneByOne(ref formula, whole, channels);
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private static int OneByOne<F>(scoped ref F formula, int first, int end)
        where F : struct, IFormula, allows ref struct
    {
        int special = 0;
        for (int c = first; c < end; c++)
        {
            if (!formula.TryDo<SingleDouble>(c) && !formula.DoSpecial(c))
            {
                special++;
            }
        }

        return special;
    }
}
