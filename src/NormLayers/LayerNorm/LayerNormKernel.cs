using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Layer normalization on float rows: stateless, no allocation, no checks beyond debug assertions.</summary>
/// <remarks>
/// <para>Forward: [LN-F1] mean and [LN-F2] variance from one read (<see cref="RowMoments"/>), [LN-F3] rstd in double,
/// [LN-F4] + [LN-F5] fused in one sweep. Reads x twice, the second time from the cache; writes y once; y may be x.</para>
/// <para>Backward: [LN-B3] and [LN-B4] in one sweep with [LN-B1] and [LN-B2], [LN-B5] in a second. Reads x and dy twice, the
/// second time from the cache; writes dx once; dx may be dy.</para>
/// <para>Numerics: the mean is carried as the float nearest to it and the remainder, so x is centred exactly before it is scaled:
/// x̂ = (x − p)·r − d·r (<see cref="Centering"/>). All sums are in double, and so are their terms. A constant row gives exactly beta; rows of one element give dGamma = dx = 0. No fused multiply-add.</para>
/// <para>Every method with a row in its hands is marked for full optimization, the outermost too: left to tiered compilation, the
/// loops ran many times slower.</para>
/// </remarks>
internal static class LayerNormKernel
{
    /// <summary>Overwrites <paramref name="y"/>, and <paramref name="mean"/> and <paramref name="rstd"/> for the backward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="beta">The shift, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="features">C.</param>
    /// <param name="y">The output, (N, C); may be x.</param>
    /// <param name="mean">Each row's mean, (N); empty if not wanted.</param>
    /// <param name="rstd">Each row's 1/√(variance + ε), (N); empty if not wanted.</param>
    public static void Forward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        int features,
        Span<float> y,
        Span<double> mean,
        Span<double> rstd)
    {
        Debug.Assert(x.Length % features == 0 && y.Length == x.Length && rstd.Length == mean.Length, "Lengths differ.");
        switch (VectorWidth.Bits)
        {
            case 512: Forward<Lanes512, DoubleLanes512>(x, gamma, beta, epsilon, features, y, mean, rstd); break;
            case 256: Forward<Lanes256, DoubleLanes256>(x, gamma, beta, epsilon, features, y, mean, rstd); break;
            case 128: Forward<Lanes128, DoubleLanes128>(x, gamma, beta, epsilon, features, y, mean, rstd); break;
            default: Forward<LanesScalar, DoubleLanesScalar>(x, gamma, beta, epsilon, features, y, mean, rstd); break;
        }
    }

    /// <summary>Overwrites <paramref name="dx"/>; <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="mean">Each row's mean from the forward pass, (N).</param>
    /// <param name="rstd">Each row's 1/√(variance + ε) from the forward pass, (N).</param>
    /// <param name="features">C.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="workspace">Overwritten, 2·C.</param>
    public static void Backward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        int features,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        Span<double> workspace)
    {
        Debug.Assert(x.Length == mean.Length * features && dy.Length == x.Length && workspace.Length >= 2 * features, "Lengths differ.");
        Span<double> sumDy = workspace[..features];
        Span<double> sumDyXHat = workspace.Slice(features, features);
        sumDy.Clear();
        sumDyXHat.Clear();
        switch (VectorWidth.Bits)
        {
            case 512: Backward<Lanes512, DoubleLanes512>(x, dy, gamma, mean, rstd, features, dx, sumDy, sumDyXHat); break;
            case 256: Backward<Lanes256, DoubleLanes256>(x, dy, gamma, mean, rstd, features, dx, sumDy, sumDyXHat); break;
            case 128: Backward<Lanes128, DoubleLanes128>(x, dy, gamma, mean, rstd, features, dx, sumDy, sumDyXHat); break;
            default: Backward<LanesScalar, DoubleLanesScalar>(x, dy, gamma, mean, rstd, features, dx, sumDy, sumDyXHat); break;
        }

        Accumulate(sumDyXHat, dGamma);
        Accumulate(sumDy, dBeta);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward<L, D>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        int C,
        Span<float> y,
        Span<double> mean,
        Span<double> rstd)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        for (int n = 0; n < x.Length / C; n++)
        {
            ReadOnlySpan<float> row = x.Slice(n * C, C);
            Span<float> output = y.Slice(n * C, C);
            RowMoments.Compute<L, D>(row, out double m, out double variance); // [LN-F1] [LN-F2]
            double r = variance + epsilon == 0 ? 0 : 1 / Math.Sqrt(variance + epsilon); // [LN-F3]
            if (!mean.IsEmpty)
            {
                mean[n] = m;
                rstd[n] = r;
            }

            if (Centering.TryCreate(m, r, out Centering centering))
            {
                NormalizeRow<L>(row, gamma, beta, centering, output);
            }
            else
            {
                NormalizeInDouble(row, gamma, beta, m, r, output);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NormalizeRow<L>(
        ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, Centering centering, Span<float> y)
        where L : struct, ILanes<L>
    {
        int C = x.Length;
        ref readonly float row = ref MemoryMarshal.GetReference(x);
        ref readonly float scale = ref MemoryMarshal.GetReference(gamma);
        ref readonly float shift = ref MemoryMarshal.GetReference(beta);
        ref float output = ref MemoryMarshal.GetReference(y);
        L p = L.Create(centering.Pivot);
        L r = L.Create(centering.Rstd);
        L d = L.Create(centering.Remainder);
        L one = L.Create(1);

        int whole = C & ~15;
        for (int i = 0; i < whole; i += 16)
        {
            // xHat = (x[i] - mean) * rstd [LN-F4]; y[i] = gamma[i] * xHat + beta[i] [LN-F5]
            L g = gamma.IsEmpty ? one : L.Load(in scale, i);
            L b = beta.IsEmpty ? L.Zero : L.Load(in shift, i);
            L.Store(((L.Load(in row, i) - p) * r - d) * g + b, ref output, i);
        }

        for (int i = whole; i < C; i++)
        {
            y[i] = centering.XHat(x[i]) * (gamma.IsEmpty ? 1 : gamma[i]) + (beta.IsEmpty ? 0 : beta[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Backward<L, D>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> rstd,
        int C,
        Span<float> dx,
        Span<double> sumDy,
        Span<double> sumDyXHat)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        for (int n = 0; n < mean.Length; n++)
        {
            ReadOnlySpan<float> row = x.Slice(n * C, C);
            ReadOnlySpan<float> upstream = dy.Slice(n * C, C);
            Span<float> downstream = dx.IsEmpty ? default : dx.Slice(n * C, C);
            if (Centering.TryCreate(mean[n], rstd[n], out Centering centering))
            {
                SumRow<L, D>(row, upstream, gamma, mean[n], rstd[n], sumDy, sumDyXHat, out double sumG, out double sumGXHat);
                if (!dx.IsEmpty)
                {
                    DifferentiateRow<L>(row, upstream, gamma, centering, (float)(sumG / C), (float)(sumGXHat / C), downstream);
                }
            }
            else
            {
                BackwardInDouble(row, upstream, gamma, mean[n], rstd[n], downstream, sumDy, sumDyXHat);
            }
        }
    }

    // One row's share of [LN-B1] and [LN-B2], and its [LN-B3] and [LN-B4] times C.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumRow<L, D>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        double mean,
        double rstd,
        Span<double> sumDy,
        Span<double> sumDyXHat,
        out double sumG,
        out double sumGXHat)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D, L>
    {
        int C = x.Length;
        ref readonly float row = ref MemoryMarshal.GetReference(x);
        ref readonly float upstream = ref MemoryMarshal.GetReference(dy);
        ref readonly float scale = ref MemoryMarshal.GetReference(gamma);
        ref double b1 = ref MemoryMarshal.GetReference(sumDy);
        ref double b2 = ref MemoryMarshal.GetReference(sumDyXHat);
        D m = D.Create(mean);
        D r = D.Create(rstd);
        D totalG = D.Create(0);
        D totalGXHat = D.Create(0);
        int whole = C & ~15;
        for (int i = 0; i < whole; i += 16)
        {
            // dBeta[i] += dy [LN-B1]; dGamma[i] += dy * xHat [LN-B2]; sumG += gamma * dy [LN-B3]; sumGXHat += gamma * dy * xHat [LN-B4]
            D dyi = D.Widen(L.Load(in upstream, i));
            D product = dyi * ((D.Widen(L.Load(in row, i)) - m) * r);
            D.Store(D.Load(in b1, i) + dyi, ref b1, i);
            D.Store(D.Load(in b2, i) + product, ref b2, i);
            if (gamma.IsEmpty)
            {
                totalG += dyi;
                totalGXHat += product;
            }
            else
            {
                D g = D.Widen(L.Load(in scale, i));
                totalG += g * dyi;
                totalGXHat += g * product;
            }
        }

        double tailG = 0;
        double tailGXHat = 0;
        for (int i = whole; i < C; i++)
        {
            double product = dy[i] * ((x[i] - mean) * rstd);
            double g = gamma.IsEmpty ? 1 : gamma[i];
            sumDy[i] += dy[i];
            sumDyXHat[i] += product;
            tailG += g * dy[i];
            tailGXHat += g * product;
        }

        sumG = D.Sum(totalG) + tailG;
        sumGXHat = D.Sum(totalGXHat) + tailGXHat;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DifferentiateRow<L>(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        Centering centering,
        float meanG,
        float meanGXHat,
        Span<float> dx)
        where L : struct, ILanes<L>
    {
        int C = x.Length;
        ref readonly float row = ref MemoryMarshal.GetReference(x);
        ref readonly float upstream = ref MemoryMarshal.GetReference(dy);
        ref readonly float scale = ref MemoryMarshal.GetReference(gamma);
        ref float downstream = ref MemoryMarshal.GetReference(dx);
        L p = L.Create(centering.Pivot);
        L r = L.Create(centering.Rstd);
        L d = L.Create(centering.Remainder);
        L b3 = L.Create(meanG);
        L b4 = L.Create(meanGXHat);
        int whole = C & ~15;
        for (int i = 0; i < whole; i += 16)
        {
            // dx[i] = rstd * (gamma[i] * dy[i] - meanG - xHat * meanGXHat) [LN-B5]
            L dyi = L.Load(in upstream, i);
            L g = gamma.IsEmpty ? dyi : dyi * L.Load(in scale, i);
            L.Store((g - b3 - ((L.Load(in row, i) - p) * r - d) * b4) * r, ref downstream, i);
        }

        for (int i = whole; i < C; i++)
        {
            float g = gamma.IsEmpty ? dy[i] : dy[i] * gamma[i];
            dx[i] = (g - meanG - centering.XHat(x[i]) * meanGXHat) * centering.Rstd;
        }
    }

    // The lines of the reference, for rows whose scale is no ordinary float.
    private static void NormalizeInDouble(
        ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double mean, double rstd, Span<float> y)
    {
        for (int c = 0; c < x.Length; c++)
        {
            double xHat = (x[c] - mean) * rstd;
            y[c] = (float)((gamma.IsEmpty ? 1 : gamma[c]) * xHat + (beta.IsEmpty ? 0 : beta[c]));
        }
    }

    private static void BackwardInDouble(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        double mean,
        double rstd,
        Span<float> dx,
        Span<double> sumDy,
        Span<double> sumDyXHat)
    {
        double sumG = 0;
        double sumGXHat = 0;
        for (int c = 0; c < x.Length; c++)
        {
            double xHat = (x[c] - mean) * rstd;
            double g = (gamma.IsEmpty ? 1.0 : gamma[c]) * dy[c];
            sumDy[c] += dy[c];
            sumDyXHat[c] += dy[c] * xHat;
            sumG += g;
            sumGXHat += g * xHat;
        }

        for (int c = 0; c < dx.Length; c++)
        {
            double xHat = (x[c] - mean) * rstd;
            double g = (gamma.IsEmpty ? 1.0 : gamma[c]) * dy[c];
            dx[c] = (float)(rstd * (g - sumG / x.Length - xHat * (sumGXHat / x.Length)));
        }
    }

    private static void Accumulate(ReadOnlySpan<double> sums, Span<float> gradient)
    {
        for (int c = 0; c < gradient.Length; c++)
        {
            gradient[c] = (float)(gradient[c] + sums[c]);
        }
    }
}
