namespace NormLayers.Numerics;

/// <summary>Eight double lanes, half of the sixteen: where sums are kept that must not lose digits.</summary>
/// <remarks>Loops over sixteen elements have two of them, side by side: as one, their vectors would not fit sixteen registers of 256 bits.</remarks>
/// <typeparam name="TDouble">The double lanes.</typeparam>
internal interface IDoubleLanes<TDouble>
    where TDouble : struct, IDoubleLanes<TDouble>
{
    /// <summary>Eight times one value.</summary>
    static abstract TDouble Create(double value);

    /// <summary>The same value, whose lanes are all equal as after <see cref="Create"/>: of several vectors it keeps one, so that a loop needs one register for it.</summary>
    static abstract TDouble Uniform(TDouble value);

    /// <summary>The floats <paramref name="index"/> to <paramref name="index"/> + 7 as doubles. The caller knows that they exist.</summary>
    static abstract TDouble Widen(ref readonly float source, nint index);

    /// <summary>Overwrites the floats <paramref name="index"/> to <paramref name="index"/> + 7 with the nearest ones. The caller knows that they exist.</summary>
    static abstract void Narrow(TDouble value, ref float destination, nint index);

    /// <summary>Elements <paramref name="index"/> to <paramref name="index"/> + 7, in order. The caller knows that they exist.</summary>
    static abstract TDouble Load(ref readonly double source, nint index);

    /// <summary>Overwrites elements <paramref name="index"/> to <paramref name="index"/> + 7. The caller knows that they exist.</summary>
    static abstract void Store(TDouble value, ref double destination, nint index);

    /// <summary>Sums, lane by lane.</summary>
    static abstract TDouble operator +(TDouble left, TDouble right);

    /// <summary>Differences, lane by lane.</summary>
    static abstract TDouble operator -(TDouble left, TDouble right);

    /// <summary>Products, lane by lane.</summary>
    static abstract TDouble operator *(TDouble left, TDouble right);

    /// <summary>Quotients, lane by lane.</summary>
    static abstract TDouble operator /(TDouble left, TDouble right);

    /// <summary>Square roots, lane by lane.</summary>
    static abstract TDouble Sqrt(TDouble value);

    /// <summary>The larger of each two; <paramref name="left"/> where one is NaN.</summary>
    static abstract TDouble Max(TDouble left, TDouble right);

    /// <summary>The smaller of each two; <paramref name="left"/> where one is NaN.</summary>
    static abstract TDouble Min(TDouble left, TDouble right);

    /// <summary>The nearest integers, halves to even.</summary>
    static abstract TDouble Round(TDouble value);

    /// <summary>2ⁿ for integers from −1022 to 1023; anything for other numbers.</summary>
    static abstract TDouble PowerOfTwo(TDouble n);

    /// <summary>m with √½ ≤ m &lt; √2 and value = m·2ⁿ, for positive normal numbers; anything for others.</summary>
    static abstract TDouble Split(TDouble value, out TDouble n);

    /// <summary>The sum of the lanes, in one order at every width: i + (i + 4), i + (i + 2), last pair; in registers, since a sum from memory waits for its own store.</summary>
    static abstract double Sum(TDouble value);

    /// <summary>Whether each is below <paramref name="bound"/> in magnitude; none of them NaN.</summary>
    static abstract bool AllBelow(TDouble value, double bound);

    /// <summary>Whether each is 0, or above <paramref name="low"/> and below <paramref name="high"/> in magnitude; none of them NaN.</summary>
    static abstract bool AllWithin(TDouble value, double low, double high);

    /// <summary>Whether one of <paramref name="left"/> is less than its neighbour in <paramref name="right"/>.</summary>
    static abstract bool AnyLess(TDouble left, TDouble right);

    /// <summary>left·right + addend with one rounding, in place.</summary>
    static abstract void FusedMultiplyAdd(ref TDouble addend, TDouble left, TDouble right);
}
