namespace NormLayers;

/// <summary>Names and defaults of a library's normalization layers. From the libraries' documentation and sources: docs/conventions.md.</summary>
internal sealed record LibraryTerms
{
    /// <summary>What a layer is called, with 1d in it where the name says the input's rank, its default ε, and what γ and β are called where that is not <see cref="Gamma"/> and <see cref="Beta"/>.</summary>
    public readonly record struct Named(string Name, double Epsilon, string? Gamma = null, string? Beta = null);

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
        RmsNorm = new("RMSNormalization", 1e-6, Gamma: "scale"),
        GroupNorm = new("GroupNormalization", 1e-3),
        InstanceNorm = new("GroupNormalization", 1e-3),
        Momentum = 0.99,
        RunningVarianceIsBiased = true,
        InstancesHaveAffine = true,
        Masks = layer => layer is BatchNorm,
        Gamma = "gamma",
        Beta = "beta",
        RunningMean = "moving_mean",
        RunningVariance = "moving_variance",
        Groups = "groups",
        Axes = "axis",
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
        Axes = "reduction_axes = feature_axes",
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
        LayerNorm = new("LayerNormalization", 1e-5, Gamma: "Scale"),
        RmsNorm = new("RMSNormalization", 1e-5),
        GroupNorm = new("GroupNormalization", 1e-5, Beta: "bias"),
        InstanceNorm = new("InstanceNormalization", 1e-5),
        Momentum = 0.9,
        RunningVarianceIsBiased = true,
        InstancesHaveAffine = true,
        HasFirstAxis = true,
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

    /// <summary>The library's name of a layer.</summary>
    public Named Of(Layer layer) => layer switch
    {
        NormLayers.BatchNorm => BatchNorm,
        NormLayers.LayerNorm => LayerNorm,
        NormLayers.RmsNorm => RmsNorm,
        NormLayers.GroupNorm => GroupNorm,
        _ => InstanceNorm,
    };

    public string EpsilonName { get; init; } = "epsilon";

    /// <summary>The default.</summary>
    public required double Momentum { get; init; }

    public bool MomentumWeighsNew { get; init; }

    /// <summary>Whether batch normalization can average cumulatively. PyTorch's instance normalization takes momentum=None too, but for 0.</summary>
    public bool HasCumulativeMomentum { get; init; }

    public bool RunningVarianceIsBiased { get; init; }

    public bool HasInstanceStatistics { get; init; }

    /// <summary>Whether batch normalization can do without running statistics.</summary>
    public bool TracksOptionally { get; init; }

    public bool InstancesHaveAffine { get; init; }

    /// <summary>The layers that take a mask.</summary>
    public Func<Layer, bool> Masks { get; init; } = _ => false;

    public required string Gamma { get; init; }

    public required string Beta { get; init; }

    public required string RunningMean { get; init; }

    public required string RunningVariance { get; init; }

    public required string Groups { get; init; }

    /// <summary>The arguments that list the axes of layer normalization; null where it has none.</summary>
    public string? Axes { get; init; }

    /// <summary>Whether layer normalization has a number, its first axis, in their place.</summary>
    public bool HasFirstAxis { get; init; }

    // PyTorch's default where eps is None: that of the type, here of float.
    private const double MachineEpsilon = 1.0 / (1 << 23);

    /// <summary>The switches of a layer, whether they are on, and their default.</summary>
    public IEnumerable<(string Name, bool IsOn, bool Default)> Switches(Layer layer, bool gamma, bool beta, bool tracks) => (Name, layer) switch
    {
        ("PyTorch", NormLayers.LayerNorm) => [("elementwise_affine", gamma, true), ("bias", beta, gamma)],
        ("PyTorch", NormLayers.RmsNorm) => [("elementwise_affine", gamma, true)],
        ("PyTorch", NormLayers.GroupNorm) => [("affine", gamma, true)],
        ("PyTorch", _) => [("affine", gamma, layer is NormLayers.BatchNorm), ("track_running_stats", tracks, layer is NormLayers.BatchNorm)],
        ("Keras", not NormLayers.RmsNorm) => [("scale", gamma, true), ("center", beta, true)],
        ("Flax", NormLayers.RmsNorm) => [("use_scale", gamma, true)],
        ("Flax", _) => [("use_scale", gamma, true), ("use_bias", beta, true)],
        _ => [],
    };

    /// <summary>Whether a layer can have γ, or β, and not the other; or neither.</summary>
    public bool CanHave(Layer layer, bool gamma, bool beta) => Name switch
    {
        "PyTorch" => gamma == beta || layer is NormLayers.RmsNorm || (layer is NormLayers.LayerNorm && gamma),
        "Keras" => gamma || layer is not NormLayers.RmsNorm,
        "ONNX" => gamma && (beta || layer is NormLayers.LayerNorm or NormLayers.RmsNorm),
        _ => true,
    };
}
