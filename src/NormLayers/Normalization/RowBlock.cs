using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Up to eight rows while they are in the cache: two sums over each, their statistics, and the factors that follow.</summary>
/// <remarks>A single reference: passed by value it stays in a register.</remarks>
/// <param name="doubles">Overwritten, <see cref="Doubles"/>.</param>
internal readonly ref struct RowBlock(Span<double> doubles)
{
    /// <summary>As many as the lanes of <see cref="IDoubleLanes{TDouble}"/>.</summary>
    public const int Rows = 8;

    /// <summary>How many doubles a block needs.</summary>
    public const int Doubles = FloatsStart + 5 * Rows / 2;

    private const int FloatsStart = 6 * Rows;

    private readonly ref double _doubles = ref MemoryMarshal.GetReference(doubles);

    /// <summary>The factors of the lines, at each row's place.</summary>
    public LineFactors Line { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(MemoryMarshal.CreateReadOnlySpan(ref Shift(Rows), 4 * Rows), Rows); }

    /// <summary>What is subtracted before the sums of the forward pass are taken.</summary>
    public ref float Shift(int k) => ref Unsafe.Add(ref Unsafe.As<double, float>(ref Unsafe.Add(ref _doubles, FloatsStart)), k);

    public ref double Mean(int k) => ref Number(0, k);

    /// <summary>The mean's low part; in the backward pass minus that, in standard deviations, and 0 below 10⁻¹³, which is nothing beside a sum of a million rows.</summary>
    public ref double Low(int k) => ref Number(1, k);

    public ref double Rstd(int k) => ref Number(2, k);

    /// <summary>Σ(x − p), or Σg.</summary>
    public ref double Sum(int k) => ref Number(3, k);

    /// <summary>Σ(x − p)², or Σg·x̂.</summary>
    public ref double Product(int k) => ref Number(4, k);

    /// <summary>The scale that the row's elements share.</summary>
    public ref double Gamma(int k) => ref Number(5, k);

    /// <summary>The statistics of row <paramref name="k"/> and, unless the lanes are single, the seven after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SetOf<D> Of<D>(int k)
        where D : struct, IDoubleLanes<D>
        => new(D.Load(in Mean(k), 0), D.Load(in Low(k), 0), D.Load(in Rstd(k), 0));

    /// <summary>Sets all numbers but the factors of the lines to 0, and the scales to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Clear<D>()
        where D : struct, IDoubleLanes<D>
    {
        for (int i = 0; i < 5; i++)
        {
            D.Store(D.Create(0), ref Number(i, 0), 0);
        }

        D.Store(D.Create(1), ref Gamma(0), 0);
        D.Narrow(D.Create(0), ref Shift(0), 0);
    }

    /// <summary>Overwrites the scales of rows from <paramref name="first"/> on with their own, or with the one of all rows; leaves them where <paramref name="gamma"/> is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void LoadGamma(ReadOnlySpan<float> gamma, int first, int rows)
    {
        for (int k = 0; k < rows && !gamma.IsEmpty; k++)
        {
            Gamma(k) = gamma[gamma.Length == 1 ? 0 : first + k];
        }
    }

    /// <summary>Adds up the lanes of a row's two sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetSums<D>(int k, D sum, D product)
        where D : struct, IDoubleLanes<D>
    {
        Sum(k) = D.Sum(sum);
        Product(k) = D.Sum(product);
    }

    /// <summary>Overwrites the statistics of rows from <paramref name="first"/> on, where they are kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void CopyStatistics(int first, int rows, SetStatistics to)
    {
        Copy(in Rstd(0), first, rows, to.Rstd);
        Copy(in Mean(0), first, rows, to.Mean);
        Copy(in Low(0), first, rows, to.Low);
    }

    private static void Copy(ref readonly double values, int first, int rows, Span<double> to)
    {
        if (!to.IsEmpty)
        {
            MemoryMarshal.CreateReadOnlySpan(in values, rows).CopyTo(to[first..]);
        }
    }

    private ref double Number(int kind, int k) => ref Unsafe.Add(ref _doubles, kind * Rows + (nint)k);
}
