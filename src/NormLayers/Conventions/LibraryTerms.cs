namespace NormLayers;

/// <summary>Names and defaults of a library's normalization layers. From the libraries' documentation and sources: docs/conventions.md.</summary>
internal sealed record LibraryTerms
{
    /// <summary>What a layer is called, and its default ε.</summary>
    public readonly record struct Named(string Name, double Epsilon);

    public static LibraryTerms PyTorch { get; } = new()
    {
        Name = "PyTorch",
        BatchNorm = new("BatchNorm1d", 1e-5),
        LayerNorm = new("LayerNorm", 1e-5),
        RmsNorm = new("RMSNorm", MachineEpsilon),
        GroupNorm = new("GroupNorm", 1e-5),
        InstanceNorm = new("InstanceNorm1d", 1e-5),
        EpsilonName = "eps",
        Momentum = 0.1,
        MomentumWeighsNew = true,
        HasCumulativeMomentum = true,
        HasInstanceStatistics = true,
        TracksOptionally = true,
        Gamma = "weight",
        Beta = "bias",
        RunningMean = "running_mean",
        RunningVariance = "running_var",
        Groups = "num_groups",
    };

    public static LibraryTerms Keras { get; } = new()
    {
        Name = "Keras",
        BatchNorm = new("BatchNormalization", 1e-3),
        LayerNorm = new("LayerNormalization", 1e-3),
        RmsNorm = new("RMSNormalization", 1e-6),
        GroupNorm = new("GroupNormalization", 1e-3),
        InstanceNorm = new("GroupNormalization", 1e-3),
        Momentum = 0.99,
        RunningVarianceIsBiased = true,
        InstancesHaveAffine = true,
        Masks = layer => layer is BatchNorm,
        Gamma = "gamma",
        RmsGamma = "scale",
        Beta = "beta",
        RunningMean = "moving_mean",
        RunningVariance = "moving_variance",
        Groups = "groups",
    };

    public static LibraryTerms Flax { get; } = new()
    {
        Name = "Flax",
        BatchNorm = new("BatchNorm", 1e-5),
        LayerNorm = new("LayerNorm", 1e-6),
        RmsNorm = new("RMSNorm", 1e-6),
        GroupNorm = new("GroupNorm", 1e-6),
        InstanceNorm = new("InstanceNorm", 1e-6),
        Momentum = 0.99,
        RunningVarianceIsBiased = true,
        InstancesHaveAffine = true,
        Masks = _ => true,
        Gamma = "scale",
        Beta = "bias",
        RunningMean = "mean",
        RunningVariance = "var",
        Groups = "num_groups",
    };

    public static LibraryTerms Onnx { get; } = new()
    {
        Name = "ONNX",
        BatchNorm = new("BatchNormalization", 1e-5),
        LayerNorm = new("LayerNormalization", 1e-5),
        RmsNorm = new("RMSNormalization", 1e-5),
        GroupNorm = new("GroupNormalization", 1e-5),
        InstanceNorm = new("InstanceNormalization", 1e-5),
        Momentum = 0.9,
        RunningVarianceIsBiased = true,
        InstancesHaveAffine = true,
        Gamma = "scale",
        Beta = "B",
        RunningMean = "input_mean",
        RunningVariance = "input_var",
        Groups = "num_groups",
    };

    public required string Name { get; init; }

    public required Named BatchNorm { get; init; }

    public required Named LayerNorm { get; init; }

    public required Named RmsNorm { get; init; }

    public required Named GroupNorm { get; init; }

    public required Named InstanceNorm { get; init; }

    public string EpsilonName { get; init; } = "epsilon";

    /// <summary>The default.</summary>
    public required double Momentum { get; init; }

    public bool MomentumWeighsNew { get; init; }

    public bool HasCumulativeMomentum { get; init; }

    public bool RunningVarianceIsBiased { get; init; }

    public bool HasInstanceStatistics { get; init; }

    /// <summary>Whether batch normalization can do without running statistics.</summary>
    public bool TracksOptionally { get; init; }

    public bool InstancesHaveAffine { get; init; }

    /// <summary>The layers that take a mask.</summary>
    public Func<Layer, bool> Masks { get; init; } = _ => false;

    public required string Gamma { get; init; }

    public string? RmsGamma { get; init; }

    public required string Beta { get; init; }

    public required string RunningMean { get; init; }

    public required string RunningVariance { get; init; }

    public required string Groups { get; init; }

    // PyTorch's default where eps is None: that of the type, here of float.
    private const double MachineEpsilon = 1.0 / (1 << 23);

    /// <summary>Whether a layer can have γ, or β, and not the other; or neither.</summary>
    public bool CanHave(Layer layer, bool gamma, bool beta) => Name switch
    {
        "PyTorch" => gamma == beta || layer is NormLayers.RmsNorm || (layer is NormLayers.LayerNorm && gamma),
        "Keras" => gamma || layer is not NormLayers.RmsNorm,
        "ONNX" => gamma && (beta || layer is NormLayers.LayerNorm or NormLayers.RmsNorm),
        _ => true,
    };
}
