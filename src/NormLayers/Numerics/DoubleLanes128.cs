using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes in eight 128-bit vectors.</summary>
internal readonly struct DoubleLanes128(Vector128<double> a, Vector128<double> b, Vector128<double> c, Vector128<double> d, Vector128<double> e, Vector128<double> f, Vector128<double> g, Vector128<double> h) : IDoubleLanes<DoubleLanes128, Lanes128>
{
    private readonly Vector128<double> _a = a;
    private readonly Vector128<double> _b = b;
    private readonly Vector128<double> _c = c;
    private readonly Vector128<double> _d = d;
    private readonly Vector128<double> _e = e;
    private readonly Vector128<double> _f = f;
    private readonly Vector128<double> _g = g;
    private readonly Vector128<double> _h = h;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Create(double value)
    {
        Vector128<double> v = Vector128.Create(value);
        return new(v, v, v, v, v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Widen(Lanes128 value)
    {
        (Vector128<double> a, Vector128<double> b) = Vector128.Widen(value.A);
        (Vector128<double> c, Vector128<double> d) = Vector128.Widen(value.B);
        (Vector128<double> e, Vector128<double> f) = Vector128.Widen(value.C);
        (Vector128<double> g, Vector128<double> h) = Vector128.Widen(value.D);
        return new(a, b, c, d, e, f, g, h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Load(ref readonly double source, int index) => new(
        Vector128.LoadUnsafe(in source, (nuint)index),
        Vector128.LoadUnsafe(in source, (nuint)index + 2),
        Vector128.LoadUnsafe(in source, (nuint)index + 4),
        Vector128.LoadUnsafe(in source, (nuint)index + 6),
        Vector128.LoadUnsafe(in source, (nuint)index + 8),
        Vector128.LoadUnsafe(in source, (nuint)index + 10),
        Vector128.LoadUnsafe(in source, (nuint)index + 12),
        Vector128.LoadUnsafe(in source, (nuint)index + 14));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(DoubleLanes128 value, ref double destination, int index)
    {
        value._a.StoreUnsafe(ref destination, (nuint)index);
        value._b.StoreUnsafe(ref destination, (nuint)index + 2);
        value._c.StoreUnsafe(ref destination, (nuint)index + 4);
        value._d.StoreUnsafe(ref destination, (nuint)index + 6);
        value._e.StoreUnsafe(ref destination, (nuint)index + 8);
        value._f.StoreUnsafe(ref destination, (nuint)index + 10);
        value._g.StoreUnsafe(ref destination, (nuint)index + 12);
        value._h.StoreUnsafe(ref destination, (nuint)index + 14);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator +(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a + right._a, left._b + right._b, left._c + right._c, left._d + right._d, left._e + right._e, left._f + right._f, left._g + right._g, left._h + right._h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator -(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a - right._a, left._b - right._b, left._c - right._c, left._d - right._d, left._e - right._e, left._f - right._f, left._g - right._g, left._h - right._h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator *(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a * right._a, left._b * right._b, left._c * right._c, left._d * right._d, left._e * right._e, left._f * right._f, left._g * right._g, left._h * right._h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(DoubleLanes128 value)
    {
        Vector128<double> low = (value._a + value._e) + (value._c + value._g);
        Vector128<double> high = (value._b + value._f) + (value._d + value._h);
        Vector128<double> two = low + high;
        return two[0] + two[1];
    }
}
