using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Exponentials or logarithms of whole arrays, with the bits of <see cref="Elementary"/>: the same operations on eight numbers at a time.</summary>
/// <remarks>Units are elements; numbers that do not fill eight lanes go one by one.</remarks>
internal readonly ref struct ElementaryKernel : IKernel
{
    // Far enough below for 0, and near enough for an exponent that can be halved.
    private const double Least = -1400;

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

    /// <summary>Overwrites numbers from 1 to below infinity, or NaN, with their logarithms.</summary>
    public static void LogOfAtLeastOne(Span<double> values)
    {
        ElementaryKernel kernel = new(values, logarithm: true);
        Kernels.RunUnits(ref kernel, 0, values.Length);
    }

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        ref double x0 = ref MemoryMarshal.GetReference(_values);
        int i = first;
        for (; i <= first + count - 8; i += 8)
        {
            D x = D.Load(in x0, i);
            D.Store(_logarithm ? Log<D>(x) : Elementary.ExpCore<D>(D.Max(x, D.Create(Least))), ref x0, i);
        }

        for (; i < first + count; i++)
        {
            _values[i] = _logarithm ? Elementary.Log(_values[i]) : Elementary.Exp(_values[i]);
        }
    }

    // 0·x is 0, but NaN where x is NaN, whose exponent means nothing.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Log<D>(D x)
        where D : struct, IDoubleLanes<D>
        => Elementary.LogCore<D>(x, D.Create(0) * x);
}
