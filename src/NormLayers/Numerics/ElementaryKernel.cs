using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Exponentials or logarithms of whole arrays, with the same operations on one number as on eight at a time.</summary>
/// <remarks>Units are elements; numbers that do not fill eight lanes go one by one.</remarks>
internal readonly ref struct ElementaryKernel : IKernel
{
    private readonly Span<double> _values;
    private readonly bool _logarithm;

    private ElementaryKernel(Span<double> values, bool logarithm)
    {
        _values = values;
        _logarithm = logarithm;
    }

    /// <summary>Overwrites numbers ≤ 0, or NaN, with their exponentials.</summary>
    public static void ExpOfNonPositive(Span<double> values)
    {
        ElementaryKernel kernel = new(values, logarithm: false);
        Kernels.RunUnits(ref kernel, 0, values.Length);
    }

    /// <summary>Overwrites numbers x from 0 to below infinity, or NaN, with ln(1 + x), within 2 ulp also where x is small.</summary>
    public static void LogOfOnePlus(Span<double> values)
    {
        ElementaryKernel kernel = new(values, logarithm: true);
        Kernels.RunUnits(ref kernel, 0, values.Length);
    }

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        ref double x0 = ref MemoryMarshal.GetReference(_values);
        int i = first;
        for (; i <= first + count - 8; i += 8)
        {
            D x = D.Load(in x0, i);
            D.Store(_logarithm ? LogOfOnePlus<D>(x) : Elementary.ExpCore<D>(D.Max(x, D.Create(Elementary.LeastOfFactor))), ref x0, i);
        }

        for (; i < first + count; i++)
        {
            _values[i] = _logarithm ? LogOfOnePlus<SingleDouble>(new(_values[i])).Value : Elementary.Exp(_values[i]);
        }
    }

    // ln(1 + x) = ln w + (x - (w - 1)) / w, w being 1 + x as rounded. 0·x is 0, but NaN where x is NaN, whose exponent means nothing.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D LogOfOnePlus<D>(D x)
        where D : struct, IDoubleLanes<D>
    {
        D w = D.Create(1) + x;
        return Elementary.LogCore<D>(w, D.Create(0) * x) + (x - (w - D.Create(1))) / w;
    }
}
