using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes in two 512-bit vectors.</summary>
internal readonly struct DoubleLanes512(Vector512<double> a, Vector512<double> b) : IDoubleLanes<DoubleLanes512, Lanes512>
{
    private readonly Vector512<double> _a = a;
    private readonly Vector512<double> _b = b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Create(double value)
    {
        Vector512<double> v = Vector512.Create(value);
        return new(v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Widen(Lanes512 value)
    {
        (Vector512<double> a, Vector512<double> b) = Vector512.Widen(value.V);
        return new(a, b);
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
    public static double Sum(DoubleLanes512 value)
    {
        Vector512<double> eight = value._a + value._b;
        Vector256<double> four = eight.GetLower() + eight.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
