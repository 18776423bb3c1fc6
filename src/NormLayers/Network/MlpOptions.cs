namespace NormLayers.Network;

/// <summary>How the weights of linear layers are drawn; biases start at 0.</summary>
public enum Initialization
{
    /// <summary>Normal with variance 2 / inputs (He et al. 2015), for ReLU.</summary>
    HeNormal,

    /// <summary>Uniform with variance 2 / inputs (He et al. 2015).</summary>
    HeUniform,

    /// <summary>Normal with variance 2 / (inputs + outputs) (Glorot &amp; Bengio 2010).</summary>
    XavierNormal,

    /// <summary>Uniform with variance 2 / (inputs + outputs) (Glorot &amp; Bengio 2010).</summary>
    XavierUniform,
}

/// <summary>A multi-layer perceptron: Linear → normalization → ReLU for each hidden layer, then Linear to the logits.</summary>
public sealed record MlpOptions
{
    /// <summary>The features of a sample, ≥ 1.</summary>
    public required int InputFeatures { get; init; }

    /// <summary>The width of each hidden layer, ≥ 1 each; at least one layer.</summary>
    public IReadOnlyList<int> HiddenFeatures { get; init; } = [32];

    /// <summary>The number of classes, ≥ 2: the width of the output.</summary>
    public required int Classes { get; init; }

    /// <summary>The normalization in every hidden layer.</summary>
    public NormalizationKind Normalization { get; init; } = NormalizationKind.BatchNorm;

    /// <summary>What only some normalizations have, such as the groups of group normalization.</summary>
    public NormalizationOptions NormalizationOptions { get; init; } = NormalizationOptions.Default;

    /// <summary>How square images are cut into patches that share the hidden layers; null where a sample is one row of features.</summary>
    public PatchOptions? Patches { get; init; }

    /// <summary>How weights are drawn.</summary>
    public Initialization Initialization { get; init; } = Initialization.HeNormal;

    /// <summary>A factor on the drawn weights, finite and > 0: 1 keeps what <see cref="Initialization"/> says.</summary>
    public double InitializationScale { get; init; } = 1;

    /// <summary>The ε under the root of the normalization, ≥ 0.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>How batch normalization's running statistics follow the batches.</summary>
    public Momentum Momentum { get; init; } = Momentum.Default;

    /// <summary>The seed of the initial weights.</summary>
    public ulong Seed { get; init; } = 42;
}
