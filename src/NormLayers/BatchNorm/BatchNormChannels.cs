using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>What batch normalization computes once a channel, from sums to statistics to factors: eight channels at a time.</summary>
internal static class BatchNormChannels
{
    // Means below are finite floats, with room for rounding.
    private const double Finite = 1e38;

    // Factors between are carried by floats with all their digits, and so are products with them.
    private const double Smallest = 1e-30;
    private const double Largest = 1e30;

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

    /// <summary>Whether a float can carry a factor with all its digits, and products with it; false for NaN.</summary>
    private static bool FitsFloat(double factor) => SingleDouble.AllWithin(new(factor), Smallest, Largest);

    private static bool FitFloat<D>(D mean, D rstd, D factor)
        where D : struct, IDoubleLanes<D>
        => D.AllBelow(mean, Finite) && D.AllWithin(rstd, Smallest, Largest) && D.AllWithin(factor, Smallest, Largest);

    /// <summary>Mean and biased variance from Σ(x − p) and Σ(x − p)²; where p was too far off, it becomes the mean.</summary>
    public readonly ref struct Moments(
        Span<float> pivot, ReadOnlySpan<double> sums, ReadOnlySpan<double> squares, double reciprocal, Span<double> mean, Span<double> variance) : IFormula
    {
        private readonly Span<float> _pivot = pivot;
        private readonly ReadOnlySpan<double> _sums = sums;
        private readonly ReadOnlySpan<double> _squares = squares;
        private readonly Span<double> _mean = mean;
        private readonly Span<double> _variance = variance;
        private readonly double _reciprocal = reciprocal;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D pivot = D.Widen(in MemoryMarshal.GetReference(_pivot), c);
            D sum = D.Load(in MemoryMarshal.GetReference(_sums), c);
            D square = D.Load(in MemoryMarshal.GetReference(_squares), c);
            bool near = RowMoments.FromSums<D>(pivot, sum, square, D.Create(_reciprocal), out D mean, out D variance);
            D.Store(mean, ref MemoryMarshal.GetReference(_mean), c); // [BN-F1]
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
            if (!_accept && !(D.AllBelow(mean, Finite) && D.AllBelow(variance, Finite)))
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
        ReadOnlySpan<double> mean, ReadOnlySpan<double> rstd, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, Span<float> pivot, Span<float> scale, Span<float> shift) : IFormula
    {
        private readonly ReadOnlySpan<double> _mean = mean;
        private readonly ReadOnlySpan<double> _rstd = rstd;
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
            D mean = D.Load(in MemoryMarshal.GetReference(_mean), c);
            D rstd = D.Load(in MemoryMarshal.GetReference(_rstd), c);
            ref float pivot = ref MemoryMarshal.GetReference(_pivot);

            // gamma * (x - mean) * rstd + beta = (x - pivot) * scale + shift
            D scale = gamma * rstd;
            D.Narrow(mean, ref pivot, c);
            D.Narrow(scale, ref MemoryMarshal.GetReference(_scale), c);
            D.Narrow(beta - (mean - D.Widen(in pivot, c)) * scale, ref MemoryMarshal.GetReference(_shift), c);
            return FitFloat<D>(mean, rstd, scale);
        }

        public bool DoSpecial(int c)
        {
            bool fits = float.IsFinite(_pivot[c]) && FitsFloat(_rstd[c]) && FitsFloat((_gamma.IsEmpty ? 1 : _gamma[c]) * _rstd[c]);
            _scale[c] = fits ? _scale[c] : float.NaN;
            return fits;
        }
    }

    /// <summary>The factors of dx = (dy − shift − (x − pivot)·slope)·scale; where floats cannot hold one, the scale is NaN.</summary>
    public readonly ref struct Backward(
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> sumDy,
        ReadOnlySpan<double> sumDyXHat,
        double share,
        Span<float> pivot,
        Span<float> scale,
        Span<float> minusSlope,
        Span<float> shift) : IFormula
    {
        private readonly ReadOnlySpan<double> _mean = mean;
        private readonly ReadOnlySpan<double> _rstd = rstd;
        private readonly ReadOnlySpan<float> _gamma = gamma;
        private readonly ReadOnlySpan<double> _sumDy = sumDy;
        private readonly ReadOnlySpan<double> _sumDyXHat = sumDyXHat;
        private readonly double _share = share;
        private readonly Span<float> _pivot = pivot;
        private readonly Span<float> _scale = scale;
        private readonly Span<float> _minusSlope = minusSlope;
        private readonly Span<float> _shift = shift;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryDo<D>(int c)
            where D : struct, IDoubleLanes<D>
        {
            D gamma = _gamma.IsEmpty ? D.Create(1) : D.Widen(in MemoryMarshal.GetReference(_gamma), c);
            D mean = D.Load(in MemoryMarshal.GetReference(_mean), c);
            D rstd = D.Load(in MemoryMarshal.GetReference(_rstd), c);
            ref float pivot = ref MemoryMarshal.GetReference(_pivot);

            // rstd * (g - meanG - xHat * meanGXHat) = (dy - shift - (x - pivot) * slope) * scale; shift = slope = 0 for constants
            D meanDy = D.Load(in MemoryMarshal.GetReference(_sumDy), c) * D.Create(_share); // [BN-B3], without gamma
            D meanDyXHat = D.Load(in MemoryMarshal.GetReference(_sumDyXHat), c) * D.Create(_share); // [BN-B4], without gamma
            D slope = rstd * meanDyXHat;
            D scale = rstd * gamma;
            D.Narrow(mean, ref pivot, c);
            D.Narrow(scale, ref MemoryMarshal.GetReference(_scale), c);
            D.Narrow(slope * D.Create(-1), ref MemoryMarshal.GetReference(_minusSlope), c);
            D.Narrow(meanDy - (mean - D.Widen(in pivot, c)) * slope, ref MemoryMarshal.GetReference(_shift), c);
            return FitFloat<D>(mean, rstd, scale) && D.AllWithin(slope, Smallest, Largest);
        }

        public bool DoSpecial(int c)
        {
            bool fits = float.IsFinite(_pivot[c]) && FitsFloat(_rstd[c]) && FitsFloat(_rstd[c] * (_gamma.IsEmpty ? 1 : _gamma[c]))
                && FitsFloat(_rstd[c] * (_sumDyXHat[c] * _share));
            _scale[c] = fits ? _scale[c] : float.NaN;
            return fits;
        }
    }

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
