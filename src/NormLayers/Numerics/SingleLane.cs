using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>One lane instead of sixteen: what is left of a row after its last whole vector, by the same operations.</summary>
internal readonly struct SingleLane(float value) : ILanes<SingleLane>
{
    /// <summary>The lane.</summary>
    public float Value { get; } = value;

    public static SingleLane Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane Create(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane Load(ref readonly float source, nint index) => new(Unsafe.Add(ref Unsafe.AsRef(in source), index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SingleLane value, ref float destination, nint index) => Unsafe.Add(ref destination, index) = value.Value;

    public static unsafe void StoreStreaming(SingleLane value, float* destination) => Store(value, ref *destination, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane operator +(SingleLane left, SingleLane right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane operator -(SingleLane left, SingleLane right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane operator *(SingleLane left, SingleLane right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FusedMultiplyAdd(ref SingleLane addend, SingleLane left, SingleLane right) => addend = MultiplyAdd(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane MultiplyAdd(SingleLane left, SingleLane right, SingleLane addend) =>
        new(MathF.FusedMultiplyAdd(left.Value, right.Value, addend.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane Join(int count, SingleLane first, SingleLane others) => count > 0 ? first : others;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SingleLane WherePositive(SingleLane mask, SingleLane value) => mask.Value <= 0 ? default : value;
}
