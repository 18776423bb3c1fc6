namespace NormLayers;

/// <summary>Batch normalization of volumes (N, C, D, H, W).</summary>
/// <remarks>It is <see cref="BatchNorm"/>, and refuses input of another rank.</remarks>
public sealed class BatchNorm3D : BatchNorm
{
    /// <summary>Creates a layer with y = x̂ (γ = 1, or 0 where the scale is 1 + γ, and β = 0), running mean 0 and running variance 1.</summary>
    /// <param name="features">C, the number of channels: the second dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant channel gives β all the same.</param>
    /// <param name="momentum">How the running statistics follow the batches; null for <see cref="Momentum.Default"/>.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics; without them every mode uses the batch's own.</param>
    /// <param name="nonFinite">What batch statistics that are not finite do to the running ones.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass: the bits of a <see cref="Network.ReLU"/> behind the layer, in less time.</param>
    /// <param name="onePlusGamma">Whether x̂ is scaled by 1 + γ, with γ = 0 at the start.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/>, <paramref name="epsilon"/> or <paramref name="nonFinite"/> out of range.</exception>
    public BatchNorm3D(
        int features,
        double epsilon = 1e-5,
        Momentum? momentum = null,
        bool withGamma = true,
        bool withBeta = true,
        bool trackRunningStatistics = true,
        NonFiniteStatistics nonFinite = NonFiniteStatistics.Skip,
        bool relu = false,
        bool onePlusGamma = false,
        string name = "batchnorm")
        : base(features, epsilon, momentum, withGamma, withBeta, trackRunningStatistics, nonFinite, relu, onePlusGamma, name)
    {
    }

    private protected override string ExpectedShape => $"(N, {Features}, D, H, W)";

    private protected override bool TakesRank(int rank) => rank == 5;
}
