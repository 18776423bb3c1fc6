using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>What batch normalization computes once a channel, from sums to statistics to factors: eight channels at a time.</summary>
internal static class BatchNormChannels
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
    public static int Run<F>(F formula, int channels)
        where F : struct, IFormula, allows ref struct
    {
        Sweep<F> sweep = new(formula);
        Kernels.RunUnits(ref sweep, 0, channels);
        return sweep.Special;
    }

    /// <summary>Mean and biased variance from Σ(x − p) and Σ(x − p)²; where p was too far off, it becomes the mean.</summary>
    public readonly ref struct Moments(
        Span<float> pivot, ReadOnlySpan<double> sums, ReadOnlySpan<double> squares, double reciprocal, Span<double> mean, Span<double> remainder, Span<double> variance) : IFormula
    {
        private readonly Span<float> _pivot = pivot;
        private readonly ReadOnlySpan<double> _sums = sums;
        private readonly ReadOnlySpan<double> _squares = squares;
        private readonly Span<double> _mean = mean;
        private readonly Span<double> _remainder = remainder;
        private readonly Span<double> _variance = variance;
        private readonly double _reciprocal = reciprocal;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D pivot = D.Widen(in MemoryMarshal.GetReference(_pivot), c);
            D sum = D.Load(in MemoryMarshal.GetReference(_sums), c);
            D square = D.Load(in MemoryMarshal.GetReference(_squares), c);
            bool near = RowMoments.FromSums<D>(pivot, sum, square, D.Create(_reciprocal), out D mean, out D remainder, out D variance);
            D.Store(mean, ref MemoryMarshal.GetReference(_mean), c); // [BN-F1]
            if (!_remainder.IsEmpty)
            {
                D.Store(remainder, ref MemoryMarshal.GetReference(_remainder), c);
            }

            D.Store(variance, ref MemoryMarshal.GetReference(_variance), c); // [BN-F2]
            return near;
        }

        public bool DoSpecial(int c)
        {
            _pivot[c] = (float)_mean[c];
            return false;
        }
    }

    /// <summary>One step of the running statistics; a channel that does not fit a finite float stays as it was unless <paramref name="accept"/>.</summary>
    public readonly ref struct Running(
        ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, double unbiased, double newWeight, bool accept, Span<float> runningMean, Span<float> runningVariance) : IFormula
    {
        private readonly ReadOnlySpan<double> _mean = mean;
        private readonly ReadOnlySpan<double> _variance = variance;
        private readonly Span<float> _runningMean = runningMean;
        private readonly Span<float> _runningVariance = runningVariance;
        private readonly double _unbiased = unbiased;
        private readonly double _newWeight = newWeight;
        private readonly bool _accept = accept;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D mean = D.Load(in MemoryMarshal.GetReference(_mean), c);
            D variance = D.Load(in MemoryMarshal.GetReference(_variance), c) * D.Create(_unbiased);
            if (!_accept && !(FloatRange.HasTerms(mean) && FloatRange.HasTerms(variance)))
            {
                return false;
            }

            Step<D>(mean, ref MemoryMarshal.GetReference(_runningMean), c); // [BN-F6]
            Step<D>(variance, ref MemoryMarshal.GetReference(_runningVariance), c); // [BN-F7]
            return true;
        }

        public bool DoSpecial(int c)
        {
            double variance = _variance[c] * _unbiased;
            if (!BatchNormKernel.FitFloat(_mean[c], variance))
            {
                return false;
            }

            Step<SingleDouble>(new(_mean[c]), ref MemoryMarshal.GetReference(_runningMean), c);
            Step<SingleDouble>(new(variance), ref MemoryMarshal.GetReference(_runningVariance), c);
            return true;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Step<D>(D batch, ref float running, int c)
            where D : struct, IDoubleLanes<D>
            => D.Narrow(D.Create(1 - _newWeight) * D.Widen(in running, c) + D.Create(_newWeight) * batch, ref running, c);
    }

    /// <summary>1/√(variance + ε), and 0 where that is 1/0.</summary>
    public readonly ref struct Reciprocal(ReadOnlySpan<double> variance, double epsilon, Span<double> rstd) : IFormula
    {
        private readonly ReadOnlySpan<double> _variance = variance;
        private readonly double _epsilon = epsilon;
        private readonly Span<double> _rstd = rstd;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D rstd = D.Create(1) / D.Sqrt(D.Load(in MemoryMarshal.GetReference(_variance), c) + D.Create(_epsilon));
            D.Store(rstd, ref MemoryMarshal.GetReference(_rstd), c); // [BN-F3]
            return D.AllBelow(rstd, double.PositiveInfinity);
        }

        public bool DoSpecial(int c)
        {
            _rstd[c] = double.IsPositiveInfinity(_rstd[c]) ? 0 : _rstd[c];
            return true;
        }
    }

    /// <summary>The factors of y = (x − pivot)·scale + shift; where floats cannot hold one, the scale is NaN.</summary>
    public readonly ref struct Forward(
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        Span<float> pivot,
        Span<float> scale,
        Span<float> shift) : IFormula
    {
        private readonly SetStatistics _statistics = statistics;
        private readonly ReadOnlySpan<float> _gamma = gamma;
        private readonly ReadOnlySpan<float> _beta = beta;
        private readonly Span<float> _pivot = pivot;
        private readonly Span<float> _scale = scale;
        private readonly Span<float> _shift = shift;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D gamma = _gamma.IsEmpty ? D.Create(1) : D.Widen(in MemoryMarshal.GetReference(_gamma), c);
            D beta = _beta.IsEmpty ? D.Create(0) : D.Widen(in MemoryMarshal.GetReference(_beta), c);
            D mean = D.Load(in MemoryMarshal.GetReference(_statistics.Mean), c);
            D rstd = D.Load(in MemoryMarshal.GetReference(_statistics.Rstd), c);
            ref float pivot = ref MemoryMarshal.GetReference(_pivot);

            // gamma * (x - mean) * rstd + beta = (x - pivot) * scale + shift
            D scale = gamma * rstd;
            D.Narrow(mean, ref pivot, c);
            D.Narrow(scale, ref MemoryMarshal.GetReference(_scale), c);
            D.Narrow(beta - (mean - D.Widen(in pivot, c) + Remainder<D>(_statistics, c)) * scale, ref MemoryMarshal.GetReference(_shift), c);
            return FloatRange.HasTerms(mean) && FloatRange.HasFactors(scale);
        }

        public bool DoSpecial(int c)
        {
            _scale[c] = float.NaN;
            return false;
        }
    }

    /// <summary>
    /// The factors of dx = dy·scale − (x − pivot)·slope − shift: what comes back through mean and variance is a line in x. Slope and shift are
    /// made for the rounded scale, so that all three terms are off by the same factor. Where floats cannot hold one, the scale is NaN.
    /// </summary>
    public readonly ref struct Backward(
        SetStatistics statistics,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> sumDy,
        ReadOnlySpan<double> sumDyXHat,
        double m,
        Span<float> pivot,
        Span<float> scale,
        Span<float> minusSlope,
        Span<float> minusShift) : IFormula
    {
        private readonly SetStatistics _statistics = statistics;
        private readonly ReadOnlySpan<float> _gamma = gamma;
        private readonly ReadOnlySpan<double> _sumDy = sumDy;
        private readonly ReadOnlySpan<double> _sumDyXHat = sumDyXHat;
        private readonly double _share = 1 / m;
        private readonly double _hasGradient = m > 1 ? 1 : 0; // A channel of one value has none: what rounding would leave of it is cut off.
        private readonly Span<float> _pivot = pivot;
        private readonly Span<float> _scale = scale;
        private readonly Span<float> _minusSlope = minusSlope;
        private readonly Span<float> _minusShift = minusShift;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D gamma = _gamma.IsEmpty ? D.Create(1) : D.Widen(in MemoryMarshal.GetReference(_gamma), c);
            D mean = D.Load(in MemoryMarshal.GetReference(_statistics.Mean), c);
            D rstd = D.Load(in MemoryMarshal.GetReference(_statistics.Rstd), c);
            ref float pivot = ref MemoryMarshal.GetReference(_pivot);

            // rstd * (g - meanG - xHat * meanGXHat) = dy * scale - (x - pivot) * slope - shift
            D meanDy = D.Load(in MemoryMarshal.GetReference(_sumDy), c) * D.Create(_share); // [BN-B3], without gamma
            D meanDyXHat = D.Load(in MemoryMarshal.GetReference(_sumDyXHat), c) * D.Create(_share); // [BN-B4], without gamma
            D scale = rstd * gamma * D.Create(_hasGradient);
            D.Narrow(mean, ref pivot, c);
            D.Narrow(scale, ref MemoryMarshal.GetReference(_scale), c);
            D minusScale = D.Create(-1) * D.Widen(in MemoryMarshal.GetReference(_scale), c);
            D perX = rstd * meanDyXHat;
            D minusSlope = minusScale * perX;
            D minusShift = minusScale * (meanDy - (mean - D.Widen(in pivot, c)) * perX);
            D.Narrow(minusSlope, ref MemoryMarshal.GetReference(_minusSlope), c);
            D.Narrow(minusShift, ref MemoryMarshal.GetReference(_minusShift), c);
            return FloatRange.HasTerms(mean) && FloatRange.HasFactors(scale) && FloatRange.HasFactors(minusSlope) && FloatRange.HasTerms(minusShift);
        }

        public bool DoSpecial(int c)
        {
            _scale[c] = float.NaN;
            return false;
        }
    }

    /// <summary>Σdy·x̂ from Σdy and Σdy·(x − mean), which it overwrites: the mean that the sums were taken with was rounded to double.</summary>
    public readonly ref struct Centred(SetStatistics statistics, ReadOnlySpan<double> sumDy, Span<double> sumDyX) : IFormula
    {
        private readonly SetStatistics _statistics = statistics;
        private readonly ReadOnlySpan<double> _sumDy = sumDy;
        private readonly Span<double> _sumDyX = sumDyX;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D sumDy = D.Load(in MemoryMarshal.GetReference(_sumDy), c);
            if (!D.AllBelow(sumDy, double.PositiveInfinity))
            {
                return false;
            }

            ref double sumDyX = ref MemoryMarshal.GetReference(_sumDyX);
            D rstd = D.Load(in MemoryMarshal.GetReference(_statistics.Rstd), c);
            D.Store((D.Load(in sumDyX, c) - Remainder<D>(_statistics, c) * sumDy) * rstd, ref sumDyX, c);
            return true;
        }

        public bool DoSpecial(int c)
        {
            _sumDyX[c] *= _statistics.Rstd[c];
            return true;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Remainder<D>(SetStatistics statistics, int c)
        where D : struct, IDoubleLanes<D>
        => statistics.Remainder.IsEmpty ? D.Create(0) : D.Load(in MemoryMarshal.GetReference(statistics.Remainder), c);

    // The channels after the last whole eight go one by one, by the same operations.
    private ref struct Sweep<F>(F formula) : IKernel
        where F : struct, IFormula, allows ref struct
    {
        private readonly F _formula = formula;

        public int Special { get; private set; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            int whole = count & ~7;
            for (int c = 0; c < whole; c += 8)
            {
                if (!_formula.TryDo<D>(c))
                {
                    OneByOne(c, c + 8);
                }
            }

            OneByOne(whole, count);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private void OneByOne(int first, int end)
        {
            for (int c = first; c < end; c++)
            {
                if (!_formula.TryDo<SingleDouble>(c) && !_formula.DoSpecial(c))
                {
                    Special++;
                }
            }
        }
    }
}
