namespace NormLayers.Numerics;

/// <summary>Sixteen float lanes: the unit in which every kernel is written, once, for every vector width.</summary>
/// <remarks>
/// A kernel is generic over its lanes, so that the compiler makes one body of it for 512-bit vectors, one for pairs of
/// 256-bit ones, one for quadruples of 128-bit ones and one for plain floats. All of them map the same element to the same
/// lane and reduce lanes by the same tree: the bits are the same. Operators round after each operation;
/// <see cref="MultiplyAdd"/> and <see cref="FusedMultiplyAdd"/> round once, on processors without that instruction too (<see cref="SoftwareMultiplyAdd"/>).
/// </remarks>
/// <typeparam name="T">The lanes.</typeparam>
internal interface ILanes<T>
    where T : struct, ILanes<T>
{
    /// <summary>Sixteen zeros.</summary>
    static abstract T Zero { get; }

    /// <summary>Sixteen times one value.</summary>
    static abstract T Create(float value);

    /// <summary>Elements <paramref name="index"/> to <paramref name="index"/> + 15, in order. The caller knows that they exist.</summary>
    static abstract T Load(ref readonly float source, nint index);

    /// <summary>Overwrites elements <paramref name="index"/> to <paramref name="index"/> + 15. The caller knows that they exist.</summary>
    static abstract void Store(T value, ref float destination, nint index);

    /// <summary>As <see cref="Store"/>, non-temporal. <paramref name="destination"/> is 64-byte aligned.</summary>
    static abstract unsafe void StoreStreaming(T value, float* destination);

    /// <summary>Sums, lane by lane.</summary>
    static abstract T operator +(T left, T right);

    /// <summary>Differences, lane by lane.</summary>
    static abstract T operator -(T left, T right);

    /// <summary>Products, lane by lane.</summary>
    static abstract T operator *(T left, T right);

    /// <summary>left·right + addend with one rounding, in place: an accumulator that is returned anew costs a move per step.</summary>
    static abstract void FusedMultiplyAdd(ref T addend, T left, T right);

    /// <summary>left·right + addend with one rounding.</summary>
    static abstract T MultiplyAdd(T left, T right, T addend);

    /// <summary><paramref name="value"/> where <paramref name="mask"/> is not ≤ 0, +0 elsewhere: the rectifier and its gradient.</summary>
    static abstract T WherePositive(T mask, T value);

    /// <summary>The first <paramref name="count"/> lanes of one, the others of the other.</summary>
    static abstract T Join(int count, T first, T others);
}
