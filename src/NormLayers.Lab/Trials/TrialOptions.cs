using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;
using NormLayers.Network;

namespace NormLayers.Lab.Trials;

/// <summary>One training of a multi-layer perceptron: network, optimizer, order of samples. The defaults are the tool's.</summary>
public sealed record TrialOptions
{
    /// <summary>The normalization of every hidden layer.</summary>
    public NormalizationKind Normalization { get; init; } = NormalizationKind.BatchNorm;

    /// <summary>What only some normalizations have, such as the groups of group normalization.</summary>
    public NormalizationOptions NormalizationOptions { get; init; } = NormalizationOptions.Default;

    /// <summary>The width of each hidden layer, ≥ 1 each; at least one layer.</summary>
    public IReadOnlyList<int> HiddenFeatures { get; init; } = [32];

    /// <summary>How square images are cut into patches that share the hidden layers; null where a sample is one row of features.</summary>
    public PatchOptions? Patches { get; init; }

    /// <summary>How weights are drawn.</summary>
    public Initialization Initialization { get; init; } = Initialization.HeNormal;

    /// <summary>A factor on the drawn weights, finite and > 0.</summary>
    public double InitializationScale { get; init; } = 1;

    /// <summary>The ε under the root of the normalization, ≥ 0.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>How batch normalization's running statistics follow the batches.</summary>
    public Momentum BatchNormMomentum { get; init; } = NormLayers.Momentum.Default;

    /// <summary>Passes over the training set, ≥ 1.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>The step length η, > 0.</summary>
    public double LearningRate { get; init; } = 0.05;

    /// <summary>Samples in a mini-batch, ≥ 1; 2 or more for a normalization over the batch.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>What turns gradients into steps.</summary>
    public OptimizerKind Optimizer { get; init; }

    /// <summary>The momentum of stochastic gradient descent, 0 to below 1; Adam has its own.</summary>
    public double Momentum { get; init; }

    /// <summary>The weight decay λ, ≥ 0.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Whether each epoch visits the samples in a new random order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Whether a last mini-batch smaller than <see cref="BatchSize"/> is left out.</summary>
    public bool DropLast { get; init; }

    /// <summary>The seed of data, weights and order; see <see cref="RunSeeds"/>.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>What a report shows where the caller has no configuration of its own.</summary>
    internal JsonObject ToJson() => new()
    {
        ["normalization"] = Normalization.Name,
        ["groups"] = NormalizationOptions.Groups,
        ["chunk_size"] = NormalizationOptions.ChunkSize,
        ["renorm_r_max"] = Limit(NormalizationOptions.Limits.RMax),
        ["renorm_d_max"] = Limit(NormalizationOptions.Limits.DMax),
        ["renorm_warmup_steps"] = NormalizationOptions.Limits.WarmUpSteps,
        ["renorm_r_max_steps"] = NormalizationOptions.Limits.RMaxSteps,
        ["renorm_d_max_steps"] = NormalizationOptions.Limits.DMaxSteps,
        ["window_size"] = NormalizationOptions.WindowSize,
        ["response_scale"] = NormalizationOptions.ResponseScale,
        ["hidden_features"] = new JsonArray([.. HiddenFeatures.Select(w => (JsonNode)w)]),
        ["patch_size"] = Patches?.Size,
        ["patch_stride"] = Patches?.Stride,
        ["initialization"] = Initialization.ToString(),
        ["initialization_scale"] = InitializationScale,
        ["epsilon"] = Epsilon,
        ["batchnorm_momentum"] = BatchNormMomentum.ToString(),
        ["epochs"] = Epochs,
        ["learning_rate"] = LearningRate,
        ["batch_size"] = BatchSize,
        ["optimizer"] = Optimizer.ToString(),
        ["momentum"] = Momentum,
        ["weight_decay"] = WeightDecay,
        ["shuffle"] = Shuffle,
        ["drop_last"] = DropLast,
        ["seed"] = Seed,
    };

    // JSON has no infinity.
    private static JsonNode Limit(double value) => double.IsFinite(value) ? value : Phrases.Text(value);
}
