using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes in two 512-bit vectors.</summary>
internal struct DoubleLanes512(Vector512<double> a, Vector512<double> b) : IDoubleLanes<DoubleLanes512, Lanes512>
{
    private const double IntegerShift = 6755399441055744.0;
    private const long RootHalfBits = 0x3FE6_A09E_667F_3BCD;

    private Vector512<double> _a = a;
    private Vector512<double> _b = b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Create(double value)
    {
        Vector512<double> v = Vector512.Create(value);
        return new(v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Widen(ref readonly float source, int index)
    {
        // Two half loads convert as they load; one whole load would have to be taken apart first.
        Vector256<float> a = Vector256.LoadUnsafe(in source, (nuint)index);
        Vector256<float> b = Vector256.LoadUnsafe(in source, (nuint)index + 8);
        return new(Avx512F.ConvertToVector512Double(a), Avx512F.ConvertToVector512Double(b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Load(ref readonly double source, int index) => new(
        Vector512.LoadUnsafe(in source, (nuint)index),
        Vector512.LoadUnsafe(in source, (nuint)index + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(DoubleLanes512 value, ref double destination, int index)
    {
        value._a.StoreUnsafe(ref destination, (nuint)index);
        value._b.StoreUnsafe(ref destination, (nuint)index + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator +(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a + right._a, left._b + right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator -(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a - right._a, left._b - right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator *(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a * right._a, left._b * right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator /(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a / right._a, left._b / right._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Sqrt(DoubleLanes512 value) =>
        new(Vector512.Sqrt(value._a), Vector512.Sqrt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Max(DoubleLanes512 left, DoubleLanes512 right) =>
        new(Vector512.Max(left._a, right._a), Vector512.Max(left._b, right._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Round(DoubleLanes512 value) =>
        new(Vector512.Round(value._a), Vector512.Round(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 PowerOfTwo(DoubleLanes512 n) =>
        new(PowerOfTwo(n._a), PowerOfTwo(n._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Split(DoubleLanes512 value, out DoubleLanes512 n)
    {
        Vector512<double> a = Split(value._a, out Vector512<double> nA);
        Vector512<double> b = Split(value._b, out Vector512<double> nB);
        n = new(nA, nB);
        return new(a, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Narrow(DoubleLanes512 value) =>
        new(Vector512.Narrow(value._a, value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllWithin(DoubleLanes512 value, double low, double high) =>
        Vector512.EqualsAll((Within(value._a, low, high) & Within(value._b, low, high)).AsInt64(), Vector512<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLess(DoubleLanes512 left, DoubleLanes512 right) =>
        !Vector512.EqualsAll((Vector512.LessThan(left._a, right._a) | Vector512.LessThan(left._b, right._b)).AsInt64(), Vector512<long>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref DoubleLanes512 addend, DoubleLanes512 left, DoubleLanes512 right)
    {
        addend._a = Vector512.FusedMultiplyAdd(left._a, right._a, addend._a);
        addend._b = Vector512.FusedMultiplyAdd(left._b, right._b, addend._b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFolded(DoubleLanes512 value, ref double destination)
    {
        (value._a + value._b).StoreUnsafe(ref destination);
    }

    // n + 1.5·2⁵² holds n in its last bits; with the bias of exponents added they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> PowerOfTwo(Vector512<double> n) =>
        ((n + Vector512.Create(IntegerShift + 1023)).AsInt64() << 52).AsDouble();

    // Counted from the bits of √½, a number's bits begin with n; an integer below 2⁵¹ becomes a double as the last bits of 1.5·2⁵².
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Split(Vector512<double> value, out Vector512<double> n)
    {
        Vector512<long> exponent = (value.AsInt64() - Vector512.Create(RootHalfBits)) >> 52;
        n = (exponent + Vector512.Create(IntegerShift).AsInt64()).AsDouble() - Vector512.Create(IntegerShift);
        return (value.AsInt64() - (exponent << 52)).AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Within(Vector512<double> value, double low, double high)
    {
        Vector512<double> magnitude = Vector512.Abs(value);
        return Vector512.Equals(value, Vector512<double>.Zero)
            | (Vector512.GreaterThan(magnitude, Vector512.Create(low)) & Vector512.LessThan(magnitude, Vector512.Create(high)));
    }
}
