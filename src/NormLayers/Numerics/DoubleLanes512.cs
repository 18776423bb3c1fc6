using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>Eight double lanes in one 512-bit vector, or where the processor has none, in the two 256-bit ones that .NET makes of it.</summary>
internal struct DoubleLanes512(Vector512<double> a) : IDoubleLanes<DoubleLanes512>
{
    private Vector512<double> _a = a;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Create(double value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Uniform(DoubleLanes512 value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Widen(ref readonly float source, nint index) =>
        new(Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Double(Vector256.LoadUnsafe(in source, (nuint)index))
            : Vector512.Create(
                Avx.ConvertToVector256Double(Vector128.LoadUnsafe(in source, (nuint)index)),
                Avx.ConvertToVector256Double(Vector128.LoadUnsafe(in source, (nuint)index + 4))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(DoubleLanes512 value, ref float destination, nint index)
    {
        Vector256<float> rounded = Avx512F.IsSupported
            ? Avx512F.ConvertToVector256Single(value._a)
            : Vector256.Create(Avx.ConvertToVector128Single(value._a.GetLower()), Avx.ConvertToVector128Single(value._a.GetUpper()));
        rounded.StoreUnsafe(ref destination, (nuint)index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Load(ref readonly double source, nint index) => new(Vector512.LoadUnsafe(in source, (nuint)index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(DoubleLanes512 value, ref double destination, nint index) => value._a.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator +(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a + right._a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator -(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a - right._a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator *(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a * right._a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator /(DoubleLanes512 left, DoubleLanes512 right) =>
        new(left._a / right._a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Sqrt(DoubleLanes512 value) =>
        new(Vector512.Sqrt(value._a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Max(DoubleLanes512 left, DoubleLanes512 right) =>
        new(Larger(left._a, right._a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Min(DoubleLanes512 left, DoubleLanes512 right) =>
        new(Smaller(left._a, right._a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Round(DoubleLanes512 value) =>
        new(Vector512.Round(value._a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 PowerOfTwo(DoubleLanes512 n) =>
        new(PowerOfTwo(n._a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Split(DoubleLanes512 value, out DoubleLanes512 n)
    {
        Vector512<double> a = Split(value._a, out Vector512<double> nA);
        n = new(nA);
        return new(a);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(DoubleLanes512 value)
    {
        Vector256<double> four = value._a.GetLower() + value._a.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two.ToScalar() + two.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllBelow(DoubleLanes512 value, double bound) =>
        Vector512.EqualsAll(Below(value._a, bound).AsInt64(), Vector512<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllWithin(DoubleLanes512 value, double low, double high) =>
        Vector512.EqualsAll(Within(value._a, low, high).AsInt64(), Vector512<long>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLess(DoubleLanes512 left, DoubleLanes512 right) =>
        !Vector512.EqualsAll(Vector512.LessThan(left._a, right._a).AsInt64(), Vector512<long>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref DoubleLanes512 addend, DoubleLanes512 left, DoubleLanes512 right)
    {
        addend._a = Vector512.FusedMultiplyAdd(left._a, right._a, addend._a);
    }

    // n + 1.5·2⁵² holds n in its last bits; with the bias of exponents added they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> PowerOfTwo(Vector512<double> n) =>
        ((n + Vector512.Create(Elementary.IntegerShift + 1023)).AsInt64() << 52).AsDouble();

    // Counted from the bits of √½, a number's bits begin with n; an integer below 2⁵¹ becomes a double as the last bits of 1.5·2⁵².
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Split(Vector512<double> value, out Vector512<double> n)
    {
        Vector512<long> exponent = (value.AsInt64() - Vector512.Create(Elementary.RootHalfBits)) >> 52;
        n = (exponent + Vector512.Create(Elementary.IntegerShift).AsInt64()).AsDouble() - Vector512.Create(Elementary.IntegerShift);
        return (value.AsInt64() - (exponent << 52)).AsDouble();
    }

    // The instruction gives its second operand where one is NaN, or both are zeros, as the comparison does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Larger(Vector512<double> left, Vector512<double> right) =>
        Avx512F.IsSupported ? Avx512F.Max(right, left) : Vector512.ConditionalSelect(Vector512.LessThan(left, right), right, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Smaller(Vector512<double> left, Vector512<double> right) =>
        Avx512F.IsSupported ? Avx512F.Min(right, left) : Vector512.ConditionalSelect(Vector512.GreaterThan(left, right), right, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Below(Vector512<double> value, double bound) =>
        Vector512.LessThan(Vector512.Abs(value), Vector512.Create(bound));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Within(Vector512<double> value, double low, double high)
    {
        Vector512<double> magnitude = Vector512.Abs(value);
        return Vector512.Equals(value, Vector512<double>.Zero)
            | (Vector512.GreaterThan(magnitude, Vector512.Create(low)) & Vector512.LessThan(magnitude, Vector512.Create(high)));
    }
}
