using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>Sixteen lanes in four 128-bit vectors.</summary>
internal struct Lanes128(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) : ILanes<Lanes128>
{
    private Vector128<float> _a = a;
    private Vector128<float> _b = b;
    private Vector128<float> _c = c;
    private Vector128<float> _d = d;

    public static Lanes128 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Create(float value)
    {
        Vector128<float> v = Vector128.Create(value);
        return new(v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Load(ref readonly float source, nint index) => new(
        Vector128.LoadUnsafe(in source, (nuint)index),
        Vector128.LoadUnsafe(in source, (nuint)index + 4),
        Vector128.LoadUnsafe(in source, (nuint)index + 8),
        Vector128.LoadUnsafe(in source, (nuint)index + 12));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes128 value, ref float destination, nint index)
    {
        value._a.StoreUnsafe(ref destination, (nuint)index);
        value._b.StoreUnsafe(ref destination, (nuint)index + 4);
        value._c.StoreUnsafe(ref destination, (nuint)index + 8);
        value._d.StoreUnsafe(ref destination, (nuint)index + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreStreaming(Lanes128 value, float* destination)
    {
        value._a.StoreAlignedNonTemporal(destination);
        value._b.StoreAlignedNonTemporal(destination + 4);
        value._c.StoreAlignedNonTemporal(destination + 8);
        value._d.StoreAlignedNonTemporal(destination + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator +(Lanes128 left, Lanes128 right) =>
        new(left._a + right._a, left._b + right._b, left._c + right._c, left._d + right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator -(Lanes128 left, Lanes128 right) =>
        new(left._a - right._a, left._b - right._b, left._c - right._c, left._d - right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator *(Lanes128 left, Lanes128 right) =>
        new(left._a * right._a, left._b * right._b, left._c * right._c, left._d * right._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref Lanes128 addend, Lanes128 left, Lanes128 right)
    {
        addend._a = Quarter(left._a, right._a, addend._a);
        addend._b = Quarter(left._b, right._b, addend._b);
        addend._c = Quarter(left._c, right._c, addend._c);
        addend._d = Quarter(left._d, right._d, addend._d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 MultiplyAdd(Lanes128 left, Lanes128 right, Lanes128 addend)
    {
        FusedMultiplyAdd(ref addend, left, right);
        return addend;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Join(int count, Lanes128 first, Lanes128 others) => new(
        Join(count, first._a, others._a),
        Join(count - 4, first._b, others._b),
        Join(count - 8, first._c, others._c),
        Join(count - 12, first._d, others._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Join(int count, Vector128<float> first, Vector128<float> others) =>
        Vector128.ConditionalSelect(Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle(), first, others);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 WherePositive(Lanes128 mask, Lanes128 value) => new(
        Quarter(mask._a, value._a), Quarter(mask._b, value._b), Quarter(mask._c, value._c), Quarter(mask._d, value._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Quarter(Vector128<float> left, Vector128<float> right, Vector128<float> addend) =>
        SoftwareMultiplyAdd.IsNeeded ? SoftwareMultiplyAdd.Compute(left, right, addend) : Vector128.FusedMultiplyAdd(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Quarter(Vector128<float> mask, Vector128<float> value) =>
        Vector128.AndNot(value, Vector128.LessThanOrEqual(mask, Vector128<float>.Zero));
}
