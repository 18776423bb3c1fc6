using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Mean and biased variance of a row of floats, in double, from one read.</summary>
/// <remarks>
/// <para>With a pivot p near the mean: s₁ = Σ(x − p), s₂ = Σ(x − p)², mean = p + s₁/n, variance = s₂/n − (s₁/n)². That is the
/// centred sum of squares, not E[x²] − E[x]²: with the first element as p, (s₁/n)² is seldom more than a few variances, and
/// of the 53 bits of a double as few are lost. Where twenty are, because the first element lies a thousand standard
/// deviations off, the row is read again with the mean as pivot.</para>
/// <para>The mean is a sum of two doubles: rounded to one, a mean of 10⁷ standard deviations would be off by 10⁻⁹ of them, which is many
/// ulp of an element near it, and more of a sum of a million products. The remainder is exact where p is larger than s₁/n, and elsewhere
/// the mean is of no such size.</para>
/// <para>Order: element i goes to lane i mod 16, lanes are added by <see cref="LaneTree"/>, and the elements after the last whole
/// sixteen follow one by one. Squares are added with one rounding.</para>
/// </remarks>
internal static class RowMoments
{
    /// <summary>How many doubles <see cref="LaneSums"/> overwrites.</summary>
    public const int Lanes = 2 * LaneTree.Folded;

    /// <summary>The sums over the whole sixteens of a row, as lanes that <see cref="Finish"/> adds up.</summary>
    /// <param name="row">The first element.</param>
    /// <param name="length">The number of elements.</param>
    /// <param name="pivot">p.</param>
    /// <param name="lanes">Overwritten, <see cref="Lanes"/> doubles.</param>
    /// <param name="ahead">How many elements further the memory is asked for; 0 if it is not.</param>
    /// <param name="output">Where as much is written next, which is asked for too; a null reference if it is not.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LaneSums<D>(ref readonly float row, int length, float pivot, ref double lanes, int ahead, ref readonly float output)
        where D : struct, IDoubleLanes<D>
    {
        SumLanes(in row, length, pivot, ahead, in output, out D sums, out D squares);
        D.Store(sums, ref lanes, 0);
        D.Store(squares, ref lanes, LaneTree.Folded);
    }

    /// <summary>Σ(x − p) and Σ(x − p)² of a row by itself.</summary>
    /// <param name="row">The first element.</param>
    /// <param name="length">The number of elements.</param>
    /// <param name="pivot">p.</param>
    /// <param name="room">Overwritten, <see cref="LaneTree.Folded"/> doubles.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums<D>(ref readonly float row, int length, float pivot, ref double room, out double sum, out double squares)
        where D : struct, IDoubleLanes<D>
    {
        SumLanes(in row, length, pivot, ahead: 0, in Unsafe.NullRef<float>(), out D laneSums, out D laneSquares);
        sum = D.Sum(laneSums, ref room);
        squares = D.Sum(laneSquares, ref room);
        AddTail(in row, length, pivot, ref sum, ref squares);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumLanes<D>(ref readonly float row, int length, float pivot, int ahead, ref readonly float output, out D sums, out D squares)
        where D : struct, IDoubleLanes<D>
    {
        D p = D.Create(pivot);
        D sumsLow = D.Create(0);
        D sumsHigh = D.Create(0);
        D squaresLow = D.Create(0);
        D squaresHigh = D.Create(0);
        bool outputToo = !Unsafe.IsNullRef(in output);
        nint whole = length & ~15;
        for (nint i = 0; i < whole; i += 16)
        {
            if (ahead > 0)
            {
                Cache.Prefetch(in row, i + ahead);
            }

            if (outputToo)
            {
                Cache.Prefetch(in output, i);
            }

            // sum += x[i] - p; squares += (x[i] - p) * (x[i] - p)
            Add(D.Widen(in row, i) - p, ref sumsLow, ref squaresLow);
            Add(D.Widen(in row, i + 8) - p, ref sumsHigh, ref squaresHigh);
        }

        sums = sumsLow + sumsHigh;
        squares = squaresLow + squaresHigh;
    }

    /// <summary>One more term in each lane: sum += x − p; squares += (x − p)².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<D>(D centred, ref D sum, ref D squares)
        where D : struct, IDoubleLanes<D>
    {
        sum += centred;
        D.FusedMultiplyAdd(ref squares, centred, centred);
    }

    /// <summary>Σ(x − p) and Σ(x − p)² of a row, from its lanes and the elements after the last whole sixteen.</summary>
    /// <param name="row">The first element.</param>
    /// <param name="length">The number of elements.</param>
    /// <param name="pivot">p.</param>
    /// <param name="lanes">What <see cref="LaneSums"/> wrote.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish(ref readonly float row, int length, float pivot, ref double lanes, out double sum, out double squares)
    {
        sum = LaneTree.Sum(ref lanes);
        squares = LaneTree.Sum(ref Unsafe.Add(ref lanes, LaneTree.Folded));
        AddTail(in row, length, pivot, ref sum, ref squares);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTail(ref readonly float row, int length, float pivot, ref double sum, ref double squares)
    {
        for (int i = length & ~15; i < length; i++)
        {
            double centred = (double)Unsafe.Add(ref Unsafe.AsRef(in row), i) - pivot;
            sum += centred;
            squares = Math.FusedMultiplyAdd(centred, centred, squares);
        }
    }

    /// <summary>Mean and variance from the sums around a pivot.</summary>
    /// <param name="pivot">p.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    /// <param name="reciprocal">1/n: a product takes a third of a division's time, and rounds in the 53rd bit.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="remainder">What the mean lost when it was rounded to double.</param>
    /// <param name="variance">The biased variance, ≥ 0 or NaN.</param>
    /// <returns>Whether the pivot was near enough to trust the variance.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FromSums(float pivot, double sum, double squares, double reciprocal, out double mean, out double remainder, out double variance)
    {
        bool near = FromSums<SingleDouble>(new(pivot), new(sum), new(squares), new(reciprocal), out SingleDouble m, out SingleDouble r, out SingleDouble v);
        mean = m.Value;
        remainder = r.Value;
        variance = v.Value;
        return near;
    }

    /// <summary>The same for eight rows or channels.</summary>
    /// <param name="pivot">p.</param>
    /// <param name="sum">Σ(x − p).</param>
    /// <param name="squares">Σ(x − p)².</param>
    /// <param name="reciprocal">1/n.</param>
    /// <param name="mean">The means.</param>
    /// <param name="remainder">What they lost when they were rounded to double.</param>
    /// <param name="variance">The biased variances.</param>
    /// <returns>Whether all pivots were near enough.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FromSums<D>(D pivot, D sum, D squares, D reciprocal, out D mean, out D remainder, out D variance)
        where D : struct, IDoubleLanes<D>
    {
        D offset = sum * reciprocal;
        D meanSquare = squares * reciprocal;
        mean = pivot + offset;
        remainder = pivot - mean + offset;
        variance = D.Max(meanSquare - offset * offset, D.Create(0));
        return !D.AnyLess(variance, D.Create(1e-6) * meanSquare);
    }
}
