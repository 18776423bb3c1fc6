namespace NormLayers.Tests.Checks;

/// <summary>What a normalization layer is: the elements that it normalizes together, those that share γ and β, and its conventions.</summary>
/// <param name="Name">The name in failures and theories.</param>
/// <param name="Sets">The elements that are normalized together.</param>
/// <param name="Parameters">The elements that share γ and β.</param>
internal sealed record Family(string Name, IndexSets Sets, IndexSets Parameters)
{
    public static Family LayerNorm { get; } = OverRows(1) with { Name = nameof(LayerNorm) };

    public static Family BatchNorm { get; } = new(nameof(BatchNorm), IndexSets.Channels, IndexSets.Channels);

    public static Family InstanceNorm { get; } = new(nameof(InstanceNorm), IndexSets.Instances, IndexSets.Channels) { Spatial = true, GroupsOf = channels => channels };

    public static Family RmsNorm { get; } = LayerNorm with { Name = nameof(RmsNorm), Statistic = Statistic.RootMeanSquare, HasBeta = false };

    public static Family RmsNormOnePlusGamma { get; } = RmsNorm with { Name = "RmsNorm, 1 + γ", OnePlusGamma = true };

    public static Family RmsNormEpsilonOutside { get; } = RmsNorm with { Name = "RmsNorm, ε outside", EpsilonOutsideRoot = true };

    public Statistic Statistic { get; init; }

    public bool EpsilonOutsideRoot { get; init; }

    public bool EpsilonLimitsRoot { get; init; }

    public bool OnePlusGamma { get; init; }

    /// <summary>Whether there is a β.</summary>
    public bool HasBeta { get; init; } = true;

    /// <summary>Whether it can leave elements out.</summary>
    public bool Masks { get; init; }

    /// <summary>Whether it leaves out all channels of a position together.</summary>
    public bool MasksPositions { get; init; }

    /// <summary>Whether it follows its statistics and uses them in evaluation.</summary>
    public bool HasRunningStatistics => ReferenceEquals(Sets, IndexSets.Channels);

    /// <summary>Whether a set runs over the dimensions behind the channels, so that a test needs some.</summary>
    public bool Spatial { get; init; }

    /// <summary>The groups of so many channels, where sets are groups of channels of a sample.</summary>
    public Func<int, int>? GroupsOf { get; init; }

    /// <summary>The normalization that computes the same on the transposed (N, C); null where there is none.</summary>
    public Family? Transposed => Name == nameof(LayerNorm) ? BatchNorm : Name == nameof(BatchNorm) ? LayerNorm : null;

    /// <summary>The γ that leaves x̂ as it is.</summary>
    public double NeutralGamma => OnePlusGamma ? 0 : 1;

    /// <summary>Layer normalization over several trailing dimensions.</summary>
    public static Family OverRows(int dimensions) => new("LayerNorm", IndexSets.Rows(dimensions), IndexSets.Columns(dimensions));

    public static Family GroupNorm(int groups) => new(nameof(GroupNorm), IndexSets.Groups(groups), IndexSets.Channels) { Spatial = true, GroupsOf = _ => groups };

    /// <summary>The reference with these values; null means none.</summary>
    public NormReference Reference(
        double epsilon, double[]? gamma, double[]? beta, (double[] Mean, double[] Variance)? given = null, bool[]? mask = null) =>
        new(Sets, Parameters)
        {
            Statistic = Statistic,
            Epsilon = epsilon,
            EpsilonOutsideRoot = EpsilonOutsideRoot,
            EpsilonLimitsRoot = EpsilonLimitsRoot,
            Gamma = gamma,
            Beta = beta,
            OnePlusGamma = OnePlusGamma,
            Given = given,
            Mask = mask,
        };

    /// <summary>The layers that the library has, by name: test data is text.</summary>
    public static Family Named(string name) => ((Family[])[LayerNorm, BatchNorm, RmsNorm, RmsNormOnePlusGamma, RmsNormEpsilonOutside]).Single(f => f.Name == name);

    public override string ToString() => Name;
}
