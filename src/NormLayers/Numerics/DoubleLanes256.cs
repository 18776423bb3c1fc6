using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>Eight double lanes in two 256-bit vectors.</summary>
internal struct DoubleLanes256(Vector256<double> a, Vector256<double> b) : IDoubleLanes<DoubleLanes256>
{
    private Vector256<double> _a = a;
    private Vector256<double> _b = b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Create(double value)
    {
        Vector256<double> v = Vector256.Create(value);
        return new(v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Uniform(DoubleLanes256 value) => new(value._a, value._a);

    // Two half loads convert as they load; one whole load would have to be taken apart first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Widen(ref readonly float source, nint index) => new(
        Avx.ConvertToVector256Double(Vector128.LoadUnsafe(in source, (nuint)index)),
        Avx.ConvertToVector256Double(Vector128.LoadUnsafe(in source, (nuint)index + 4)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(DoubleLanes256 value, ref float destination, nint index)
    {
        Avx.ConvertToVector128Single(value._a).StoreUnsafe(ref destination, (nuint)index);
        Avx.ConvertToVector128Single(value._b).StoreUnsafe(ref destination, (nuint)index + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Load(ref readonly double source, nint index) => new(
        Vector256.LoadUnsafe(in source, (nuint)index),
        Vector256.LoadUnsafe(in source, (nuint)index + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(DoubleLanes256 value, ref double destination, nint index)
    {
        value._a.StoreUnsafe(ref destination, (nuint)index);
        value._b.StoreUnsafe(ref destination, (nuint)index + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator +(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a + right._a, left._b + right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator -(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a - right._a, left._b - right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator *(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a * right._a, left._b * right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator /(DoubleLanes256 left, DoubleLanes256 right) =>
        new(left._a / right._a, left._b / right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Sqrt(DoubleLanes256 value) =>
        new(Vector256.Sqrt(value._a), Vector256.Sqrt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Max(DoubleLanes256 left, DoubleLanes256 right) =>
        new(Larger(left._a, right._a), Larger(left._b, right._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Min(DoubleLanes256 left, DoubleLanes256 right) =>
        new(Smaller(left._a, right._a), Smaller(left._b, right._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Round(DoubleLanes256 value) =>
        new(Vector256.Round(value._a), Vector256.Round(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 PowerOfTwo(DoubleLanes256 n) =>
        new(PowerOfTwo(n._a), PowerOfTwo(n._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Split(DoubleLanes256 value, out DoubleLanes256 n)
    {
        Vector256<double> a = Split(value._a, out Vector256<double> nA);
        Vector256<double> b = Split(value._b, out Vector256<double> nB);
        n = new(nA, nB);
        return new(a, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(DoubleLanes256 value)
    {
        Vector256<double> four = value._a + value._b;
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two.ToScalar() + two.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllBelow(DoubleLanes256 value, double bound) =>
        Vector256.EqualsAll((Below(value._a, bound) & Below(value._b, bound)).AsInt64(), Vector256<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllWithin(DoubleLanes256 value, double low, double high) =>
        Vector256.EqualsAll((Within(value._a, low, high) & Within(value._b, low, high)).AsInt64(), Vector256<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLess(DoubleLanes256 left, DoubleLanes256 right) =>
        !Vector256.EqualsAll((Vector256.LessThan(left._a, right._a) | Vector256.LessThan(left._b, right._b)).AsInt64(), Vector256<long>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref DoubleLanes256 addend, DoubleLanes256 left, DoubleLanes256 right)
    {
        addend._a = Vector256.FusedMultiplyAdd(left._a, right._a, addend._a);
        addend._b = Vector256.FusedMultiplyAdd(left._b, right._b, addend._b);
    }

    // n + 1.5·2⁵² holds n in its last bits; with the bias of exponents added they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> PowerOfTwo(Vector256<double> n) =>
        ((n + Vector256.Create(Elementary.IntegerShift + 1023)).AsInt64() << 52).AsDouble();

    // Counted from the bits of √½, a number's bits begin with n; an integer below 2⁵¹ becomes a double as the last bits of 1.5·2⁵².
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Split(Vector256<double> value, out Vector256<double> n)
    {
        Vector256<long> exponent = (value.AsInt64() - Vector256.Create(Elementary.RootHalfBits)) >> 52;
        n = (exponent + Vector256.Create(Elementary.IntegerShift).AsInt64()).AsDouble() - Vector256.Create(Elementary.IntegerShift);
        return (value.AsInt64() - (exponent << 52)).AsDouble();
    }

    // The instruction gives its second operand where one is NaN, or both are zeros, as the comparison does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Larger(Vector256<double> left, Vector256<double> right) =>
        Avx.IsSupported ? Avx.Max(right, left) : Vector256.ConditionalSelect(Vector256.LessThan(left, right), right, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Smaller(Vector256<double> left, Vector256<double> right) =>
        Avx.IsSupported ? Avx.Min(right, left) : Vector256.ConditionalSelect(Vector256.GreaterThan(left, right), right, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Below(Vector256<double> value, double bound) =>
        Vector256.LessThan(Vector256.Abs(value), Vector256.Create(bound));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Within(Vector256<double> value, double low, double high)
    {
        Vector256<double> magnitude = Vector256.Abs(value);
        return Vector256.Equals(value, Vector256<double>.Zero)
            | (Vector256.GreaterThan(magnitude, Vector256.Create(low)) & Vector256.LessThan(magnitude, Vector256.Create(high)));
    }
}
