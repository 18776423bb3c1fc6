using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>Sixteen lanes in two 256-bit vectors.</summary>
internal struct Lanes256(Vector256<float> low, Vector256<float> high) : ILanes<Lanes256>
{
    private Vector256<float> _low = low;
    private Vector256<float> _high = high;

    public static Lanes256 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Create(float value)
    {
        // One use of the value, so that its load becomes part of the instruction.
        Vector256<float> v = Vector256.Create(value);
        return new(v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(ref readonly float source, nint index) =>
        new(Vector256.LoadUnsafe(in source, (nuint)index), Vector256.LoadUnsafe(in source, (nuint)index + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes256 value, ref float destination, nint index)
    {
        value._low.StoreUnsafe(ref destination, (nuint)index);
        value._high.StoreUnsafe(ref destination, (nuint)index + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreStreaming(Lanes256 value, float* destination)
    {
        value._low.StoreAlignedNonTemporal(destination);
        value._high.StoreAlignedNonTemporal(destination + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator +(Lanes256 left, Lanes256 right) => new(left._low + right._low, left._high + right._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator -(Lanes256 left, Lanes256 right) => new(left._low - right._low, left._high - right._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator *(Lanes256 left, Lanes256 right) => new(left._low * right._low, left._high * right._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref Lanes256 addend, Lanes256 left, Lanes256 right)
    {
        addend._low = Vector256.FusedMultiplyAdd(left._low, right._low, addend._low);
        addend._high = Vector256.FusedMultiplyAdd(left._high, right._high, addend._high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAdd(Lanes256 left, Lanes256 right, Lanes256 addend) => new(
        Vector256.FusedMultiplyAdd(left._low, right._low, addend._low),
        Vector256.FusedMultiplyAdd(left._high, right._high, addend._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Join(int count, Lanes256 first, Lanes256 others) => new(
        Vector256.ConditionalSelect(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), first._low, others._low),
        Vector256.ConditionalSelect(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count - 8)).AsSingle(), first._high, others._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 WherePositive(Lanes256 mask, Lanes256 value) => new(
        Vector256.AndNot(value._low, Vector256.LessThanOrEqual(mask._low, Vector256<float>.Zero)),
        Vector256.AndNot(value._high, Vector256.LessThanOrEqual(mask._high, Vector256<float>.Zero)));
}
