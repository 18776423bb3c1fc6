using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Benchmarks.Ladder;

/// <summary>Layer normalization's forward pass as it was at each step on the way to the kernel; the number of columns is a multiple of 64.</summary>
internal static class Rungs
{
    private const double Epsilon = 1e-5;

    /// <summary>The formula as in a textbook: three loops in float.</summary>
    public static void Naive(float[] x, float[] gamma, float[] beta, float[] y)
    {
        int columns = gamma.Length;
        for (int start = 0; start < x.Length; start += columns)
        {
            float mean = 0;
            for (int i = 0; i < columns; i++)
            {
                mean += x[start + i];
            }

            mean /= columns;
            float variance = 0;
            for (int i = 0; i < columns; i++)
            {
                variance += (x[start + i] - mean) * (x[start + i] - mean);
            }

            float rstd = 1 / MathF.Sqrt(variance / columns + (float)Epsilon);
            for (int i = 0; i < columns; i++)
            {
                y[start + i] = gamma[i] * ((x[start + i] - mean) * rstd) + beta[i];
            }
        }
    }

    /// <summary>The same three loops in vectors, with so many accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TwoPasses(float[] x, float[] gamma, float[] beta, float[] y, bool four)
    {
        int columns = gamma.Length;
        for (int start = 0; start < x.Length; start += columns)
        {
            ref float row = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(x), start);
            float mean = (four ? SumFour(ref row, columns, default, squares: false) : Sum(ref row, columns, default, squares: false)) / columns;
            Vector512<float> centre = Vector512.Create(mean);
            float variance = (four ? SumFour(ref row, columns, centre, squares: true) : Sum(ref row, columns, centre, squares: true)) / columns;
            Normalize(ref row, gamma, beta, mean, 1 / MathF.Sqrt(variance + (float)Epsilon), ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(y), start));
        }
    }

    /// <summary>Both sums from one read, around the first element, in float: fast, and short of digits where x̂ is near 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OneReadInFloat(float[] x, float[] gamma, float[] beta, float[] y)
    {
        int columns = gamma.Length;
        for (int start = 0; start < x.Length; start += columns)
        {
            ref float row = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(x), start);
            Vector512<float> pivot = Vector512.Create(row);
            Vector512<float> sums0 = default;
            Vector512<float> sums1 = default;
            Vector512<float> squares0 = default;
            Vector512<float> squares1 = default;
            for (int i = 0; i < columns; i += 32)
            {
                Vector512<float> a = Vector512.LoadUnsafe(ref row, (nuint)i) - pivot;
                Vector512<float> b = Vector512.LoadUnsafe(ref row, (nuint)i + 16) - pivot;
                sums0 += a;
                sums1 += b;
                squares0 = Vector512.FusedMultiplyAdd(a, a, squares0);
                squares1 = Vector512.FusedMultiplyAdd(b, b, squares1);
            }

            Finish(ref row, Vector512.Sum(sums0 + sums1), Vector512.Sum(squares0 + squares1), gamma, beta, ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(y), start));
        }
    }

    /// <summary>Both sums from one read, in double; products fused with their additions or not, the next row prefetched or not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OneReadInDouble(float[] x, float[] gamma, float[] beta, float[] y, bool fused, bool prefetch)
    {
        int columns = gamma.Length;
        for (int start = 0; start < x.Length; start += columns)
        {
            ref float row = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(x), start);
            Vector512<double> pivot = Vector512.Create((double)row);
            Vector512<double> sums0 = default;
            Vector512<double> sums1 = default;
            Vector512<double> squares0 = default;
            Vector512<double> squares1 = default;
            for (int i = 0; i < columns; i += 16)
            {
                if (prefetch)
                {
                    Prefetch(ref row, i + columns);
                }

                Vector512<double> a = Avx512F.ConvertToVector512Double(Vector256.LoadUnsafe(ref row, (nuint)i)) - pivot;
                Vector512<double> b = Avx512F.ConvertToVector512Double(Vector256.LoadUnsafe(ref row, (nuint)i + 8)) - pivot;
                sums0 += a;
                sums1 += b;
                squares0 = fused ? Vector512.FusedMultiplyAdd(a, a, squares0) : squares0 + a * a;
                squares1 = fused ? Vector512.FusedMultiplyAdd(b, b, squares1) : squares1 + b * b;
            }

            Finish(ref row, Vector512.Sum(sums0 + sums1), Vector512.Sum(squares0 + squares1), gamma, beta, ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(y), start));
        }
    }

    private static unsafe void Prefetch(ref float row, int index) => Sse.Prefetch0((float*)Unsafe.AsPointer(ref row) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(ref float row, int columns, Vector512<float> centre, bool squares)
    {
        Vector512<float> sum = default;
        for (int i = 0; i < columns; i += 16)
        {
            Vector512<float> c = Vector512.LoadUnsafe(ref row, (nuint)i) - centre;
            sum += squares ? c * c : c;
        }

        return Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumFour(ref float row, int columns, Vector512<float> centre, bool squares)
    {
        (Vector512<float> s0, Vector512<float> s1) = (default, default);
        (Vector512<float> s2, Vector512<float> s3) = (default, default);
        for (int i = 0; i < columns; i += 64)
        {
            Vector512<float> a = Vector512.LoadUnsafe(ref row, (nuint)i) - centre;
            Vector512<float> b = Vector512.LoadUnsafe(ref row, (nuint)i + 16) - centre;
            Vector512<float> c = Vector512.LoadUnsafe(ref row, (nuint)i + 32) - centre;
            Vector512<float> d = Vector512.LoadUnsafe(ref row, (nuint)i + 48) - centre;
            s0 += squares ? a * a : a;
            s1 += squares ? b * b : b;
            s2 += squares ? c * c : c;
            s3 += squares ? d * d : d;
        }

        return Vector512.Sum(s0 + s1 + (s2 + s3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(ref float row, double sum, double squares, float[] gamma, float[] beta, ref float y)
    {
        double offset = sum / gamma.Length;
        double variance = squares / gamma.Length - offset * offset;
        Normalize(ref row, gamma, beta, (float)(row + offset), (float)(1 / Math.Sqrt(variance + Epsilon)), ref y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Normalize(ref float row, float[] gamma, float[] beta, float mean, float rstd, ref float y)
    {
        ref float g = ref MemoryMarshal.GetArrayDataReference(gamma);
        ref float b = ref MemoryMarshal.GetArrayDataReference(beta);
        Vector512<float> m = Vector512.Create(mean);
        Vector512<float> r = Vector512.Create(rstd);
        for (int i = 0; i < gamma.Length; i += 16)
        {
            Vector512<float> xHat = (Vector512.LoadUnsafe(ref row, (nuint)i) - m) * r;
            (xHat * Vector512.LoadUnsafe(ref g, (nuint)i) + Vector512.LoadUnsafe(ref b, (nuint)i)).StoreUnsafe(ref y, (nuint)i);
        }
    }
}
