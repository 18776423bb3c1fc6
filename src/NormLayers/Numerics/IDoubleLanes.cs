namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes: where sums are kept that must not lose digits.</summary>
/// <typeparam name="TDouble">The double lanes.</typeparam>
/// <typeparam name="TFloat">The float lanes of the same vector width.</typeparam>
internal interface IDoubleLanes<TDouble, TFloat>
    where TDouble : struct, IDoubleLanes<TDouble, TFloat>
    where TFloat : struct, ILanes<TFloat>
{
    /// <summary>Sixteen times one value.</summary>
    static abstract TDouble Create(double value);

    /// <summary>The same sixteen numbers as doubles.</summary>
    static abstract TDouble Widen(TFloat value);

    /// <summary>Elements <paramref name="index"/> to <paramref name="index"/> + 15, in order. The caller knows that they exist.</summary>
    static abstract TDouble Load(ref readonly double source, int index);

    /// <summary>Overwrites elements <paramref name="index"/> to <paramref name="index"/> + 15. The caller knows that they exist.</summary>
    static abstract void Store(TDouble value, ref double destination, int index);

    /// <summary>Sums, lane by lane.</summary>
    static abstract TDouble operator +(TDouble left, TDouble right);

    /// <summary>Differences, lane by lane.</summary>
    static abstract TDouble operator -(TDouble left, TDouble right);

    /// <summary>Products, lane by lane.</summary>
    static abstract TDouble operator *(TDouble left, TDouble right);

    /// <summary>The sum of the lanes by the one tree: i + (i + 8), i + (i + 4), i + (i + 2), last pair.</summary>
    static abstract double Sum(TDouble value);
}
