using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Adds sums in double to gradients in float: gradient = gradient + sum, rounded once. Units are elements.</summary>
internal readonly ref struct Accumulation : IKernel
{
    private readonly ReadOnlySpan<double> _sums;
    private readonly Span<float> _gradient;

    private Accumulation(ReadOnlySpan<double> sums, Span<float> gradient)
    {
        _sums = sums;
        _gradient = gradient;
    }

    /// <summary><b>Adds to</b> <paramref name="gradient"/>.</summary>
    /// <param name="sums">At least as many as there are gradients.</param>
    /// <param name="gradient">The gradients; empty if none are wanted.</param>
    public static void Add(ReadOnlySpan<double> sums, Span<float> gradient)
    {
        Accumulation kernel = new(sums, gradient);
        Kernels.RunUnits(ref kernel, 0, gradient.Length);
    }

    [MethodImpl(Kernels.Loops)]
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
