using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Channels in double: what the factors of y and dx are computed from, and y and dx themselves where no float holds their factors.</summary>
internal ref struct ChannelSets
{
    public SetStatistics Statistics;

    /// <summary>Whether mean and variance were not computed from x, and so carry no gradient themselves.</summary>
    public bool AreConstant;

    /// <summary>γ, (C); empty means ones.</summary>
    public ReadOnlySpan<float> Gamma;

    /// <summary>β, (C); empty means zeros.</summary>
    public ReadOnlySpan<float> Beta;

    /// <summary>Batch renormalization's x̂ = R·z + D, with z = (x − μ)·r; empty where x̂ = z.</summary>
    public Corrections Corrections;

    /// <summary>What rstd is computed from first, (C); empty where it is known.</summary>
    public ReadOnlySpan<double> Variance;

    /// <summary>ε.</summary>
    public Epsilon Epsilon;

    /// <summary>Overwritten with the factors.</summary>
    public LineFactors Line;

    /// <summary>Σdy and Σdy·z, (2, C); empty for y.</summary>
    public Span<double> Sums;

    /// <summary>Whether γ is contained in the sums, which are Σg and Σg·x̂ then, of a set of several channels.</summary>
    public bool SumsContainGamma;

    /// <summary>The elements of a channel, or of such a set.</summary>
    public double ChannelElements;

    /// <summary>Some channels of some chunks, of which each has the same γ and β.</summary>
    public readonly ChannelSets Slice(int first, int count) =>
        this with { Statistics = Statistics.Slice(first, count), Corrections = Corrections.Slice(first, count), Variance = Variance.IsEmpty ? default : Variance.Slice(first, count) };

    /// <summary>The factors of y = gamma·z + beta, with z = (x − μ)·r: γ and β, or with corrections γ·R and γ·D + β.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Affine<D>(int c, out D gamma, out D beta)
        where D : struct, IDoubleLanes<D>
    {
        gamma = Widen<D>(Gamma, c, 1);
        beta = Widen<D>(Beta, c, 0);
        if (!Corrections.IsEmpty)
        {
            D d = Corrections.D.IsEmpty ? D.Create(0) : D.Load(in MemoryMarshal.GetReference(Corrections.D), c);
            beta += gamma * d;
            gamma *= D.Load(in MemoryMarshal.GetReference(Corrections.R), c);
        }
    }

    /// <summary>A value of each channel, or the same for all where there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Widen<D>(ReadOnlySpan<float> values, int c, double otherwise)
        where D : struct, IDoubleLanes<D>
        => values.IsEmpty ? D.Create(otherwise) : D.Widen(in MemoryMarshal.GetReference(values), c);

    /// <summary>y, or dx, of the element <paramref name="i"/> of channel <paramref name="c"/> and, unless the lanes are single, the seven after it. [F4] [F5] [B5]</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly TDouble InDouble<TDouble, TGradient>(int c, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int i)
        where TDouble : struct, IDoubleLanes<TDouble>
        where TGradient : struct, IFlag
    {
        Affine(c, out SingleDouble gamma, out SingleDouble beta);
        double mean = Statistics.Mean.IsEmpty ? 0 : Statistics.Mean[c];
        TDouble rstd = TDouble.Create(Statistics.Rstd[c]);
        TDouble xHat = SetFactors.XHat(TDouble.Widen(in MemoryMarshal.GetReference(x), i), TDouble.Create(mean), rstd);
        if (!TGradient.Holds)
        {
            return TDouble.Create(gamma.Value) * xHat + TDouble.Create(beta.Value);
        }

        TDouble g = TDouble.Create(gamma.Value) * TDouble.Widen(in MemoryMarshal.GetReference(dy), i);
        double weight = SumsContainGamma ? 1 : gamma.Value;
        double meanG = weight * Sums[c] / ChannelElements;
        double meanGXHat = weight * Sums[Statistics.Count + c] / ChannelElements;
        return SetFactors.Gradient(xHat, g, rstd, TDouble.Create(meanG), TDouble.Create(meanGXHat));
    }
}
