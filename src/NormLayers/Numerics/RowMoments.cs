using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Mean and biased variance of a row of floats, in double, from one read.</summary>
/// <remarks>
/// <para>With a pivot p near the mean: s₁ = Σ(x − p), s₂ = Σ(x − p)², mean = p + s₁/n, variance = s₂/n − (s₁/n)². That is the
/// centred sum of squares, not E[x²] − E[x]²: with the first element as p, (s₁/n)² is seldom more than a few variances, and
/// of the 53 bits of a double as few are lost. Where twenty are, because the first element lies a thousand standard
/// deviations off, the row is read again with the mean as pivot.</para>
/// <para>Order: element i goes to lane i mod 16, lanes are added by the tree of <see cref="IDoubleLanes{TDouble, TFloat}.Sum"/>,
/// and the elements after the last whole sixteen follow one by one.</para>
/// </remarks>
internal static class RowMoments
{
    /// <summary>The moments of a row.</summary>
    /// <param name="row">Its elements, at least one.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="variance">The biased variance, ≥ 0 or NaN.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute<L, D>(ReadOnlySpan<float> row, out double mean, out double variance)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        CenteredSums<L, D>(row, row[0], out double sum, out double squares);
        if (FromSums(row[0], sum, squares, row.Length, out mean, out variance))
        {
            return;
        }

        float pivot = (float)mean;
        CenteredSums<L, D>(row, pivot, out sum, out squares);
        _ = FromSums(pivot, sum, squares, row.Length, out mean, out variance);
    }

    /// <summary>Mean and variance from the sums around a pivot.</summary>
    /// <param name="pivot">p.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    /// <param name="count">The number of elements.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="variance">The biased variance, ≥ 0 or NaN.</param>
    /// <returns>Whether the pivot was near enough to trust the variance.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FromSums(float pivot, double sum, double squares, double count, out double mean, out double variance)
    {
        double offset = sum / count;
        double meanSquare = squares / count;
        mean = pivot + offset;
        variance = Math.Max(0, meanSquare - offset * offset);
        return !(variance < 1e-6 * meanSquare);
    }

    /// <summary>Σ(x − p) and Σ(x − p)² of a row, in the order described above.</summary>
    /// <param name="values">The row.</param>
    /// <param name="pivot">p.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CenteredSums<L, D>(ReadOnlySpan<float> values, float pivot, out double sum, out double squares)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        int length = values.Length;
        ref readonly float row = ref MemoryMarshal.GetReference(values);
        D p = D.Create(pivot);
        D sums = D.Create(0);
        D sumsOfSquares = D.Create(0);
        int whole = length & ~15;
        for (int i = 0; i < whole; i += 16)
        {
            // sum += x[i] - p; squares += (x[i] - p) * (x[i] - p)
            D centred = D.Widen(L.Load(in row, i)) - p;
            sums += centred;
            sumsOfSquares += centred * centred;
        }

        sum = D.Sum(sums);
        squares = D.Sum(sumsOfSquares);
        for (int i = whole; i < length; i++)
        {
            double centred = (double)values[i] - pivot;
            sum += centred;
            squares += centred * centred;
        }
    }
}
