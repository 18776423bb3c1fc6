using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Rows of which each element is mapped by itself, x̂ = tanh(αx) in place of a statistic: y = γ·x̂ + β. In double; each result is rounded once.</summary>
internal static class TanhRows
{
    /// <summary>Overwrites y.</summary>
    /// <param name="tensors">x, y, γ and β.</param>
    /// <param name="alpha">α.</param>
    public static void Forward(RowTensors tensors, float alpha)
    {
        TanhForward pass = new() { Tensors = tensors, Alpha = alpha };
        Kernels.Run(ref pass, tensors.Rows, tensors.X.Length);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ, dβ and dα.</summary>
    /// <param name="tensors">x and γ.</param>
    /// <param name="alpha">α.</param>
    /// <param name="gradients">dy, dx, dγ and dβ.</param>
    /// <param name="dAlpha">Added to, (1); empty if not wanted.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Backward(RowTensors tensors, float alpha, Gradients gradients, Span<float> dAlpha, Span<double> workspace)
    {
        int C = tensors.Features;
        RowBlocks blocks = RowBlocks.Of(tensors.Rows, C);
        TanhBackward pass = new() { Tensors = tensors, Alpha = alpha, Dy = gradients.Dy, Dx = gradients.Dx, Blocks = blocks, Sums = workspace };
        Kernels.Run(ref pass, blocks.Count, tensors.X.Length);
        if (blocks.Count > 0)
        {
            Span<double> sums = blocks.Total(workspace, TanhBackward.SumsOf(C));
            Accumulation.Add(sums[..C], gradients.DBeta); // [B1]
            Accumulation.Add(sums.Slice(C, C), gradients.DGamma); // [B2]
            Accumulation.Add(sums[(2 * C)..], dAlpha);
        }
    }

    /// <summary>How many doubles <see cref="Backward"/> needs as workspace.</summary>
    /// <param name="rows">N.</param>
    /// <param name="features">C.</param>
    public static int WorkspaceLength(int rows, int features) => TanhBackward.SumsOf(features) * RowBlocks.Of(rows, features).Count;
}

/// <summary>y = γ·tanh(αx) + β. Units are rows.</summary>
internal readonly ref struct TanhForward : IKernel
{
    public required RowTensors Tensors { get; init; }

    /// <summary>α as a double: converted for every eight elements, it would tie each step to the last by a register that both write.</summary>
    public required double Alpha { get; init; }

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = Tensors.Features;
        for (int n = first; n < first + count; n++)
        {
            nint row = (nint)n * C;
            int c = 0;
            for (; c <= C - 8; c += 8)
            {
                Apply<D>(row, c);
            }

            for (; c < C; c++)
            {
                Apply<SingleDouble>(row, c);
            }
        }
    }

    // y[i] = gamma[c] * tanh(alpha * x[i]) + beta[c] [F4] [F5]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Apply<D>(nint row, nint c)
        where D : struct, IDoubleLanes<D>
    {
        D xHat = Elementary.TanhCore(D.Create(Alpha) * D.Widen(in MemoryMarshal.GetReference(Tensors.X), row + c), out _);
        D gamma = Tensors.Gamma.IsEmpty ? D.Create(1) : D.Widen(in MemoryMarshal.GetReference(Tensors.Gamma), c);
        D beta = Tensors.Beta.IsEmpty ? D.Create(0) : D.Widen(in MemoryMarshal.GetReference(Tensors.Beta), c);
        D.Narrow(gamma * xHat + beta, ref MemoryMarshal.GetReference(Tensors.Y), row + c);
    }
}

/// <summary>dx and the sums of dβ, dγ and dα. Units are blocks of rows, each with sums of its own.</summary>
internal readonly ref struct TanhBackward : IKernel
{
    public required RowTensors Tensors { get; init; }

    /// <summary>α as a double: converted for every eight elements, it would tie each step to the last by a register that both write.</summary>
    public required double Alpha { get; init; }

    public required ReadOnlySpan<float> Dy { get; init; }

    /// <summary>Overwritten with dx; empty if not wanted.</summary>
    public required Span<float> Dx { get; init; }

    public required RowBlocks Blocks { get; init; }

    /// <summary>Overwritten with each block's Σdy, (C), Σdy·x̂, (C), and the one Σh·x.</summary>
    public required Span<double> Sums { get; init; }

    /// <summary>How many sums a block has.</summary>
    public static int SumsOf(int features) => 2 * features + 1;

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = Tensors.Features;
        Span<double> lanes = stackalloc double[LaneTree.Folded];
        for (int block = first; block < first + count; block++)
        {
            Span<double> sums = Sums.Slice(SumsOf(C) * block, SumsOf(C));
            sums.Clear();
            D sumHX = D.Create(0);
            SingleDouble tailHX = default;
            for (int n = Blocks.Start(block); n < Blocks.Start(block + 1); n++)
            {
                nint row = (nint)n * C;
                int c = 0;
                for (; c <= C - 8; c += 8)
                {
                    Add(sums, row, c, ref sumHX);
                }

                for (; c < C; c++)
                {
                    Add(sums, row, c, ref tailHX);
                }
            }

            D.Store(sumHX, ref lanes[0], 0);
            sums[2 * C] = LaneTree.Sum(ref lanes[0]) + tailHX.Value;
        }
    }

    // dBeta[c] += dy [B1]; dGamma[c] += dy * xHat [B2]; h = gamma[c] * dy * (1 - xHat * xHat); dAlpha += h * x; dx = alpha * h [B5]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add<D>(Span<double> sums, nint row, nint c, ref D sumHX)
        where D : struct, IDoubleLanes<D>
    {
        ref double sumDy = ref MemoryMarshal.GetReference(sums);
        ref double sumDyXHat = ref Unsafe.Add(ref sumDy, Tensors.Features);
        D x = D.Widen(in MemoryMarshal.GetReference(Tensors.X), row + c);
        D dy = D.Widen(in MemoryMarshal.GetReference(Dy), row + c);
        D xHat = Elementary.TanhCore(D.Create(Alpha) * x, out D slope);
        D.Store(D.Load(in sumDy, c) + dy, ref sumDy, c);
        D.Store(D.Load(in sumDyXHat, c) + dy * xHat, ref sumDyXHat, c);
        D gamma = Tensors.Gamma.IsEmpty ? D.Create(1) : D.Widen(in MemoryMarshal.GetReference(Tensors.Gamma), c);
        D h = gamma * dy * slope;
        sumHX += h * x;
        if (!Dx.IsEmpty)
        {
            D.Narrow(D.Create(Alpha) * h, ref MemoryMarshal.GetReference(Dx), row + c);
        }
    }
}
