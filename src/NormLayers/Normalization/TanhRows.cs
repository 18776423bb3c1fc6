using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Rows of which each element is mapped by itself, x̂ = tanh(αx) in place of a statistic: y = γ·x̂ + β. In double; each result is rounded once. Units are blocks of rows.</summary>
internal readonly ref struct TanhRows : IKernel
{
    public required RowTensors Tensors { get; init; }

    /// <summary>α as a double: converted for every eight elements, it would tie each step to the last by a register that both write.</summary>
    public required double Alpha { get; init; }

    public required RowBlocks Blocks { get; init; }

    /// <summary>The gradient with respect to y; empty in the forward pass.</summary>
    public ReadOnlySpan<float> Dy { get; init; }

    /// <summary>Overwritten with dx; empty if not wanted.</summary>
    public Span<float> Dx { get; init; }

    /// <summary>In a backward pass overwritten with each block's Σdy, (C), Σdy·x̂, (C), and the one Σh·x.</summary>
    public Span<double> Sums { get; init; }

    /// <summary>Overwrites y.</summary>
    public static void Forward(RowTensors tensors, float alpha)
    {
        TanhRows pass = new() { Tensors = tensors, Alpha = alpha, Blocks = new RowBlocks(tensors.Rows, RowsPerBlock: 1) };
        Kernels.Run(ref pass, pass.Blocks.Count, tensors.X.Length);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ, dβ and dα, (1), those that are not empty. The workspace is overwritten, <see cref="WorkspaceLength"/>.</summary>
    public static void Backward(RowTensors tensors, float alpha, Gradients gradients, Span<float> dAlpha, Span<double> workspace)
    {
        int C = tensors.Features;
        RowBlocks blocks = RowBlocks.Of(tensors.Rows, C);
        TanhRows pass = new() { Tensors = tensors, Alpha = alpha, Blocks = blocks, Dy = gradients.Dy, Dx = gradients.Dx, Sums = workspace };
        Kernels.Run(ref pass, blocks.Count, tensors.X.Length);
        if (blocks.Count > 0)
        {
            Span<double> sums = blocks.Total(workspace, SumsOf(C));
            Accumulation.Add(sums[..C], gradients.DBeta); // [B1]
            Accumulation.Add(sums.Slice(C, C), gradients.DGamma); // [B2]
            Accumulation.Add(sums[(2 * C)..], dAlpha);
        }
    }

    /// <summary>How many doubles <see cref="Backward"/> needs as workspace.</summary>
    public static long WorkspaceLength(int rows, int features) => (2L * features + 1) * RowBlocks.Of(rows, features).Count;

    private static int SumsOf(int features) => 2 * features + 1;

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = Tensors.Features;
        for (int block = first; block < first + count; block++)
        {
            Span<double> sums = Dy.IsEmpty ? default : Sums.Slice(SumsOf(C) * block, SumsOf(C));
            sums.Clear();
            (D sumHX, SingleDouble tailHX) = (D.Create(0), default);
            for (int n = Blocks.Start(block); n < Blocks.Start(block + 1); n++)
            {
                nint row = (nint)n * C;
                int c = 0;
                for (; c <= C - 8; c += 8)
                {
                    Map(row, c, sums, ref sumHX);
                }

                for (; c < C; c++)
                {
                    Map(row, c, sums, ref tailHX);
                }
            }

            if (!Dy.IsEmpty)
            {
                sums[^1] = D.Sum(sumHX) + tailHX.Value;
            }
        }
    }

    // y = gamma[c] * tanh(alpha * x) + beta[c] [F4] [F5]
    // dBeta[c] += dy [B1]; dGamma[c] += dy * xHat [B2]; h = gamma[c] * dy * (1 - xHat * xHat); dAlpha += h * x; dx = alpha * h [B5]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Map<D>(nint row, nint c, Span<double> sums, ref D sumHX)
        where D : struct, IDoubleLanes<D>
    {
        D x = D.Widen(in MemoryMarshal.GetReference(Tensors.X), row + c);
        D gamma = Tensors.Gamma.IsEmpty ? D.Create(1) : D.Widen(in MemoryMarshal.GetReference(Tensors.Gamma), c);
        if (Dy.IsEmpty)
        {
            D beta = Tensors.Beta.IsEmpty ? D.Create(0) : D.Widen(in MemoryMarshal.GetReference(Tensors.Beta), c);
            D.Narrow(gamma * Elementary.TanhCore(D.Create(Alpha) * x, out _) + beta, ref MemoryMarshal.GetReference(Tensors.Y), row + c);
            return;
        }

        ref double sumDy = ref MemoryMarshal.GetReference(sums);
        ref double sumDyXHat = ref Unsafe.Add(ref sumDy, Tensors.Features);
        D dy = D.Widen(in MemoryMarshal.GetReference(Dy), row + c);
        D xHat = Elementary.TanhCore(D.Create(Alpha) * x, out D slope);
        D.Store(D.Load(in sumDy, c) + dy, ref sumDy, c);
        D.Store(D.Load(in sumDyXHat, c) + dy * xHat, ref sumDyXHat, c);
        D h = gamma * dy * slope;
        sumHX += h * x;
        if (!Dx.IsEmpty)
        {
            D.Narrow(D.Create(Alpha) * h, ref MemoryMarshal.GetReference(Dx), row + c);
        }
    }
}
