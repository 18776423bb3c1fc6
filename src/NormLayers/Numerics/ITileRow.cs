namespace NormLayers.Numerics;

/// <summary>One row of a tile: one vector of sixteen columns, or two.</summary>
internal interface ITileRow<V>
    where V : struct, ITileRow<V>
{
    /// <summary>Gets the row's columns.</summary>
    static abstract int Columns { get; }

    /// <summary>Reads the columns from <paramref name="index"/> on.</summary>
    static abstract V Load(ref readonly float source, nint index);

    /// <summary>Overwrites the columns from <paramref name="index"/> on.</summary>
    static abstract void Store(V value, ref float destination, nint index);

    /// <summary>sum += source, with one rounding.</summary>
    static abstract void Add(ref V sum, ref readonly float source, nint index);

    /// <summary>Prefetches as many lines as a row of a panel has.</summary>
    static abstract void Prefetch(ref readonly float line);

    /// <summary>sum += a·b, fused.</summary>
    static abstract void MultiplyAdd(ref V sum, float a, in V b);
}
