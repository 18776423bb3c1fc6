using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Benchmarks;

/// <summary>What the benchmarks create otherwise than the lab's networks do: with a condition, corrections from the first step on, or as a whole linear layer.</summary>
internal static class FamilyKinds
{
    private static readonly RenormLimits _limits = new(RenormLimits.Paper.RMax, RenormLimits.Paper.DMax);

    /// <summary>Batch renormalization with the paper's last limits from the first step on.</summary>
    public static NormalizationKind BatchRenorm { get; } = new(
        NormalizationKind.BatchRenorm.Name,
        NormalizationKind.BatchRenorm.Title,
        NormalizationKind.BatchRenorm.Over,
        s => new BatchRenorm(s.Features, _limits, s.Epsilon, s.Momentum, name: s.Name))
    {
        IsPerChannel = true,
    };

    /// <summary>Adaptive layer normalization of one sample.</summary>
    public static NormalizationKind AdaptiveLayerNorm { get; } = new(
        "adaptivelayernorm",
        "adaptive layer normalization",
        "each token, over its features",
        s =>
        {
            AdaptiveLayerNorm layer = new(s.Features, s.Epsilon, name: s.Name);
            layer.SetCondition(Condition(s.Features, 1), Condition(s.Features, 2));
            return layer;
        });

    /// <summary>A linear layer of as many outputs as inputs, with weight normalization.</summary>
    public static NormalizationKind WeightNorm { get; } = new(
        NormalizationKind.WeightNorm.Name,
        NormalizationKind.WeightNorm.Title,
        NormalizationKind.WeightNorm.Over,
        s => new WeightNorm(Square(s.Features)));

    /// <summary>A linear layer of as many outputs as inputs, with weight standardization.</summary>
    public static NormalizationKind WeightStandardization { get; } = new(
        NormalizationKind.WeightStandardization.Name,
        NormalizationKind.WeightStandardization.Title,
        "the weights of each unit",
        s => new WeightStandardization(Square(s.Features), s.Epsilon));

    /// <summary>The kind of a name; null where the library's own serves.</summary>
    public static NormalizationKind? Find(string name) =>
        new[] { BatchRenorm, AdaptiveLayerNorm, WeightNorm, WeightStandardization }.FirstOrDefault(k => k.Name == name);

    /// <summary>What adaptive layer normalization is conditioned with: the scale for seed 1, the shift for seed 2.</summary>
    public static float[] Condition(int features, ulong seed)
    {
        RandomSource random = new(seed);
        return [.. Enumerable.Range(0, features).Select(_ => (float)random.NextDouble(-0.5, 0.5))];
    }

    private static Linear Square(int features) => new(features, features, new RandomSource(3));
}
