using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Up to eight rows of a backward pass: their statistics, the sums over them, and the factors of dx that follow, eight rows at a time.</summary>
/// <remarks>
/// What comes back through mean and variance is a line in x: dx = g·scale − (x − pivot)·slope − shift, with scale = rstd as a float. Slope and
/// shift are made in double, and for the rounded scale, so that all three terms are off by the same factor.
/// </remarks>
/// <param name="doubles">Overwritten, <see cref="Doubles"/>.</param>
/// <param name="floats">Overwritten, <see cref="Floats"/>.</param>
internal readonly ref struct LayerNormRows(Span<double> doubles, Span<float> floats)
{
    /// <summary>As many as the lanes of <see cref="IDoubleLanes{TDouble}"/>.</summary>
    public const int Most = 8;

    public const int Doubles = 5 * Most;
    public const int Floats = 4 * Most;

    private const int MeanAt = 0;
    private const int RstdAt = Most;
    private const int MinusRemainderAt = 2 * Most;
    private const int SumGAt = 3 * Most;
    private const int SumGXHatAt = 4 * Most;
    private const int PivotAt = 0;
    private const int ScaleAt = Most;
    private const int MinusSlopeAt = 2 * Most;
    private const int MinusShiftAt = 3 * Most;

    private readonly ref double _doubles = ref MemoryMarshal.GetReference(doubles);
    private readonly ref float _floats = ref MemoryMarshal.GetReference(floats);

    public double Mean(int k) => Unsafe.Add(ref _doubles, MeanAt + k);

    public double Rstd(int k) => Unsafe.Add(ref _doubles, RstdAt + k);

    /// <summary>Minus what the mean lost when it was rounded to double, in spreads; 0 below 10⁻¹³, which is nothing beside a sum of a million rows.</summary>
    public double MinusRemainder(int k) => Unsafe.Add(ref _doubles, MinusRemainderAt + k);

    /// <summary>Σg.</summary>
    public double SumG(int k) => Unsafe.Add(ref _doubles, SumGAt + k);

    /// <summary>Σg·x̂.</summary>
    public double SumGXHat(int k) => Unsafe.Add(ref _doubles, SumGXHatAt + k);

    public float Pivot(int k) => Unsafe.Add(ref _floats, PivotAt + k);

    public float Scale(int k) => Unsafe.Add(ref _floats, ScaleAt + k);

    public float MinusSlope(int k) => Unsafe.Add(ref _floats, MinusSlopeAt + k);

    public float MinusShift(int k) => Unsafe.Add(ref _floats, MinusShiftAt + k);

    /// <summary>Takes over the statistics of some rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Begin(SetStatistics statistics, int first, int rows)
    {
        for (int k = 0; k < rows; k++)
        {
            double rstd = statistics.Rstd[first + k];
            double remainder = statistics.RemainderOf(first + k) * rstd;
            Unsafe.Add(ref _doubles, MeanAt + k) = statistics.Mean[first + k];
            Unsafe.Add(ref _doubles, RstdAt + k) = rstd;
            Unsafe.Add(ref _doubles, MinusRemainderAt + k) = Math.Abs(remainder) < 1e-13 ? 0 : -remainder;
        }
    }

    /// <summary>Takes over the sums of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetSums(int k, double sumG, double sumGXHat)
    {
        Unsafe.Add(ref _doubles, SumGAt + k) = sumG;
        Unsafe.Add(ref _doubles, SumGXHatAt + k) = sumGXHat;
    }

    /// <summary>Makes the factors of row <paramref name="k"/> and, unless the lanes are single, the seven after it.</summary>
    /// <param name="k">The row.</param>
    /// <param name="features">C.</param>
    /// <returns>Whether floats can carry all of them.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryMakeFactors<D>(int k, int features)
        where D : struct, IDoubleLanes<D>
    {
        D share = D.Create(1.0 / features);
        D mean = D.Load(in _doubles, MeanAt + k);
        D rstd = D.Load(in _doubles, RstdAt + k);
        D.Narrow(mean, ref _floats, PivotAt + k);

        // A row of one element has no gradient: what rounding would leave of it is cut off.
        D.Narrow(rstd * D.Create(features > 1 ? 1 : 0), ref _floats, ScaleAt + k);
        D minusScale = D.Create(-1) * D.Widen(in _floats, ScaleAt + k);
        D meanG = D.Load(in _doubles, SumGAt + k) * share; // [LN-B3]
        D meanGXHat = D.Load(in _doubles, SumGXHatAt + k) * share; // [LN-B4]
        D perX = rstd * meanGXHat;
        D minusSlope = minusScale * perX;
        D minusShift = minusScale * (meanG - (mean - D.Widen(in _floats, PivotAt + k)) * perX);
        D.Narrow(minusSlope, ref _floats, MinusSlopeAt + k);
        D.Narrow(minusShift, ref _floats, MinusShiftAt + k);

        // Means of g that fit say that γ·dy fits too, which is rounded to float by itself.
        return FloatRange.HasTerms(mean) && FloatRange.HasFactors(rstd) && FloatRange.HasFactors(meanG) && FloatRange.HasFactors(meanGXHat)
            && FloatRange.HasFactors(minusSlope);
    }
}
