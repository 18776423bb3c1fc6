namespace NormLayers.Network;

/// <summary>What a network tells a normalization that it creates.</summary>
/// <param name="Features">The features or channels, ≥ 1.</param>
public sealed record NormalizationSettings(int Features)
{
    /// <summary>The positions of a channel, L of (N, C, L); 1 for features (N, C).</summary>
    public int Positions { get; init; } = 1;

    /// <summary>The ε under the root, ≥ 0.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>How running statistics follow the batches, for kinds that have some.</summary>
    public Momentum Momentum { get; init; } = Momentum.Default;

    /// <summary>What only some kinds have.</summary>
    public NormalizationOptions Options { get; init; } = NormalizationOptions.Default;

    /// <summary>The layer's name.</summary>
    public string Name { get; init; } = "norm";
}
