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
    public readonly ChannelSets Slice(int first, int count) => new()
    {
        Statistics = Statistics.Slice(first, count),
        AreConstant = AreConstant,
        Gamma = Gamma,
        Beta = Beta,
        Corrections = Corrections,
        Variance = Variance.IsEmpty ? default : Variance.Slice(first, count),
        Epsilon = Epsilon,
    };

    /// <summary>y, or dx, of the element <paramref name="i"/> of channel <paramref name="c"/> and, unless the lanes are single, the seven after it. [F4] [F5] [B5]</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly TDouble InDouble<TDouble, TGradient>(int c, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int i)
        where TDouble : struct, IDoubleLanes<TDouble>
        where TGradient : struct, IFlag
    {
        double gamma = Gamma.IsEmpty ? 1 : Gamma[c];
        double beta = Beta.IsEmpty ? 0 : Beta[c];
        if (!Corrections.IsEmpty)
        {
            double d = Corrections.D.IsEmpty ? 0 : Corrections.D[c];
            (gamma, beta) = (gamma * Corrections.R[c], beta + gamma * d); // y = γ·(R·z + D) + β
        }

        double mean = Statistics.Mean.IsEmpty ? 0 : Statistics.Mean[c];
        TDouble rstd = TDouble.Create(Statistics.Rstd[c]);
        TDouble xHat = SetFactors.XHat(TDouble.Widen(in MemoryMarshal.GetReference(x), i), TDouble.Create(mean), rstd);
        if (!TGradient.Holds)
        {
            return TDouble.Create(gamma) * xHat + TDouble.Create(beta);
        }

        TDouble g = TDouble.Create(gamma) * TDouble.Widen(in MemoryMarshal.GetReference(dy), i);
        double weight = SumsContainGamma ? 1 : gamma;
        double meanG = weight * Sums[c] / ChannelElements;
        double meanGXHat = weight * Sums[Statistics.Count + c] / ChannelElements;
        return SetFactors.Gradient(xHat, g, rstd, TDouble.Create(meanG), TDouble.Create(meanGXHat));
    }
}
