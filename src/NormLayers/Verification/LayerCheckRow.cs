namespace NormLayers.Verification;

/// <summary>What <see cref="LayerCheck"/> found of one layer.</summary>
/// <param name="Layer">The layer's type: <c>GroupNorm</c>.</param>
/// <param name="Cases">The shapes, modes and options that were run.</param>
/// <param name="Values">The floats that were held to the reference in double: outputs, gradients and running statistics.</param>
/// <param name="WorstError">The largest difference from it, as a share of the tensor's largest value.</param>
/// <param name="Quotients">The gradients that were held to difference quotients.</param>
/// <param name="WorstQuotient">The largest difference from them, as a share of what is allowed: at most 1.</param>
public sealed record LayerCheckRow(string Layer, int Cases, long Values, double WorstError, long Quotients, double WorstQuotient)
{
    /// <summary>What is wrong, a line each; empty if nothing is.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Whether nothing is wrong.</summary>
    public bool Passed => Faults.Count == 0;
}
