namespace NormLayers.Normalization;

/// <summary>R and D of each channel, from x̂ = R·z + D; both empty where x̂ = z, and D empty for zeros.</summary>
/// <param name="r">R, (C).</param>
/// <param name="d">D, (C), or empty.</param>
internal readonly ref struct Corrections(Span<double> r, Span<double> d)
{
    public bool IsEmpty => R.IsEmpty;

    public readonly Span<double> R = r;

    public readonly Span<double> D = d;

    /// <summary>The part for some channels.</summary>
    public Corrections Slice(int first, int count) => IsEmpty ? default : new(R.Slice(first, count), D.IsEmpty ? D : D.Slice(first, count));
}
