namespace NormLayers.Network;

/// <summary>What only some normalizations have; the others pass over it. <see cref="NormalizationKind.Options"/> says which take what.</summary>
public sealed record NormalizationOptions
{
    private const int MostGroups = 32;
    private const int FewestTogether = 4;

    /// <summary>The defaults.</summary>
    public static NormalizationOptions Default { get; } = new();

    /// <summary>G of group normalization, ≥ 1, a divisor of the width; null for <see cref="GroupsOf"/>.</summary>
    public int? Groups { get; init; }

    /// <summary>B of ghost batch normalization: the samples whose statistics are taken together, ≥ 2.</summary>
    public int ChunkSize { get; init; } = 16;

    /// <summary>The limits of batch renormalization: the paper's last ones after 100 steps without a correction.</summary>
    public RenormLimits Limits { get; init; } = new(RenormLimits.Paper.RMax, RenormLimits.Paper.DMax) { WarmUpSteps = 100 };

    /// <summary>n of local response normalization, ≥ 1: the channels of a window.</summary>
    public int WindowSize { get; init; } = 5;

    /// <summary>α of local response normalization, ≥ 0: the scale of the squares, before it is divided by n.</summary>
    public double ResponseScale { get; init; } = 1e-4;

    /// <summary>The default G of a width: the most groups of equal size, at most 32, that have 4 channels or more each; 1 where there are none.</summary>
    /// <param name="channels">The width, ≥ 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="channels"/> is below 1.</exception>
    public static int GroupsOf(int channels)
    {
        Throw.IfNotPositive(channels, nameof(channels));
        int groups = Math.Clamp(channels / FewestTogether, 1, MostGroups);
        while (channels % groups != 0)
        {
            groups--;
        }

        return groups;
    }
}
