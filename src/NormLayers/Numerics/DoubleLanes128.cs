using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes in eight 128-bit vectors.</summary>
internal struct DoubleLanes128(Vector128<double> a, Vector128<double> b, Vector128<double> c, Vector128<double> d, Vector128<double> e, Vector128<double> f, Vector128<double> g, Vector128<double> h) : IDoubleLanes<DoubleLanes128, Lanes128>
{
    private const double IntegerShift = 6755399441055744.0;
    private const long RootHalfBits = 0x3FE6_A09E_667F_3BCD;

    private Vector128<double> _a = a;
    private Vector128<double> _b = b;
    private Vector128<double> _c = c;
    private Vector128<double> _d = d;
    private Vector128<double> _e = e;
    private Vector128<double> _f = f;
    private Vector128<double> _g = g;
    private Vector128<double> _h = h;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Create(double value)
    {
        Vector128<double> v = Vector128.Create(value);
        return new(v, v, v, v, v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Widen(ref readonly float source, int index)
    {
        (Vector128<double> a, Vector128<double> b) = Vector128.Widen(Vector128.LoadUnsafe(in source, (nuint)index));
        (Vector128<double> c, Vector128<double> d) = Vector128.Widen(Vector128.LoadUnsafe(in source, (nuint)index + 4));
        (Vector128<double> e, Vector128<double> f) = Vector128.Widen(Vector128.LoadUnsafe(in source, (nuint)index + 8));
        (Vector128<double> g, Vector128<double> h) = Vector128.Widen(Vector128.LoadUnsafe(in source, (nuint)index + 12));
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
    public static DoubleLanes128 operator /(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a / right._a, left._b / right._b, left._c / right._c, left._d / right._d, left._e / right._e, left._f / right._f, left._g / right._g, left._h / right._h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Sqrt(DoubleLanes128 value) =>
        new(Vector128.Sqrt(value._a), Vector128.Sqrt(value._b), Vector128.Sqrt(value._c), Vector128.Sqrt(value._d), Vector128.Sqrt(value._e), Vector128.Sqrt(value._f), Vector128.Sqrt(value._g), Vector128.Sqrt(value._h));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Max(DoubleLanes128 left, DoubleLanes128 right) =>
        new(Vector128.Max(left._a, right._a), Vector128.Max(left._b, right._b), Vector128.Max(left._c, right._c), Vector128.Max(left._d, right._d), Vector128.Max(left._e, right._e), Vector128.Max(left._f, right._f), Vector128.Max(left._g, right._g), Vector128.Max(left._h, right._h));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Round(DoubleLanes128 value) =>
        new(Vector128.Round(value._a), Vector128.Round(value._b), Vector128.Round(value._c), Vector128.Round(value._d), Vector128.Round(value._e), Vector128.Round(value._f), Vector128.Round(value._g), Vector128.Round(value._h));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 PowerOfTwo(DoubleLanes128 n) =>
        new(PowerOfTwo(n._a), PowerOfTwo(n._b), PowerOfTwo(n._c), PowerOfTwo(n._d), PowerOfTwo(n._e), PowerOfTwo(n._f), PowerOfTwo(n._g), PowerOfTwo(n._h));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Split(DoubleLanes128 value, out DoubleLanes128 n)
    {
        Vector128<double> a = Split(value._a, out Vector128<double> nA);
        Vector128<double> b = Split(value._b, out Vector128<double> nB);
        Vector128<double> c = Split(value._c, out Vector128<double> nC);
        Vector128<double> d = Split(value._d, out Vector128<double> nD);
        Vector128<double> e = Split(value._e, out Vector128<double> nE);
        Vector128<double> f = Split(value._f, out Vector128<double> nF);
        Vector128<double> g = Split(value._g, out Vector128<double> nG);
        Vector128<double> h = Split(value._h, out Vector128<double> nH);
        n = new(nA, nB, nC, nD, nE, nF, nG, nH);
        return new(a, b, c, d, e, f, g, h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Narrow(DoubleLanes128 value) =>
        new(Vector128.Narrow(value._a, value._b), Vector128.Narrow(value._c, value._d), Vector128.Narrow(value._e, value._f), Vector128.Narrow(value._g, value._h));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllWithin(DoubleLanes128 value, double low, double high) =>
        Vector128.EqualsAll((Within(value._a, low, high) & Within(value._b, low, high) & Within(value._c, low, high) & Within(value._d, low, high) & Within(value._e, low, high) & Within(value._f, low, high) & Within(value._g, low, high) & Within(value._h, low, high)).AsInt64(), Vector128<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLess(DoubleLanes128 left, DoubleLanes128 right) =>
        !Vector128.EqualsAll((Vector128.LessThan(left._a, right._a) | Vector128.LessThan(left._b, right._b) | Vector128.LessThan(left._c, right._c) | Vector128.LessThan(left._d, right._d) | Vector128.LessThan(left._e, right._e) | Vector128.LessThan(left._f, right._f) | Vector128.LessThan(left._g, right._g) | Vector128.LessThan(left._h, right._h)).AsInt64(), Vector128<long>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref DoubleLanes128 addend, DoubleLanes128 left, DoubleLanes128 right)
    {
        addend._a = Vector128.FusedMultiplyAdd(left._a, right._a, addend._a);
        addend._b = Vector128.FusedMultiplyAdd(left._b, right._b, addend._b);
        addend._c = Vector128.FusedMultiplyAdd(left._c, right._c, addend._c);
        addend._d = Vector128.FusedMultiplyAdd(left._d, right._d, addend._d);
        addend._e = Vector128.FusedMultiplyAdd(left._e, right._e, addend._e);
        addend._f = Vector128.FusedMultiplyAdd(left._f, right._f, addend._f);
        addend._g = Vector128.FusedMultiplyAdd(left._g, right._g, addend._g);
        addend._h = Vector128.FusedMultiplyAdd(left._h, right._h, addend._h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFolded(DoubleLanes128 value, ref double destination)
    {
        (value._a + value._e).StoreUnsafe(ref destination);
        (value._b + value._f).StoreUnsafe(ref destination, 2);
        (value._c + value._g).StoreUnsafe(ref destination, 4);
        (value._d + value._h).StoreUnsafe(ref destination, 6);
    }

    // n + 1.5·2⁵² holds n in its last bits; with the bias of exponents added they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> PowerOfTwo(Vector128<double> n) =>
        ((n + Vector128.Create(IntegerShift + 1023)).AsInt64() << 52).AsDouble();

    // Counted from the bits of √½, a number's bits begin with n; an integer below 2⁵¹ becomes a double as the last bits of 1.5·2⁵².
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Split(Vector128<double> value, out Vector128<double> n)
    {
        Vector128<long> exponent = (value.AsInt64() - Vector128.Create(RootHalfBits)) >> 52;
        n = (exponent + Vector128.Create(IntegerShift).AsInt64()).AsDouble() - Vector128.Create(IntegerShift);
        return (value.AsInt64() - (exponent << 52)).AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Within(Vector128<double> value, double low, double high)
    {
        Vector128<double> magnitude = Vector128.Abs(value);
        return Vector128.Equals(value, Vector128<double>.Zero)
            | (Vector128.GreaterThan(magnitude, Vector128.Create(low)) & Vector128.LessThan(magnitude, Vector128.Create(high)));
    }
}
