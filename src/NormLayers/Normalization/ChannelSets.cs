using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Channels in double: what y and dx of those are computed from whose factors no float holds.</summary>
internal readonly ref struct ChannelSets
{
    public required SetStatistics Statistics { get; init; }

    /// <summary>γ, (C); empty means ones.</summary>
    public ReadOnlySpan<float> Gamma { get; init; }

    /// <summary>β, (C); empty means zeros.</summary>
    public ReadOnlySpan<float> Beta { get; init; }

    /// <summary>Σdy and Σdy·x̂, (2, C); empty for y.</summary>
    public ReadOnlySpan<double> Sums { get; init; }

    /// <summary>The elements of a channel.</summary>
    public double ChannelElements { get; init; }

    /// <summary>y, or dx, of the element <paramref name="i"/> of channel <paramref name="c"/> and, unless the lanes are single, the seven after it. [F4] [F5] [B5]</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public D InDouble<D, TGradient>(int c, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int i)
        where D : struct, IDoubleLanes<D>
        where TGradient : struct, IFlag
    {
        double gamma = Gamma.IsEmpty ? 1 : Gamma[c];
        double mean = Statistics.Mean.IsEmpty ? 0 : Statistics.Mean[c];
        D rstd = D.Create(Statistics.Rstd[c]);
        D xHat = SetFactors.XHat(D.Widen(in MemoryMarshal.GetReference(x), i), D.Create(mean), rstd);
        if (!TGradient.Holds)
        {
            return D.Create(gamma) * xHat + D.Create(Beta.IsEmpty ? 0 : Beta[c]);
        }

        D g = D.Create(gamma) * D.Widen(in MemoryMarshal.GetReference(dy), i);
        double meanG = gamma * Sums[c] / ChannelElements;
        double meanGXHat = gamma * Sums[Statistics.Count + c] / ChannelElements;
        return SetFactors.Gradient(xHat, g, rstd, D.Create(meanG), D.Create(meanGXHat));
    }
}
