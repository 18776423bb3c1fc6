using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of layer normalization's forward pass; its units are rows.</summary>
/// <remarks>
/// Rows are handled in blocks that stay in the first-level cache: the sums of all rows of a block, then what follows from them, then
/// the normalization of all. So the roots and divisions of short rows overlap. The next block is asked for while a block is summed;
/// where rows come from memory and go there, blocks are smaller, and the block's own lines of y are asked for too: a line that is written
/// must come first, unless it is written past the caches. γ and β are read for every row, and so are copied once to where they
/// straddle cache lines no more than y does (docs/performance.md, lines).
/// </remarks>
internal readonly ref struct LayerNormForward : IKernel
{
    private const int BlockRows = 8; // As many as the lanes of IDoubleLanes.
    private const int BlockElements = 4096;
    private const int MemoryBlockElements = 2048;

    public required ReadOnlySpan<float> X { get; init; }

    public required ReadOnlySpan<float> Gamma { get; init; }

    public required ReadOnlySpan<float> Beta { get; init; }

    public required double Epsilon { get; init; }

    public required int Features { get; init; }

    public required Span<float> Y { get; init; }

    public required Span<double> Mean { get; init; }

    /// <summary>Gets what the means lost when they were rounded to double.</summary>
    public required Span<double> Remainder { get; init; }

    public required Span<double> Rstd { get; init; }

    /// <summary>Whether y = max(·, 0) follows.</summary>
    public bool ReLU { get; init; }

    /// <summary>What is added to x before; empty if nothing is. The sum goes to <see cref="Sum"/>, and takes x's place.</summary>
    public ReadOnlySpan<float> Residual { get; init; }

    public Span<float> Sum { get; init; }

    private ReadOnlySpan<float> Input => Residual.IsEmpty ? X : Sum;

    [MethodImpl(Kernels.Loops)]
    [SkipLocalsInit]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = Features;
        ref readonly float x = ref MemoryMarshal.GetReference(Input);
        Span<double> lanes = stackalloc double[BlockRows * RowMoments.Lanes];
        ref double l0 = ref MemoryMarshal.GetReference(lanes);
        Span<double> means = stackalloc double[BlockRows];
        Span<double> remainders = stackalloc double[BlockRows];
        Span<double> rstds = stackalloc double[BlockRows];
        SetStatistics statistics = new(means, remainders, rstds);
        Span<float> pivots = stackalloc float[BlockRows];
        Span<double> sums = stackalloc double[BlockRows];
        Span<double> squares = stackalloc double[BlockRows];
        pivots.Clear();
        sums.Clear();
        squares.Clear();
        int room = RowMap.RoomInPhase(count, C);
        Span<float> rooms = room == 0 ? default : stackalloc float[2 * room];
        ReadOnlySpan<float> gamma = RowMap.InPhase(Gamma, in MemoryMarshal.GetReference(Y), rooms[..room]);
        ReadOnlySpan<float> beta = RowMap.InPhase(Beta, in MemoryMarshal.GetReference(Y), rooms[room..]);
        bool streamed = RowMap.IsStreamed(Y, X);
        bool yToo = !streamed && Cache.IsExceeded(X.Length / 2); // Smaller ones gained nothing: x and y are both in a cache.
        int blockRows = Math.Clamp((Cache.IsExceeded(X.Length) ? MemoryBlockElements : BlockElements) / C, 1, BlockRows);
        for (int start = first; start < first + count; start += blockRows)
        {
            int rows = Math.Min(blockRows, first + count - start);
            if (!Residual.IsEmpty)
            {
                AddResidual<L>(start * C, rows * C);
            }

            for (int k = 0; k < rows; k++)
            {
                ref readonly float row = ref Unsafe.Add(ref Unsafe.AsRef(in x), (nint)(start + k) * C);
                ref readonly float y = ref yToo ? ref Unsafe.Add(ref MemoryMarshal.GetReference(Y), (nint)(start + k) * C) : ref Unsafe.NullRef<float>();
                RowMoments.LaneSums<D>(in row, C, row, ref Unsafe.Add(ref l0, k * RowMoments.Lanes), blockRows * C, in y); // [LN-F1] [LN-F2]
            }

            for (int k = 0; k < rows; k++)
            {
                ref readonly float row = ref Unsafe.Add(ref Unsafe.AsRef(in x), (nint)(start + k) * C);
                pivots[k] = row;
                RowMoments.Finish(in row, C, row, ref Unsafe.Add(ref l0, k * RowMoments.Lanes), out sums[k], out squares[k]);
            }

            if (!TryFinish<D>(pivots, sums, squares, means, remainders, rstds))
            {
                for (int k = 0; k < rows; k++)
                {
                    ref readonly float row = ref Unsafe.Add(ref Unsafe.AsRef(in x), (nint)(start + k) * C);
                    FinishRow<D>(in row, sums[k], squares[k], ref l0, out means[k], out remainders[k], out rstds[k]);
                }
            }

            if (!Mean.IsEmpty)
            {
                means[..rows].CopyTo(Mean[start..]);
                rstds[..rows].CopyTo(Rstd[start..]);
            }

            if (!Remainder.IsEmpty)
            {
                remainders[..rows].CopyTo(Remainder[start..]);
            }

            Normalize<L>(start, rows, statistics, gamma, beta, streamed);
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(Kernels.Loops)]
    private void AddResidual<L>(int start, int length)
        where L : struct, ILanes<L>
        => RowMap.Apply<L, Sums>(new Sums(in X[start], in Residual[start]), ref Sum[start], length);

    // Mean, variance and rstd of all rows of a block at a time; false if one of them is special.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryFinish<D>(
        ReadOnlySpan<float> pivots, ReadOnlySpan<double> sums, ReadOnlySpan<double> squares, Span<double> means, Span<double> remainders, Span<double> rstds)
        where D : struct, IDoubleLanes<D>
    {
        D pivot = D.Widen(in pivots[0], 0);
        bool near = RowMoments.FromSums(pivot, D.Load(in sums[0], 0), D.Load(in squares[0], 0), D.Create(1.0 / Features), out D mean, out D remainder, out D variance);
        D rstd = D.Create(1) / D.Sqrt(variance + D.Create(Epsilon)); // [LN-F3]
        D.Store(mean, ref means[0], 0);
        D.Store(remainder, ref remainders[0], 0);
        D.Store(rstd, ref rstds[0], 0);
        return near && D.AllBelow(rstd, double.PositiveInfinity);
    }

    [MethodImpl(Kernels.Loops)]
    private void FinishRow<D>(ref readonly float row, double sum, double squares, ref double lanes, out double mean, out double remainder, out double rstd)
        where D : struct, IDoubleLanes<D>
    {
        double reciprocal = 1.0 / Features;
        if (!RowMoments.FromSums(row, sum, squares, reciprocal, out mean, out remainder, out double variance))
        {
            float pivot = (float)mean;
            RowMoments.LaneSums<D>(in row, Features, pivot, ref lanes, ahead: 0, in Unsafe.NullRef<float>());
            RowMoments.Finish(in row, Features, pivot, ref lanes, out sum, out squares);
            _ = RowMoments.FromSums(pivot, sum, squares, reciprocal, out mean, out remainder, out variance);
        }

        rstd = variance + Epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Normalize<L>(int first, int rows, SetStatistics statistics, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, bool streamed)
        where L : struct, ILanes<L>
    {
        bool affine = !Gamma.IsEmpty && !Beta.IsEmpty;
        if (ReLU)
        {
            if (affine)
            {
                Normalize<L, Yes, Yes>(first, rows, statistics, gamma, beta, streamed);
            }
            else
            {
                Normalize<L, No, Yes>(first, rows, statistics, gamma, beta, streamed);
            }
        }
        else if (affine)
        {
            Normalize<L, Yes, No>(first, rows, statistics, gamma, beta, streamed);
        }
        else
        {
            Normalize<L, No, No>(first, rows, statistics, gamma, beta, streamed);
        }
    }

    [MethodImpl(Kernels.Loops)]
    private void Normalize<L, TAffine, TReLU>(int first, int rows, SetStatistics statistics, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, bool streamed)
        where L : struct, ILanes<L>
        where TAffine : struct, IFlag
        where TReLU : struct, IFlag
    {
        int C = Features;
        for (int k = 0; k < rows; k++)
        {
            int n = first + k;
            if (!statistics.TryCentre(k, out Centering centering))
            {
                NormalizeInDouble(n, statistics, k);
                continue;
            }

            ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(Input), (nint)n * C);
            ref float y = ref Unsafe.Add(ref MemoryMarshal.GetReference(Y), (nint)n * C);
            Map<TAffine, TReLU> map = new(in x, gamma, beta, centering);
            RowMap.Apply<L, Map<TAffine, TReLU>>(map, ref y, C, streamed);
        }
    }

    // The lines of the reference, for rows whose scale is no ordinary float.
    private void NormalizeInDouble(int n, SetStatistics statistics, int k)
    {
        for (int c = 0; c < Features; c++)
        {
            float y = InDouble(statistics.XHat(k, Input[n * Features + c]), Gamma.IsEmpty ? 1 : Gamma[c], Beta.IsEmpty ? 0 : Beta[c]);
            Y[n * Features + c] = ReLU && y <= 0 ? 0 : y;
        }
    }

    /// <summary>One element of y where the row's scale is no ordinary float.</summary>
    public static float InDouble(double xHat, double gamma, double beta) => (float)(gamma * xHat + beta);

    // xHat = (x[i] - mean) * rstd [LN-F4]; y[i] = gamma[i] * xHat + beta[i] [LN-F5]
    public readonly ref struct Map<TAffine, TReLU>(ref readonly float x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, Centering centering) : IRowMap
        where TAffine : struct, IFlag
        where TReLU : struct, IFlag
    {
        private readonly ref readonly float _x = ref x;
        private readonly ref readonly float _gamma = ref MemoryMarshal.GetReference(gamma);
        private readonly ref readonly float _beta = ref MemoryMarshal.GetReference(beta);
        private readonly bool _scaled = !gamma.IsEmpty;
        private readonly bool _shifted = !beta.IsEmpty;
        private readonly Centering _centering = centering;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(nint i)
            where L : struct, ILanes<L>
        {
            L y = L.MultiplyAdd(
                _centering.XHat(L.Load(in _x, i)),
                TAffine.Holds || _scaled ? L.Load(in _gamma, i) : L.Create(1),
                TAffine.Holds || _shifted ? L.Load(in _beta, i) : L.Zero);
            return TReLU.Holds ? L.WherePositive(y, y) : y;
        }
    }

    // sum[i] = x[i] + residual[i]
    private readonly ref struct Sums(ref readonly float x, ref readonly float residual) : IRowMap
    {
        private readonly ref readonly float _x = ref x;
        private readonly ref readonly float _residual = ref residual;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(nint i)
            where L : struct, ILanes<L>
            => L.Load(in _x, i) + L.Load(in _residual, i);
    }
}
