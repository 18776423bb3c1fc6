using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The forward pass over contiguous sets: lanes run along a row. Units are rows.</summary>
/// <remarks>
/// <para>A block of rows stays in the first-level cache: its sums, then the factors, then y, so that the roots and divisions of short rows overlap. The next
/// block is prefetched while this one is summed. Beyond the cache blocks are smaller, and y's lines are prefetched too: an
/// ordinary store first reads its line, a non-temporal store does not. γ and β are read for every row, so they are copied once to a
/// buffer with y's cache-line alignment (docs/performance-history.md, what else was tried).</para>
/// <para>Order of summation: element i goes to lane i mod 16, lanes are added as in <see cref="IDoubleLanes{TDouble}.Sum"/>, and the elements of the tail follow one
/// by one. Squares are added with one rounding.</para>
/// </remarks>
/// <typeparam name="S">The statistic.</typeparam>
internal ref struct RowForward<S> : IKernel
    where S : struct, IStatistic
{
    private const int BlockElements = 4096;
    private const int MemoryBlockElements = 2048;

    /// <summary>x, y, γ and β.</summary>
    public RowTensors Tensors;

    /// <summary>ε.</summary>
    public Epsilon Epsilon;

    /// <summary>Overwritten with each row's, (N), where not empty.</summary>
    public SetStatistics Statistics;

    /// <summary>Where x is a sum that is computed first, block by block, its first term; else empty.</summary>
    public ReadOnlySpan<float> Addend;

    /// <summary>Its second term.</summary>
    public ReadOnlySpan<float> Residual;

    /// <summary>Overwritten with the sum: x again.</summary>
    public Span<float> Sum;

    private readonly int Features => Tensors.Features;

    [MethodImpl(Kernels.FullyOptimized)]
    [SkipLocalsInit]
    public readonly void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = Features;
        int bufferLength = Tensors.ShareParameters ? RowMap.AlignedCopyLength(count, C) : 0;
        Span<float> buffers = bufferLength == 0 ? default : stackalloc float[2 * bufferLength];
        ref readonly float y = ref MemoryMarshal.GetReference(Tensors.Y);
        ReadOnlySpan<float> gamma = RowMap.AlignedCopy(Tensors.Gamma, in y, buffers[..bufferLength]);
        ReadOnlySpan<float> beta = RowMap.AlignedCopy(Tensors.Beta, in y, buffers[bufferLength..]);
        RowBlock block = new(stackalloc double[RowBlock.Doubles]);
        block.Clear<D>();
        bool streamed = RowMap.IsStreamed(Tensors.Y, Tensors.X);
        bool fetchY = !streamed && Cache.IsExceeded(Tensors.X.Length / 2); // Smaller ones gained nothing: x and y are both in a cache.
        int blockRows = Math.Clamp((Cache.IsExceeded(Tensors.X.Length) ? MemoryBlockElements : BlockElements) / C, 1, RowBlock.Rows);
        for (int start = first; start < first + count; start += blockRows)
        {
            int rows = Math.Min(blockRows, first + count - start);
            if (!Sum.IsEmpty)
            {
                AddResidual<L>(start * C, rows * C);
            }

            SumRows<D>(block, start, rows, blockRows * C, fetchY);
            if (!TryFinish<D>(block, 0, out _))
            {
                for (int k = 0; k < rows; k++)
                {
                    FinishRow<D>(block, start, k);
                }
            }

            block.CopyStatistics(start, rows, Statistics);
            Normalize<L, D>(block, start, rows, gamma, beta);
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ref readonly float RowAt(int n) => ref Unsafe.Add(ref MemoryMarshal.GetReference(Tensors.X), (nint)n * Features);

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void AddResidual<L>(int start, int length)
        where L : struct, ILanes<L>
        => RowMap.Apply<L, SumMap>(new SumMap(in Addend[start], in Residual[start]), ref Sum[start], length);

    // The sums over the rows of a block, without a shift.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void SumRows<D>(scoped RowBlock block, int start, int rows, int ahead, bool fetchY)
        where D : struct, IDoubleLanes<D>
    {
        for (int k = 0; k < rows; k++)
        {
            ref readonly float row = ref RowAt(start + k);
            ref readonly float y = ref fetchY ? ref Unsafe.Add(ref MemoryMarshal.GetReference(Tensors.Y), (nint)(start + k) * Features) : ref Unsafe.NullRef<float>();
            block.Shift(k) = 0;
            SumLanes<D, No>(in row, block, k, ahead, in y);
        }

        for (int k = 0; k < rows && (Features & 15) != 0; k++)
        {
            AddTail(in RowAt(start + k), block, k);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void SumLanes<D, TShifted>(ref readonly float row, scoped RowBlock block, int k, int ahead, ref readonly float y)
        where D : struct, IDoubleLanes<D>
        where TShifted : struct, IFlag
    {
        D p = D.Create(block.Shift(k));
        D sumsLow = D.Create(0);
        D sumsHigh = D.Create(0);
        D squaresLow = D.Create(0);
        D squaresHigh = D.Create(0);
        bool fetchY = !Unsafe.IsNullRef(in y);
        nint whole = Features & ~15;
        for (nint i = 0; i < whole; i += 16)
        {
            if (ahead > 0)
            {
                Cache.Prefetch(in row, i + ahead);
            }

            if (fetchY)
            {
                Cache.Prefetch(in y, i);
            }

            // sum += x[i] - p [F1]; squares += (x[i] - p) * (x[i] - p) [F2]; at first p = 0
            D low = D.Widen(in row, i);
            D high = D.Widen(in row, i + 8);
            Moments<S>.Add(TShifted.Holds ? low - p : low, ref sumsLow, ref squaresLow);
            Moments<S>.Add(TShifted.Holds ? high - p : high, ref sumsHigh, ref squaresHigh);
        }

        block.SetSums(k, sumsLow + sumsHigh, squaresLow + squaresHigh);
    }

    // The elements after the last whole sixteen, one by one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void AddTail(ref readonly float row, scoped RowBlock block, int k)
    {
        SingleDouble sum = new(block.Sum(k));
        SingleDouble squares = new(block.Product(k));
        for (int i = Features & ~15; i < Features; i++)
        {
            Moments<S>.Add(SingleDouble.Widen(in row, i) - new SingleDouble(block.Shift(k)), ref sum, ref squares);
        }

        block.Sum(k) = sum.Value;
        block.Product(k) = squares.Value;
    }

    // Mean and rstd of row k and, unless the lanes are single, the seven after it; false if one is special: its mean is too far from the shift, or rstd is 1/0 or NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool TryFinish<D>(scoped RowBlock block, int k, out bool near)
        where D : struct, IDoubleLanes<D>
    {
        D product = D.Load(in block.Product(k), 0);
        D share = D.Create(S.Share(Features));
        D variance = product * share;
        near = true;
        if (S.HasMean)
        {
            near = SetFactors.Moments(D.Widen(in block.Shift(k), 0), D.Load(in block.Sum(k), 0), product, share, SetFactors.LeastOfRaw, out (D Mean, D Low, D Variance) moments);
            D.Store(moments.Mean, ref block.Mean(k), 0);
            D.Store(moments.Low, ref block.Low(k), 0);
            variance = moments.Variance;
        }

        bool ordinary = SetFactors.TryRstd(variance, Epsilon, out D rstd);
        D.Store(rstd, ref block.Rstd(k), 0);
        return near && ordinary;
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void FinishRow<D>(scoped RowBlock block, int start, int k)
        where D : struct, IDoubleLanes<D>
    {
        _ = TryFinish<SingleDouble>(block, k, out bool near);
        if (!near)
        {
            // Once more, with the mean as shift.
            ref readonly float row = ref RowAt(start + k);
            block.Shift(k) = (float)block.Mean(k);
            SumLanes<D, Yes>(in row, block, k, ahead: 0, in Unsafe.NullRef<float>());
            AddTail(in row, block, k);
            _ = TryFinish<SingleDouble>(block, k, out _);
        }

        block.Rstd(k) = SetFactors.OrZero(block.Rstd(k));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Normalize<L, D>(scoped RowBlock block, int start, int rows, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        block.LoadGamma(Tensors.RowGamma, start, rows);
        bool ordinary = SetFactors.Forward(block.Of<D>(0), D.Load(in block.Gamma(0), 0), D.Create(0), block.Line, 0);
        bool affine = !gamma.IsEmpty && beta.IsEmpty != S.HasMean;
        if (Tensors.ReLU)
        {
            if (affine)
            {
                Normalize<L, Yes, Yes>(block, start, rows, ordinary, gamma, beta);
            }
            else
            {
                Normalize<L, No, Yes>(block, start, rows, ordinary, gamma, beta);
            }
        }
        else if (affine)
        {
            Normalize<L, Yes, No>(block, start, rows, ordinary, gamma, beta);
        }
        else
        {
            Normalize<L, No, No>(block, start, rows, ordinary, gamma, beta);
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private readonly void Normalize<L, TAffine, TReLU>(scoped RowBlock block, int start, int rows, bool ordinary, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta)
        where L : struct, ILanes<L>
        where TAffine : struct, IFlag
        where TReLU : struct, IFlag
    {
        LineFactors line = block.Line;
        bool streamed = RowMap.IsStreamed(Tensors.Y, Tensors.X);
        for (int k = 0; k < rows; k++)
        {
            if (!ordinary && !SetFactors.Forward(block.Of<SingleDouble>(k), new(block.Gamma(k)), new(0), line, k))
            {
                NormalizeInDouble(block, start, k);
                continue;
            }

            ref float y = ref Unsafe.Add(ref MemoryMarshal.GetReference(Tensors.Y), (nint)(start + k) * Features);
            RowMapForward<S, TAffine, TReLU> map = new(in RowAt(start + k), gamma, beta, Tensors.ParametersOf(start + k), line, k);
            RowMap.Apply<L, RowMapForward<S, TAffine, TReLU>>(map, ref y, Features, streamed);
        }
    }

    // The lines of the reference, for a row whose factors no float holds. [F4] [F5]
    private readonly void NormalizeInDouble(scoped RowBlock block, int start, int k)
    {
        int parameters = Tensors.ParametersOf(start + k);
        for (int i = (start + k) * Features, c = 0; c < Features; i++, c++)
        {
            double xHat = SetFactors.XHat<SingleDouble>(new(Tensors.X[i]), new(block.Mean(k)), new(block.Rstd(k))).Value;
            float y = (float)((Tensors.Gamma.IsEmpty ? block.Gamma(k) : Tensors.Gamma[parameters + c]) * xHat + (Tensors.Beta.IsEmpty ? 0 : Tensors.Beta[parameters + c]));
            Tensors.Y[i] = Tensors.ReLU && y <= 0 ? 0 : y;
        }
    }
}
