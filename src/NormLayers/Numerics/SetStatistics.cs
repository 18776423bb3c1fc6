namespace NormLayers.Numerics;

/// <summary>What is known of the index sets that are normalized, rows or channels, once their sums are taken: one number each.</summary>
/// <param name="mean">The mean.</param>
/// <param name="remainder">What the mean lost when it was rounded to double (<see cref="RowMoments"/>); empty means zeros.</param>
/// <param name="rstd">1/√(variance + ε).</param>
internal readonly ref struct SetStatistics(ReadOnlySpan<double> mean, ReadOnlySpan<double> remainder, ReadOnlySpan<double> rstd)
{
    public ReadOnlySpan<double> Mean { get; } = mean;

    public ReadOnlySpan<double> Remainder { get; } = remainder;

    public ReadOnlySpan<double> Rstd { get; } = rstd;

    /// <summary>How many sets there are.</summary>
    public int Count => Mean.Length;

    /// <summary>What the mean of a set lost.</summary>
    public double RemainderOf(int s) => Remainder.IsEmpty ? 0 : Remainder[s];

    /// <summary>Splits the mean of a set for float arithmetic.</summary>
    /// <returns>Whether floats can do it.</returns>
    public bool TryCentre(int s, out Centering centering) => Centering.TryCreate(Mean[s], RemainderOf(s), Rstd[s], out centering);

    /// <summary>x̂ of one element of a set, in double.</summary>
    public double XHat(int s, float x) => (x - Mean[s]) * Rstd[s];
}
