using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>Eight double lanes in four 128-bit vectors.</summary>
internal struct DoubleLanes128(Vector128<double> a, Vector128<double> b, Vector128<double> c, Vector128<double> d) : IDoubleLanes<DoubleLanes128>
{
    private Vector128<double> _a = a;
    private Vector128<double> _b = b;
    private Vector128<double> _c = c;
    private Vector128<double> _d = d;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Create(double value)
    {
        Vector128<double> v = Vector128.Create(value);
        return new(v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Uniform(DoubleLanes128 value) => new(value._a, value._a, value._a, value._a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Widen(ref readonly float source, nint index)
    {
        (Vector128<double> a, Vector128<double> b) = Vector128.Widen(Vector128.LoadUnsafe(in source, (nuint)index));
        (Vector128<double> c, Vector128<double> d) = Vector128.Widen(Vector128.LoadUnsafe(in source, (nuint)index + 4));
        return new(a, b, c, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(DoubleLanes128 value, ref float destination, nint index)
    {
        Vector128.Narrow(value._a, value._b).StoreUnsafe(ref destination, (nuint)index);
        Vector128.Narrow(value._c, value._d).StoreUnsafe(ref destination, (nuint)index + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Load(ref readonly double source, nint index) => new(
        Vector128.LoadUnsafe(in source, (nuint)index),
        Vector128.LoadUnsafe(in source, (nuint)index + 2),
        Vector128.LoadUnsafe(in source, (nuint)index + 4),
        Vector128.LoadUnsafe(in source, (nuint)index + 6));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(DoubleLanes128 value, ref double destination, nint index)
    {
        value._a.StoreUnsafe(ref destination, (nuint)index);
        value._b.StoreUnsafe(ref destination, (nuint)index + 2);
        value._c.StoreUnsafe(ref destination, (nuint)index + 4);
        value._d.StoreUnsafe(ref destination, (nuint)index + 6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator +(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a + right._a, left._b + right._b, left._c + right._c, left._d + right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator -(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a - right._a, left._b - right._b, left._c - right._c, left._d - right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator *(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a * right._a, left._b * right._b, left._c * right._c, left._d * right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator /(DoubleLanes128 left, DoubleLanes128 right) =>
        new(left._a / right._a, left._b / right._b, left._c / right._c, left._d / right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Sqrt(DoubleLanes128 value) =>
        new(Vector128.Sqrt(value._a), Vector128.Sqrt(value._b), Vector128.Sqrt(value._c), Vector128.Sqrt(value._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Max(DoubleLanes128 left, DoubleLanes128 right) =>
        new(Larger(left._a, right._a), Larger(left._b, right._b), Larger(left._c, right._c), Larger(left._d, right._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Min(DoubleLanes128 left, DoubleLanes128 right) =>
        new(Smaller(left._a, right._a), Smaller(left._b, right._b), Smaller(left._c, right._c), Smaller(left._d, right._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Round(DoubleLanes128 value) =>
        new(Vector128.Round(value._a), Vector128.Round(value._b), Vector128.Round(value._c), Vector128.Round(value._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 PowerOfTwo(DoubleLanes128 n) =>
        new(PowerOfTwo(n._a), PowerOfTwo(n._b), PowerOfTwo(n._c), PowerOfTwo(n._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Split(DoubleLanes128 value, out DoubleLanes128 n)
    {
        Vector128<double> a = Split(value._a, out Vector128<double> nA);
        Vector128<double> b = Split(value._b, out Vector128<double> nB);
        Vector128<double> c = Split(value._c, out Vector128<double> nC);
        Vector128<double> d = Split(value._d, out Vector128<double> nD);
        n = new(nA, nB, nC, nD);
        return new(a, b, c, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(DoubleLanes128 value)
    {
        Vector128<double> two = value._a + value._c + (value._b + value._d);
        return two.ToScalar() + two.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllBelow(DoubleLanes128 value, double bound) =>
        Vector128.EqualsAll((Below(value._a, bound) & Below(value._b, bound) & Below(value._c, bound) & Below(value._d, bound)).AsInt64(), Vector128<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllWithin(DoubleLanes128 value, double low, double high) =>
        Vector128.EqualsAll((Within(value._a, low, high) & Within(value._b, low, high) & Within(value._c, low, high) & Within(value._d, low, high)).AsInt64(), Vector128<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLess(DoubleLanes128 left, DoubleLanes128 right) =>
        !Vector128.EqualsAll((Vector128.LessThan(left._a, right._a) | Vector128.LessThan(left._b, right._b) | Vector128.LessThan(left._c, right._c) | Vector128.LessThan(left._d, right._d)).AsInt64(), Vector128<long>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref DoubleLanes128 addend, DoubleLanes128 left, DoubleLanes128 right)
    {
        addend._a = Vector128.FusedMultiplyAdd(left._a, right._a, addend._a);
        addend._b = Vector128.FusedMultiplyAdd(left._b, right._b, addend._b);
        addend._c = Vector128.FusedMultiplyAdd(left._c, right._c, addend._c);
        addend._d = Vector128.FusedMultiplyAdd(left._d, right._d, addend._d);
    }

    // n + 1.5·2⁵² holds n in its last bits; with the bias of exponents added they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> PowerOfTwo(Vector128<double> n) =>
        ((n + Vector128.Create(Elementary.IntegerShift + 1023)).AsInt64() << 52).AsDouble();

    // Counted from the bits of √½, a number's bits begin with n; an integer below 2⁵¹ becomes a double as the last bits of 1.5·2⁵².
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Split(Vector128<double> value, out Vector128<double> n)
    {
        Vector128<long> exponent = (value.AsInt64() - Vector128.Create(Elementary.RootHalfBits)) >> 52;
        n = (exponent + Vector128.Create(Elementary.IntegerShift).AsInt64()).AsDouble() - Vector128.Create(Elementary.IntegerShift);
        return (value.AsInt64() - (exponent << 52)).AsDouble();
    }

    // The instruction gives its second operand where one is NaN, or both are zeros, as the comparison does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Larger(Vector128<double> left, Vector128<double> right) =>
        Sse2.IsSupported ? Sse2.Max(right, left) : Vector128.ConditionalSelect(Vector128.LessThan(left, right), right, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Smaller(Vector128<double> left, Vector128<double> right) =>
        Sse2.IsSupported ? Sse2.Min(right, left) : Vector128.ConditionalSelect(Vector128.GreaterThan(left, right), right, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Below(Vector128<double> value, double bound) =>
        Vector128.LessThan(Vector128.Abs(value), Vector128.Create(bound));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Within(Vector128<double> value, double low, double high)
    {
        Vector128<double> magnitude = Vector128.Abs(value);
        return Vector128.Equals(value, Vector128<double>.Zero)
            | (Vector128.GreaterThan(magnitude, Vector128.Create(low)) & Vector128.LessThan(magnitude, Vector128.Create(high)));
    }
}
