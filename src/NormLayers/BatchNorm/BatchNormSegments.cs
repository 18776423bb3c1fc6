using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of batch normalization over (N, C, L): lanes are the L contiguous elements of one sample's channel.</summary>
internal static class BatchNormSegments
{
    /// <summary>Overwrites <paramref name="sums"/> with Σ(x − p) and <paramref name="squares"/> with Σ(x − p)² of each channel.</summary>
    public static void CenteredSums(
        ReadOnlySpan<float> x, int length, ReadOnlySpan<float> pivot, Span<double> sums, Span<double> squares)
    {
        sums.Clear();
        squares.Clear();
        switch (VectorWidth.Bits)
        {
            case 512: CenteredSums<Lanes512, DoubleLanes512>(x, length, pivot, sums, squares); break;
            case 256: CenteredSums<Lanes256, DoubleLanes256>(x, length, pivot, sums, squares); break;
            case 128: CenteredSums<Lanes128, DoubleLanes128>(x, length, pivot, sums, squares); break;
            default: CenteredSums<LanesScalar, DoubleLanesScalar>(x, length, pivot, sums, squares); break;
        }
    }

    /// <summary>y = (x − pivot)·scale + shift: overwrites <paramref name="y"/>, which may be x.</summary>
    public static void ScaleAndShift(
        ReadOnlySpan<float> x,
        int length,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        Span<float> y)
    {
        switch (VectorWidth.Bits)
        {
            case 512: ScaleAndShift<Lanes512>(x, length, pivot, scale, shift, y); break;
            case 256: ScaleAndShift<Lanes256>(x, length, pivot, scale, shift, y); break;
            case 128: ScaleAndShift<Lanes128>(x, length, pivot, scale, shift, y); break;
            default: ScaleAndShift<LanesScalar>(x, length, pivot, scale, shift, y); break;
        }
    }

    /// <summary>Overwrites <paramref name="sumDy"/> with Σdy and <paramref name="sumDyX"/> with Σdy·(x − mean) of each channel.</summary>
    public static void BackwardSums(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        ReadOnlySpan<double> mean,
        Span<double> sumDy,
        Span<double> sumDyX)
    {
        sumDy.Clear();
        sumDyX.Clear();
        switch (VectorWidth.Bits)
        {
            case 512: BackwardSums<Lanes512, DoubleLanes512>(x, dy, length, mean, sumDy, sumDyX); break;
            case 256: BackwardSums<Lanes256, DoubleLanes256>(x, dy, length, mean, sumDy, sumDyX); break;
            case 128: BackwardSums<Lanes128, DoubleLanes128>(x, dy, length, mean, sumDy, sumDyX); break;
            default: BackwardSums<LanesScalar, DoubleLanesScalar>(x, dy, length, mean, sumDy, sumDyX); break;
        }
    }

    /// <summary>dx = (dy − shift − (x − pivot)·slope)·scale: overwrites <paramref name="dx"/>, which may be dy.</summary>
    public static void InputGradient(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> slope,
        ReadOnlySpan<float> shift,
        Span<float> dx)
    {
        switch (VectorWidth.Bits)
        {
            case 512: InputGradient<Lanes512>(x, dy, length, pivot, scale, slope, shift, dx); break;
            case 256: InputGradient<Lanes256>(x, dy, length, pivot, scale, slope, shift, dx); break;
            case 128: InputGradient<Lanes128>(x, dy, length, pivot, scale, slope, shift, dx); break;
            default: InputGradient<LanesScalar>(x, dy, length, pivot, scale, slope, shift, dx); break;
        }
    }

    private static void CenteredSums<L, D>(
        ReadOnlySpan<float> x, int length, ReadOnlySpan<float> pivot, Span<double> sums, Span<double> squares)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        for (int segment = 0; segment < x.Length / length; segment++)
        {
            int c = segment % pivot.Length;
            RowMoments.CenteredSums<L, D>(x.Slice(segment * length, length), pivot[c], out double sum, out double square);
            sums[c] += sum;
            squares[c] += square;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaleAndShift<L>(
        ReadOnlySpan<float> x,
        int length,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        Span<float> y)
        where L : struct, ILanes<L>
    {
        int whole = length & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref float y0 = ref MemoryMarshal.GetReference(y);
        for (int segment = 0; segment < x.Length / length; segment++)
        {
            int start = segment * length;
            int c = segment % pivot.Length;
            L p = L.Create(pivot[c]);
            L s = L.Create(scale[c]);
            L t = L.Create(shift[c]);
            for (int i = start; i < start + whole; i += 16)
            {
                L.Store((L.Load(in x0, i) - p) * s + t, ref y0, i);
            }

            for (int i = start + whole; i < start + length; i++)
            {
                y[i] = (x[i] - pivot[c]) * scale[c] + shift[c];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardSums<L, D>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        ReadOnlySpan<double> mean,
        Span<double> sumDy,
        Span<double> sumDyX)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        int whole = length & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref readonly float d0 = ref MemoryMarshal.GetReference(dy);
        for (int segment = 0; segment < x.Length / length; segment++)
        {
            int start = segment * length;
            int c = segment % mean.Length;
            D m = D.Create(mean[c]);
            D sum = D.Create(0);
            D sumX = D.Create(0);
            for (int i = start; i < start + whole; i += 16)
            {
                D upstream = D.Widen(L.Load(in d0, i));
                sum += upstream;
                sumX += upstream * (D.Widen(L.Load(in x0, i)) - m);
            }

            double segmentDy = D.Sum(sum);
            double segmentDyX = D.Sum(sumX);
            for (int i = start + whole; i < start + length; i++)
            {
                segmentDy += dy[i];
                segmentDyX += dy[i] * (x[i] - mean[c]);
            }

            sumDy[c] += segmentDy;
            sumDyX[c] += segmentDyX;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputGradient<L>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        int length,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> slope,
        ReadOnlySpan<float> shift,
        Span<float> dx)
        where L : struct, ILanes<L>
    {
        int whole = length & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref readonly float d0 = ref MemoryMarshal.GetReference(dy);
        ref float dx0 = ref MemoryMarshal.GetReference(dx);
        for (int segment = 0; segment < x.Length / length; segment++)
        {
            int start = segment * length;
            int c = segment % pivot.Length;
            L p = L.Create(pivot[c]);
            L s = L.Create(scale[c]);
            L k = L.Create(slope[c]);
            L t = L.Create(shift[c]);
            for (int i = start; i < start + whole; i += 16)
            {
                L.Store((L.Load(in d0, i) - t - (L.Load(in x0, i) - p) * k) * s, ref dx0, i);
            }

            for (int i = start + whole; i < start + length; i++)
            {
                dx[i] = (dy[i] - shift[c] - (x[i] - pivot[c]) * slope[c]) * scale[c];
            }
        }
    }
}
