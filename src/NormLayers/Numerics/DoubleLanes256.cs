using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes in four 256-bit vectors.</summary>
internal readonly struct DoubleLanes256(Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d) : IDoubleLanes<DoubleLanes256, Lanes256>
{
    private readonly Vector256<double> _a = a;
    private readonly Vector256<double> _b = b;
    private readonly Vector256<double> _c = c;
    private readonly Vector256<double> _d = d;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Create(double value)
    {
        Vector256<double> v = Vector256.Create(value);
        return new(v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Widen(Lanes256 value)
    {
        (Vector256<double> a, Vector256<double> b) = Vector256.Widen(value.Low);
        (Vector256<double> c, Vector256<double> d) = Vector256.Widen(value.High);
        return new(a, b, c, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Load(ref readonly double source, int index) => new(
        Vector256.LoadUnsafe(in source, (nuint)index),
        Vector256.LoadUnsafe(in source, (nuint)index + 4),
        Vector256.LoadUnsafe(in source, (nuint)index + 8),
        Vector256.LoadUnsafe(in source, (nuint)index + 12));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(DoubleLanes256 value, ref double destination, int index)
    {
        value._a.StoreUnsafe(ref destination, (nuint)index);
        value._b.StoreUnsafe(ref destination, (nuint)index + 4);
        value._c.StoreUnsafe(ref destination, (nuint)index + 8);
        value._d.StoreUnsafe(ref destination, (nuint)index + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator +(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a + right._a, left._b + right._b, left._c + right._c, left._d + right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator -(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a - right._a, left._b - right._b, left._c - right._c, left._d - right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator *(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a * right._a, left._b * right._b, left._c * right._c, left._d * right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(DoubleLanes256 value)
    {
        Vector256<double> four = (value._a + value._c) + (value._b + value._d);
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
