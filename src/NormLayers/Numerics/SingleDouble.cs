using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>One double lane instead of eight: the companion of <see cref="SingleLane"/>.</summary>
internal struct SingleDouble(double value) : IDoubleLanes<SingleDouble>
{
    /// <summary>The lane.</summary>
    public double Value { get; private set; } = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Create(double value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Uniform(SingleDouble value) => value;

    // As a vector: the conversion of one float waits for whatever its register held before, such as the last sum of the loop that this is in.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Widen(ref readonly float source, nint index)
    {
        float value = Unsafe.Add(ref Unsafe.AsRef(in source), index);
        return new(Vector128.IsHardwareAccelerated ? Vector128.WidenLower(Vector128.CreateScalarUnsafe(value)).ToScalar() : value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(SingleDouble value, ref float destination, nint index) => Unsafe.Add(ref destination, index) = (float)value.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Load(ref readonly double source, nint index) => new(Unsafe.Add(ref Unsafe.AsRef(in source), index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SingleDouble value, ref double destination, nint index) => Unsafe.Add(ref destination, index) = value.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble operator +(SingleDouble left, SingleDouble right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble operator -(SingleDouble left, SingleDouble right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble operator *(SingleDouble left, SingleDouble right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble operator /(SingleDouble left, SingleDouble right) => new(left.Value / right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Sqrt(SingleDouble value) => new(Math.Sqrt(value.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Max(SingleDouble left, SingleDouble right) => left.Value < right.Value ? right : left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Min(SingleDouble left, SingleDouble right) => left.Value > right.Value ? right : left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Round(SingleDouble value) => new(Math.Round(value.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble PowerOfTwo(SingleDouble n) => new(BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(n.Value + (Elementary.IntegerShift + 1023)) << 52));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleDouble Split(SingleDouble value, out SingleDouble n)
    {
        long bits = BitConverter.DoubleToInt64Bits(value.Value);
        long exponent = (bits - Elementary.RootHalfBits) >> 52;
        n = new(exponent);
        return new(BitConverter.Int64BitsToDouble(bits - (exponent << 52)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(SingleDouble value) => value.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllBelow(SingleDouble value, double bound) => Math.Abs(value.Value) < bound;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllWithin(SingleDouble value, double low, double high) =>
        value.Value == 0 || (Math.Abs(value.Value) > low && Math.Abs(value.Value) < high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLess(SingleDouble left, SingleDouble right) => left.Value < right.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref SingleDouble addend, SingleDouble left, SingleDouble right) => addend = new(Math.FusedMultiplyAdd(left.Value, right.Value, addend.Value));
}
