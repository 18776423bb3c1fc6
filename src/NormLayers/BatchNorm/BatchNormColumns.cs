using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>The loops of batch normalization over (N, C): lanes are channels, rows are read in memory order, eight at a time.</summary>
/// <remarks>The last C mod 16 channels go one at a time, by the same operations in the same order.</remarks>
internal static class BatchNormColumns
{
    private const int RowBlock = 8;

    /// <summary>Overwrites <paramref name="sums"/> with Σ(x − p) and <paramref name="squares"/> with Σ(x − p)² of each channel.</summary>
    public static void CenteredSums(ReadOnlySpan<float> x, ReadOnlySpan<float> pivot, Span<double> sums, Span<double> squares)
    {
        sums.Clear();
        squares.Clear();
        switch (VectorWidth.Bits)
        {
            case 512: CenteredSums<Lanes512, DoubleLanes512>(x, pivot, sums, squares); break;
            case 256: CenteredSums<Lanes256, DoubleLanes256>(x, pivot, sums, squares); break;
            case 128: CenteredSums<Lanes128, DoubleLanes128>(x, pivot, sums, squares); break;
            default: CenteredSums<LanesScalar, DoubleLanesScalar>(x, pivot, sums, squares); break;
        }
    }

    /// <summary>y = (x − pivot)·scale + shift: overwrites <paramref name="y"/>, which may be x.</summary>
    public static void ScaleAndShift(
        ReadOnlySpan<float> x, ReadOnlySpan<float> pivot, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift, Span<float> y)
    {
        switch (VectorWidth.Bits)
        {
            case 512: ScaleAndShift<Lanes512>(x, pivot, scale, shift, y); break;
            case 256: ScaleAndShift<Lanes256>(x, pivot, scale, shift, y); break;
            case 128: ScaleAndShift<Lanes128>(x, pivot, scale, shift, y); break;
            default: ScaleAndShift<LanesScalar>(x, pivot, scale, shift, y); break;
        }
    }

    /// <summary>Overwrites <paramref name="sumDy"/> with Σdy and <paramref name="sumDyX"/> with Σdy·(x − mean) of each channel.</summary>
    public static void BackwardSums(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, ReadOnlySpan<double> mean, Span<double> sumDy, Span<double> sumDyX)
    {
        sumDy.Clear();
        sumDyX.Clear();
        switch (VectorWidth.Bits)
        {
            case 512: BackwardSums<Lanes512, DoubleLanes512>(x, dy, mean, sumDy, sumDyX); break;
            case 256: BackwardSums<Lanes256, DoubleLanes256>(x, dy, mean, sumDy, sumDyX); break;
            case 128: BackwardSums<Lanes128, DoubleLanes128>(x, dy, mean, sumDy, sumDyX); break;
            default: BackwardSums<LanesScalar, DoubleLanesScalar>(x, dy, mean, sumDy, sumDyX); break;
        }
    }

    /// <summary>dx = (dy − shift − (x − pivot)·slope)·scale: overwrites <paramref name="dx"/>, which may be dy.</summary>
    public static void InputGradient(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> slope,
        ReadOnlySpan<float> shift,
        Span<float> dx)
    {
        switch (VectorWidth.Bits)
        {
            case 512: InputGradient<Lanes512>(x, dy, pivot, scale, slope, shift, dx); break;
            case 256: InputGradient<Lanes256>(x, dy, pivot, scale, slope, shift, dx); break;
            case 128: InputGradient<Lanes128>(x, dy, pivot, scale, slope, shift, dx); break;
            default: InputGradient<LanesScalar>(x, dy, pivot, scale, slope, shift, dx); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CenteredSums<L, D>(ReadOnlySpan<float> x, ReadOnlySpan<float> pivot, Span<double> sums, Span<double> squares)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        int C = pivot.Length;
        int whole = C & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref readonly float p0 = ref MemoryMarshal.GetReference(pivot);
        ref double s0 = ref MemoryMarshal.GetReference(sums);
        ref double q0 = ref MemoryMarshal.GetReference(squares);
        int N = x.Length / C;
        for (int n = 0; n < N; n += RowBlock)
        {
            int start = n * C;
            int rows = Math.Min(RowBlock, N - n);
            for (int c = 0; c < whole; c += 16)
            {
                D p = D.Widen(L.Load(in p0, c));
                D sum = D.Load(in s0, c);
                D square = D.Load(in q0, c);
                for (int k = 0, i = start + c; k < rows; k++, i += C)
                {
                    // sums[c] += x[i] - pivot[c]; squares[c] += (x[i] - pivot[c]) * (x[i] - pivot[c])
                    D centred = D.Widen(L.Load(in x0, i)) - p;
                    sum += centred;
                    square += centred * centred;
                }

                D.Store(sum, ref s0, c);
                D.Store(square, ref q0, c);
            }

            for (int c = whole; c < C; c++)
            {
                for (int k = 0, i = start + c; k < rows; k++, i += C)
                {
                    double centred = (double)x[i] - pivot[c];
                    sums[c] += centred;
                    squares[c] += centred * centred;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaleAndShift<L>(
        ReadOnlySpan<float> x, ReadOnlySpan<float> pivot, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift, Span<float> y)
        where L : struct, ILanes<L>
    {
        int C = pivot.Length;
        int whole = C & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref readonly float p0 = ref MemoryMarshal.GetReference(pivot);
        ref readonly float s0 = ref MemoryMarshal.GetReference(scale);
        ref readonly float t0 = ref MemoryMarshal.GetReference(shift);
        ref float y0 = ref MemoryMarshal.GetReference(y);
        for (int n = 0; n < x.Length / C; n++)
        {
            int row = n * C;
            for (int c = 0; c < whole; c += 16)
            {
                // y[row + c] = (x[row + c] - pivot[c]) * scale[c] + shift[c]
                L.Store((L.Load(in x0, row + c) - L.Load(in p0, c)) * L.Load(in s0, c) + L.Load(in t0, c), ref y0, row + c);
            }

            for (int c = whole; c < C; c++)
            {
                y[row + c] = (x[row + c] - pivot[c]) * scale[c] + shift[c];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardSums<L, D>(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, ReadOnlySpan<double> mean, Span<double> sumDy, Span<double> sumDyX)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        int C = mean.Length;
        int whole = C & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref readonly float d0 = ref MemoryMarshal.GetReference(dy);
        ref readonly double m0 = ref MemoryMarshal.GetReference(mean);
        ref double b1 = ref MemoryMarshal.GetReference(sumDy);
        ref double b2 = ref MemoryMarshal.GetReference(sumDyX);
        int N = x.Length / C;
        for (int n = 0; n < N; n += RowBlock)
        {
            int start = n * C;
            int rows = Math.Min(RowBlock, N - n);
            for (int c = 0; c < whole; c += 16)
            {
                D m = D.Load(in m0, c);
                D sum = D.Load(in b1, c);
                D sumX = D.Load(in b2, c);
                for (int k = 0, i = start + c; k < rows; k++, i += C)
                {
                    // sumDy[c] += dy[i]; sumDyX[c] += dy[i] * (x[i] - mean[c])
                    D upstream = D.Widen(L.Load(in d0, i));
                    sum += upstream;
                    sumX += upstream * (D.Widen(L.Load(in x0, i)) - m);
                }

                D.Store(sum, ref b1, c);
                D.Store(sumX, ref b2, c);
            }

            for (int c = whole; c < C; c++)
            {
                for (int k = 0, i = start + c; k < rows; k++, i += C)
                {
                    sumDy[c] += dy[i];
                    sumDyX[c] += dy[i] * (x[i] - mean[c]);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputGradient<L>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> pivot,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> slope,
        ReadOnlySpan<float> shift,
        Span<float> dx)
        where L : struct, ILanes<L>
    {
        int C = pivot.Length;
        int whole = C & ~15;
        ref readonly float x0 = ref MemoryMarshal.GetReference(x);
        ref readonly float d0 = ref MemoryMarshal.GetReference(dy);
        ref readonly float p0 = ref MemoryMarshal.GetReference(pivot);
        ref readonly float s0 = ref MemoryMarshal.GetReference(scale);
        ref readonly float k0 = ref MemoryMarshal.GetReference(slope);
        ref readonly float t0 = ref MemoryMarshal.GetReference(shift);
        ref float dx0 = ref MemoryMarshal.GetReference(dx);
        for (int n = 0; n < x.Length / C; n++)
        {
            int row = n * C;
            for (int c = 0; c < whole; c += 16)
            {
                // dx[row + c] = (dy[row + c] - shift[c] - (x[row + c] - pivot[c]) * slope[c]) * scale[c]
                L product = (L.Load(in x0, row + c) - L.Load(in p0, c)) * L.Load(in k0, c);
                L.Store((L.Load(in d0, row + c) - L.Load(in t0, c) - product) * L.Load(in s0, c), ref dx0, row + c);
            }

            for (int c = whole; c < C; c++)
            {
                dx[row + c] = (dy[row + c] - shift[c] - (x[row + c] - pivot[c]) * slope[c]) * scale[c];
            }
        }
    }
}
