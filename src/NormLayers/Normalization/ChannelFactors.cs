using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>What is computed once a channel, eight channels at a time, by the formulas of <see cref="SetFactors"/>.</summary>
internal static class ChannelFactors
{
    /// <summary>A formula for channels, and what is done with a channel that it does not fit.</summary>
    /// <typeparam name="T">What it reads and overwrites. Passed by reference, since small calls take much of their time for copies.</typeparam>
    public interface IFormula<T>
        where T : struct, allows ref struct
    {
        /// <summary>Does channel <paramref name="c"/> and, unless the lanes are single, the seven after it.</summary>
        /// <returns>False if one of them is special; then nothing that the formula reads was overwritten.</returns>
        static abstract bool TryCompute<D>(scoped in T sets, int c)
            where D : struct, IDoubleLanes<D>;

        /// <summary>Does a special channel.</summary>
        /// <returns>Whether it turned out to be an ordinary one.</returns>
        static abstract bool ComputeSpecial(scoped in T sets, int c);
    }

    /// <summary>Does all channels.</summary>
    /// <returns>How many are special.</returns>
    public static int Run<F, T>(scoped in T sets, int channels)
        where F : struct, IFormula<T>, allows ref struct
        where T : struct, allows ref struct
        => VectorWidth.Bits switch
        {
            512 => Sweep<F, T, DoubleLanes512>(in sets, channels),
            256 => Sweep<F, T, DoubleLanes256>(in sets, channels),
            128 => Sweep<F, T, DoubleLanes128>(in sets, channels),
            _ => Sweep<F, T, DoubleLanesScalar>(in sets, channels),
        };

    /// <summary>Mean, its low part and variance from Σ(x − p) and Σ(x − p)²; where p was too far off, it becomes the mean. [F1] [F2]</summary>
    public ref struct Moments : IFormula<Moments>
    {
        /// <summary>p, (C).</summary>
        public Span<float> Shift;

        /// <summary>Both sums, (2, C).</summary>
        public ReadOnlySpan<double> Sums;

        /// <summary>1/m.</summary>
        public double Share;

        /// <summary>Overwritten, but for rstd.</summary>
        public SetStatistics Statistics;

        /// <summary>Overwritten, (C).</summary>
        public Span<double> Variance;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryCompute<D>(scoped in Moments sets, int c)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly double sums = ref MemoryMarshal.GetReference(sets.Sums);
            D shift = D.Widen(in MemoryMarshal.GetReference(sets.Shift), c);
            bool near = SetFactors.Moments(
                shift, D.Load(in sums, c), D.Load(in sums, sets.Shift.Length + c), D.Create(sets.Share), SetFactors.LeastOfShifted, out (D Mean, D Low, D Variance) moments);
            D.Store(moments.Mean, ref MemoryMarshal.GetReference(sets.Statistics.Mean), c);
            if (!sets.Statistics.Low.IsEmpty)
            {
                D.Store(moments.Low, ref MemoryMarshal.GetReference(sets.Statistics.Low), c);
            }

            D.Store(moments.Variance, ref MemoryMarshal.GetReference(sets.Variance), c);
            return near;
        }

        public static bool ComputeSpecial(scoped in Moments sets, int c)
        {
            sets.Shift[c] = (float)sets.Statistics.Mean[c];
            return false;
        }
    }

    /// <summary>One step of the running statistics; a channel that does not fit a finite float stays as it was unless <see cref="Running.Accept"/>. [F6] [F7]</summary>
    public ref struct Running : IFormula<Running>
    {
        /// <summary>The batch's mean, (C).</summary>
        public ReadOnlySpan<double> Mean;

        /// <summary>The batch's biased variance, (C).</summary>
        public ReadOnlySpan<double> Variance;

        /// <summary>Overwritten, (C).</summary>
        public Span<float> RunningMean;

        /// <summary>Overwritten, (C).</summary>
        public Span<float> RunningVariance;

        /// <summary>What the second statistic is multiplied by: m/(m − 1) for a variance.</summary>
        public double Unbiased;

        /// <summary>Whether NaN and infinity may be written.</summary>
        public bool Accept;

        /// <summary>The weight of the batch.</summary>
        public double NewWeight;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryCompute<D>(scoped in Running sets, int c)
            where D : struct, IDoubleLanes<D>
        {
            D mean = D.Load(in MemoryMarshal.GetReference(sets.Mean), c);
            D variance = D.Load(in MemoryMarshal.GetReference(sets.Variance), c) * D.Create(sets.Unbiased);
            if (!sets.Accept && !(FloatRange.FitAsAddends(mean) && FloatRange.FitAsAddends(variance)))
            {
                return false;
            }

            sets.Step(mean, ref MemoryMarshal.GetReference(sets.RunningMean), c); // [F6]
            sets.Step(variance, ref MemoryMarshal.GetReference(sets.RunningVariance), c); // [F7]
            return true;
        }

        public static bool ComputeSpecial(scoped in Running sets, int c)
        {
            double variance = sets.Variance[c] * sets.Unbiased;
            if (!FloatRange.FitFloat(sets.Mean[c], variance))
            {
                return false;
            }

            sets.Step<SingleDouble>(new(sets.Mean[c]), ref MemoryMarshal.GetReference(sets.RunningMean), c);
            sets.Step<SingleDouble>(new(variance), ref MemoryMarshal.GetReference(sets.RunningVariance), c);
            return true;
        }

        // running = (1 - newWeight) * running + newWeight * batch
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Step<D>(D batch, ref float running, int c)
            where D : struct, IDoubleLanes<D>
            => D.Narrow(D.Create(1 - NewWeight) * D.Widen(in running, c) + D.Create(NewWeight) * batch, ref running, c);
    }

    /// <summary>rstd, where a variance is given, and the factors of y; where floats do not hold them, the slope is NaN. [F3] [F4] [F5]</summary>
    public readonly struct Forward : IFormula<ChannelSets>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryCompute<D>(scoped in ChannelSets sets, int c)
            where D : struct, IDoubleLanes<D>
        {
            SetOf<D> set = sets.Statistics.Of<D>(c);
            bool ordinary = true;
            if (!sets.Variance.IsEmpty)
            {
                ordinary = SetFactors.TryRstd(D.Load(in MemoryMarshal.GetReference(sets.Variance), c), in sets.Epsilon, out D rstd); // [F3]
                D.Store(rstd, ref MemoryMarshal.GetReference(sets.Statistics.Rstd), c);
                set = set with { Rstd = rstd };
            }

            return TryLine(in sets, c, in set) && ordinary;
        }

        public static bool ComputeSpecial(scoped in ChannelSets sets, int c)
        {
            if (!sets.Variance.IsEmpty)
            {
                _ = SetFactors.TryRstd(new SingleDouble(sets.Variance[c]), in sets.Epsilon, out SingleDouble rstd);
                sets.Statistics.Rstd[c] = SetFactors.OrZero(rstd.Value);
            }

            bool fits = TryLine<SingleDouble>(in sets, c, sets.Statistics.Of<SingleDouble>(c));
            if (!fits)
            {
                Unsafe.Add(ref sets.Line.Slope, c) = float.NaN;
            }

            return fits;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static bool TryLine<D>(scoped in ChannelSets sets, int c, in SetOf<D> set)
            where D : struct, IDoubleLanes<D>
        {
            sets.Affine(c, out D gamma, out D beta);
            return SetFactors.Forward(in set, gamma, beta, in sets.Line, c);
        }
    }

    /// <summary>The factors of dx; where floats do not hold them, the scale is NaN. A channel of one value has no gradient: what rounding would leave of it is cut off. [B3] [B4]</summary>
    public readonly struct Backward : IFormula<ChannelSets>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryCompute<D>(scoped in ChannelSets sets, int c)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly double sums = ref MemoryMarshal.GetReference(sets.Sums);
            SetOf<D> set = sets.Statistics.Of<D>(c);
            D share = D.Create(1 / sets.ChannelElements);
            D meanDy = D.Load(in sums, c) * share; // [B3], without gamma
            D meanDyXHat = D.Load(in sums, sets.Statistics.Count + c) * share; // [B4], without gamma
            D scale = set.Rstd * ChannelSets.Widen<D>(sets.Gamma, c, 1) * D.Create(sets.ChannelElements > 1 ? 1 : 0);
            if (!sets.Corrections.IsEmpty)
            {
                scale *= D.Load(in MemoryMarshal.GetReference(sets.Corrections.R), c);
            }

            return SetFactors.Backward(in set, scale, meanDy, meanDyXHat, in sets.Line, c);
        }

        public static bool ComputeSpecial(scoped in ChannelSets sets, int c)
        {
            Unsafe.Add(ref sets.Line.Scale, c) = float.NaN;
            return false;
        }
    }

    /// <summary>Σdy·x̂ from Σdy and Σdy·(x − mean), which it overwrites: the mean that the sums were taken with was rounded to double. [B2]</summary>
    public readonly struct Normalize : IFormula<ChannelSets>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryCompute<D>(scoped in ChannelSets sets, int c)
            where D : struct, IDoubleLanes<D>
        {
            ref double sums = ref MemoryMarshal.GetReference(sets.Sums);
            D sumDy = D.Load(in sums, c);
            if (!D.AllBelow(sumDy, double.PositiveInfinity))
            {
                return false;
            }

            SetOf<D> set = sets.Statistics.Of<D>(c);
            D.Store((D.Load(in sums, sets.Statistics.Count + c) - set.Low * sumDy) * set.Rstd, ref sums, sets.Statistics.Count + c);
            return true;
        }

        public static bool ComputeSpecial(scoped in ChannelSets sets, int c)
        {
            sets.Sums[sets.Statistics.Count + c] *= sets.Statistics.Rstd[c];
            return true;
        }
    }

    // The channels after the last whole eight go one by one, by the same operations.
    [MethodImpl(Kernels.FullyOptimized)]
    private static int Sweep<F, T, D>(scoped in T sets, int channels)
        where F : struct, IFormula<T>, allows ref struct
        where T : struct, allows ref struct
        where D : struct, IDoubleLanes<D>
    {
        int special = 0;
        for (int c = 0; c < channels; c += 8)
        {
            if (channels - c < 8 || !F.TryCompute<D>(in sets, c))
            {
                special += OneByOne<F, T>(in sets, c, Math.Min(c + 8, channels));
            }
        }

        return special;
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private static int OneByOne<F, T>(scoped in T sets, int first, int end)
        where F : struct, IFormula<T>, allows ref struct
        where T : struct, allows ref struct
    {
        int special = 0;
        for (int c = first; c < end; c++)
        {
            if (!F.TryCompute<SingleDouble>(in sets, c) && !F.ComputeSpecial(in sets, c))
            {
                special++;
            }
        }

        return special;
    }
}
