namespace NormLayers.Lab.Trials;

/// <summary>What the differences of two modes, seed by seed, say.</summary>
public enum Verdict
{
    /// <summary>Fewer than two seeds have both values.</summary>
    Undecided,

    /// <summary>The confidence interval of the difference holds 0.</summary>
    NoDifference,

    /// <summary>The first mode is better.</summary>
    First,

    /// <summary>The second mode is better.</summary>
    Second,
}
