using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Adds sums in double to gradients in float: gradient = gradient + sum, rounded once. Units are elements.</summary>
/// <param name="sums">At least as many as there are gradients.</param>
/// <param name="gradient">The gradients.</param>
internal readonly ref struct Accumulation(ReadOnlySpan<double> sums, Span<float> gradient) : IKernel
{
    private readonly ReadOnlySpan<double> _sums = sums;
    private readonly Span<float> _gradient = gradient;

    /// <summary><b>Adds to</b> <paramref name="gradient"/>.</summary>
    /// <param name="sums">At least as many as there are gradients.</param>
    /// <param name="gradient">The gradients; empty if none are wanted.</param>
    public static void Add(ReadOnlySpan<double> sums, Span<float> gradient)
    {
        Accumulation kernel = new(sums, gradient);
        Kernels.RunUnits(ref kernel, 0, gradient.Length);
    }

    /// <summary>Adds parts to the first part, one after the other: a part has the sums of a block of rows, of a sample, or of a plane.</summary>
    /// <param name="sums">The parts; the first is overwritten with the totals.</param>
    /// <param name="length">The sums of a part.</param>
    /// <returns>The totals.</returns>
    public static Span<double> Fold(Span<double> sums, int length)
    {
        Span<double> total = sums[..length];
        for (int start = length; start < sums.Length; start += length)
        {
            TensorPrimitives.Add(total, sums.Slice(start, length), total);
        }

        return total;
    }

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        ref readonly double sums = ref MemoryMarshal.GetReference(_sums);
        ref float gradient = ref MemoryMarshal.GetReference(_gradient);
        nint end = first + count;
        nint i = first;
        for (; i <= end - 8; i += 8)
        {
            D.Narrow(D.Widen(in gradient, i) + D.Load(in sums, i), ref gradient, i);
        }

        for (; i < end; i++)
        {
            SingleDouble.Narrow(SingleDouble.Widen(in gradient, i) + SingleDouble.Load(in sums, i), ref gradient, i);
        }
    }
}
