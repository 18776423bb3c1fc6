using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of layer normalization's forward pass; its units are rows.</summary>
/// <remarks>
/// Rows are handled in blocks that stay in the first-level cache: the sums of all rows of a block, then what follows from them, then
/// the normalization of all. So the roots and divisions of short rows overlap.
/// </remarks>
internal readonly ref struct LayerNormForward : IKernel
{
    private const int BlockRows = 8;
    private const int BlockElements = 4096;

    public required ReadOnlySpan<float> X { get; init; }

    public required ReadOnlySpan<float> Gamma { get; init; }

    public required ReadOnlySpan<float> Beta { get; init; }

    public required double Epsilon { get; init; }

    public required int Features { get; init; }

    public required Span<float> Y { get; init; }

    public required Span<double> Mean { get; init; }

    public required Span<double> Rstd { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        int C = Features;
        ref readonly float x = ref MemoryMarshal.GetReference(X);
        Span<double> lanes = stackalloc double[BlockRows * RowMoments.Lanes];
        ref double l0 = ref MemoryMarshal.GetReference(lanes);
        Span<double> means = stackalloc double[BlockRows];
        Span<double> rstds = stackalloc double[BlockRows];
        double reciprocal = 1.0 / C;
        bool streamed = RowMap.IsStreamed(Y, X);
        int blockRows = Math.Clamp(BlockElements / C, 1, BlockRows);
        for (int start = first; start < first + count; start += blockRows)
        {
            int rows = Math.Min(blockRows, first + count - start);
            for (int k = 0; k < rows; k++)
            {
                ref readonly float row = ref Unsafe.Add(ref Unsafe.AsRef(in x), (nint)(start + k) * C);
                RowMoments.LaneSums<L, D>(in row, C, row, ref Unsafe.Add(ref l0, k * RowMoments.Lanes)); // [LN-F1] [LN-F2]
            }

            for (int k = 0; k < rows; k++)
            {
                ref readonly float row = ref Unsafe.Add(ref Unsafe.AsRef(in x), (nint)(start + k) * C);
                Moments<L, D>(in row, reciprocal, ref Unsafe.Add(ref l0, k * RowMoments.Lanes), out double mean, out double variance);
                means[k] = mean;
                rstds[k] = variance + Epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + Epsilon); // [LN-F3]
            }

            if (!Mean.IsEmpty)
            {
                means[..rows].CopyTo(Mean[start..]);
                rstds[..rows].CopyTo(Rstd[start..]);
            }

            for (int k = 0; k < rows; k++)
            {
                Normalize<L>(start + k, means[k], rstds[k], streamed);
            }
        }

        RowMap.Fence(streamed);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Moments<L, D>(ref readonly float row, double reciprocal, ref double lanes, out double mean, out double variance)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        RowMoments.Finish(in row, Features, row, ref lanes, out double sum, out double squares);
        if (!RowMoments.FromSums(row, sum, squares, reciprocal, out mean, out variance))
        {
            MomentsAgain<L, D>(in row, ref lanes, ref mean, out variance);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MomentsAgain<L, D>(ref readonly float row, ref double lanes, ref double mean, out double variance)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        float pivot = (float)mean;
        RowMoments.LaneSums<L, D>(in row, Features, pivot, ref lanes);
        RowMoments.Finish(in row, Features, pivot, ref lanes, out double sum, out double squares);
        _ = RowMoments.FromSums(pivot, sum, squares, 1.0 / Features, out mean, out variance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Normalize<L>(int n, double mean, double rstd, bool streamed)
        where L : struct, ILanes<L>
    {
        int C = Features;
        if (!Centering.TryCreate(mean, rstd, out Centering centering))
        {
            NormalizeInDouble(n, mean, rstd);
            return;
        }

        ref readonly float x = ref Unsafe.Add(ref MemoryMarshal.GetReference(X), (nint)n * C);
        ref float y = ref Unsafe.Add(ref MemoryMarshal.GetReference(Y), (nint)n * C);
        if (streamed)
        {
            RowMap.ApplyStreamed<L, Map>(new Map(in x, Gamma, Beta, centering), ref y, C);
        }
        else
        {
            RowMap.Apply<L, Map>(new Map(in x, Gamma, Beta, centering), ref y, C);
        }
    }

    // The lines of the reference, for rows whose scale is no ordinary float.
    private void NormalizeInDouble(int n, double mean, double rstd)
    {
        for (int c = 0; c < Features; c++)
        {
            double xHat = (X[n * Features + c] - mean) * rstd;
            Y[n * Features + c] = (float)((Gamma.IsEmpty ? 1 : Gamma[c]) * xHat + (Beta.IsEmpty ? 0 : Beta[c]));
        }
    }

    // xHat = (x[i] - mean) * rstd [LN-F4]; y[i] = gamma[i] * xHat + beta[i] [LN-F5]
    private readonly ref struct Map(ref readonly float x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, Centering centering) : IRowMap
    {
        private readonly ref readonly float _x = ref x;
        private readonly ReadOnlySpan<float> _gamma = gamma;
        private readonly ReadOnlySpan<float> _beta = beta;
        private readonly Centering _centering = centering;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public L At<L>(int i)
            where L : struct, ILanes<L>
        {
            L g = _gamma.IsEmpty ? L.Create(1) : L.Load(in MemoryMarshal.GetReference(_gamma), i);
            L b = _beta.IsEmpty ? L.Zero : L.Load(in MemoryMarshal.GetReference(_beta), i);
            return L.MultiplyAdd(_centering.XHat(L.Load(in _x, i)), g, b);
        }
    }
}
