namespace NormLayers.Network;

/// <summary>One normalization as networks, the tool and its documents know it: its name, what it normalizes over, and how its layer is created.</summary>
/// <remarks>
/// <see cref="All"/> is the registry: a new layer is one entry there. A kind of your own needs no entry; give it to <see cref="MlpOptions.Normalization"/>.
/// </remarks>
public sealed class NormalizationKind
{
    private readonly Func<NormalizationSettings, Layer?> _create;

    /// <summary>Describes a normalization.</summary>
    /// <param name="name">Its name in configurations and documents: lower case, no spaces.</param>
    /// <param name="title">Its name in sentences.</param>
    /// <param name="over">The index set that one mean or scale is taken over, in words.</param>
    /// <param name="create">Creates the layer; returns null for no layer.</param>
    /// <exception cref="ArgumentException">A name or a text is empty.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public NormalizationKind(string name, string title, string over, Func<NormalizationSettings, Layer?> create)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(title);
        ArgumentException.ThrowIfNullOrWhiteSpace(over);
        ArgumentNullException.ThrowIfNull(create);
        (Name, Title, Over, _create) = (name, title, over, create);
    }

    /// <summary>No normalization: Linear → ReLU.</summary>
    public static NormalizationKind None { get; } = new("none", "no normalization", "nothing", _ => null) { CountParameters = _ => 0 };

    /// <summary>Batch normalization: Linear → BatchNorm1D → ReLU.</summary>
    public static NormalizationKind BatchNorm { get; } = new(
        "batchnorm",
        "batch normalization",
        "each channel, over the mini-batch",
        s => new BatchNorm1D(s.Features, s.Epsilon, s.Momentum, name: s.Name))
    {
        UsesBatch = true,
        IsPerChannel = true,
    };

    /// <summary>Layer normalization: Linear → LayerNorm1D → ReLU.</summary>
    public static NormalizationKind LayerNorm { get; } = new(
        "layernorm",
        "layer normalization",
        "each sample, over its features",
        s => new LayerNorm1D(s.Features, s.Epsilon, name: s.Name));

    /// <summary>RMS normalization: Linear → RmsNorm → ReLU.</summary>
    public static NormalizationKind RmsNorm { get; } = new(
        "rmsnorm",
        "RMS normalization",
        "each sample, over its features",
        s => new RmsNorm(s.Features, s.Epsilon, name: s.Name))
    {
        CountParameters = s => s.Features,
    };

    /// <summary>Group normalization: Linear → GroupNorm → ReLU.</summary>
    public static NormalizationKind GroupNorm { get; } = new(
        "groupnorm",
        "group normalization",
        "each sample, over a group of its channels",
        CreateGroups)
    {
        IsPerChannel = true,
        Options = [nameof(NormalizationOptions.Groups)],
        Check = CheckGroups,
    };

    /// <summary>Instance normalization with γ and β: it needs positions, (N, C, L) with L ≥ 2.</summary>
    public static NormalizationKind InstanceNorm { get; } = new(
        "instancenorm",
        "instance normalization",
        "each channel of each sample, over its positions",
        s => new InstanceNorm(s.Features, s.Epsilon, withGamma: true, withBeta: true, name: s.Name))
    {
        IsPerChannel = true,
        NeedsPositions = true,
        Check = s => s.Positions > 1 ? null : "instance normalization needs two positions of a channel or more, and a layer of features has one: its output would be beta, whatever comes in",
    };

    /// <summary>Ghost batch normalization: Linear → GhostBatchNorm → ReLU.</summary>
    public static NormalizationKind GhostBatchNorm { get; } = new(
        "ghostbatchnorm",
        "ghost batch normalization",
        "each channel, over a chunk of the mini-batch",
        s => new GhostBatchNorm(s.Features, s.Options.ChunkSize, s.Epsilon, s.Momentum, name: s.Name))
    {
        UsesBatch = true,
        IsPerChannel = true,
        Options = [nameof(NormalizationOptions.ChunkSize)],
        Check = s => s.Options.ChunkSize > 1 || s.Positions > 1 ? null : "ghost batch normalization needs two samples or more in a chunk: one value per channel has no variance",
    };

    /// <summary>Batch renormalization: Linear → BatchRenorm → ReLU.</summary>
    public static NormalizationKind BatchRenorm { get; } = new(
        "batchrenorm",
        "batch renormalization",
        "each channel, over the mini-batch, corrected towards the running statistics",
        s => new BatchRenorm(s.Features, s.Options.Limits, s.Epsilon, s.Momentum, name: s.Name))
    {
        UsesBatch = true,
        IsPerChannel = true,
        Options = [nameof(NormalizationOptions.Limits)],
    };

    /// <summary>ScaleNorm: Linear → ScaleNorm → ReLU. ε limits the length of a row.</summary>
    public static NormalizationKind ScaleNorm { get; } = new(
        "scalenorm",
        "ScaleNorm",
        "each sample, over its features",
        s => new ScaleNorm(s.Features, s.Epsilon, name: s.Name))
    {
        CountParameters = _ => 1,
    };

    /// <summary>Dynamic tanh: Linear → DyT → ReLU.</summary>
    public static NormalizationKind DyT { get; } = new(
        "dyt",
        "dynamic tanh",
        "nothing: each element by itself",
        s => new DyT(s.Features, name: s.Name))
    {
        CountParameters = s => 1 + 2L * s.Features,
    };

    /// <summary>Local response normalization: Linear → LocalResponseNorm → ReLU.</summary>
    public static NormalizationKind LocalResponseNorm { get; } = new(
        "localresponsenorm",
        "local response normalization",
        "each element, over the neighbouring channels",
        s => new LocalResponseNorm(s.Options.WindowSize, s.Options.ResponseScale, name: s.Name))
    {
        IsPerChannel = true,
        Options = [nameof(NormalizationOptions.WindowSize), nameof(NormalizationOptions.ResponseScale)],
        CountParameters = _ => 0,
    };

    /// <summary>Weight normalization: WeightNorm(Linear) → ReLU, as the linear layer starts, without initialization from data.</summary>
    public static NormalizationKind WeightNorm { get; } = new(
        "weightnorm",
        "weight normalization",
        "the weights of each unit",
        _ => null)
    {
        Wrap = (linear, _) => new WeightNorm(linear),
        CountParameters = s => s.Features,
    };

    /// <summary>Weight standardization with group normalization, as its paper has it: WeightStandardization(Linear) → GroupNorm → ReLU.</summary>
    public static NormalizationKind WeightStandardization { get; } = new(
        "weightstandardization",
        "weight standardization",
        "the weights of each unit, then a group of the sample's channels",
        CreateGroups)
    {
        IsPerChannel = true,
        Options = [nameof(NormalizationOptions.Groups)],
        Check = CheckGroups,
        Wrap = (linear, s) => new WeightStandardization(linear, s.Epsilon),
    };

    /// <summary>Dynamic layer normalization: Linear → DynamicLayerNorm → ReLU.</summary>
    public static NormalizationKind DynamicLayerNorm { get; } = new(
        "dynamiclayernorm",
        "dynamic layer normalization",
        "each sample, over its features",
        s => new DynamicLayerNorm(s.Features, s.Epsilon, s.Name))
    {
        Check = s => (long)s.Features * s.Features <= Array.MaxLength ? null
            : FormattableString.Invariant($"a layer of {s.Features} x {s.Features} weights does not fit one array of {Array.MaxLength} numbers: dynamic layer normalization has two such maps"),
        CountParameters = s => 2 * (s.Features + 1L) * s.Features,
    };

    /// <summary>Every kind of the library, in the order of the documents.</summary>
    public static IReadOnlyList<NormalizationKind> All { get; } =
    [
        None, BatchNorm, LayerNorm, RmsNorm, GroupNorm, InstanceNorm, GhostBatchNorm, BatchRenorm, ScaleNorm, DyT, LocalResponseNorm, WeightNorm, WeightStandardization, DynamicLayerNorm,
    ];

    /// <summary>The name in configurations and documents: <c>batchnorm</c>.</summary>
    public string Name { get; }

    /// <summary>The name in sentences: <c>batch normalization</c>.</summary>
    public string Title { get; }

    /// <summary>The index set in words: <c>each channel, over the mini-batch</c>.</summary>
    public string Over { get; }

    /// <summary>Whether statistics come from the mini-batch in training and are running ones in evaluation: a mini-batch needs two samples or more.</summary>
    public bool UsesBatch { get; init; }

    /// <summary>What a hidden linear layer becomes: a layer around it that normalizes its weights. Null where it stays as it is.</summary>
    public Func<Linear, NormalizationSettings, Layer>? Wrap { get; init; }

    /// <summary>How many parameters the kind adds to a hidden layer, for the tool's check of memory. The default is 2C, γ and β; a kind of your own with others sets it.</summary>
    public Func<NormalizationSettings, long> CountParameters { get; init; } = s => 2L * s.Features;

    /// <summary>The names of the <see cref="NormalizationOptions"/> that the kind takes.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Says in a sentence why the layer has no use, or cannot be created, with these settings; null where it can.</summary>
    public Func<NormalizationSettings, string?> Check { get; init; } = _ => null;

    /// <summary>Whether the parameters belong to axis 1 of (N, C, …), the channels, and not to the last axis.</summary>
    public bool IsPerChannel { get; init; }

    /// <summary>Whether a channel must have two positions or more: features (N, C) are not enough.</summary>
    public bool NeedsPositions { get; init; }

    /// <summary>Finds a kind of <see cref="All"/>.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The kind, or null if there is none of this name.</returns>
    public static NormalizationKind? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return All.FirstOrDefault(k => k.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Creates the layer.</summary>
    /// <param name="settings">Width, ε, momentum and name.</param>
    /// <returns>A new layer; null for a kind that has none behind the linear layer: <see cref="None"/>, <see cref="WeightNorm"/>.</returns>
    /// <exception cref="ArgumentException">The layer does not take these settings: see <see cref="Check"/>.</exception>
    public Layer? Create(NormalizationSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return Check(settings) is { } problem ? throw new ArgumentException(problem, nameof(settings)) : _create(settings);
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    private static int Groups(NormalizationSettings settings) => settings.Options.Groups ?? NormalizationOptions.GroupsOf(settings.Features);

    private static GroupNorm CreateGroups(NormalizationSettings settings) => new(Groups(settings), settings.Features, settings.Epsilon, name: settings.Name);

    private static string? CheckGroups(NormalizationSettings settings)
    {
        (int groups, int features) = (Groups(settings), settings.Features);
        return groups < 1 || features % groups != 0
                ? FormattableString.Invariant($"{groups} groups do not divide a width of {features}: group normalization needs groups of equal size")
            : settings.Positions == 1 && groups == features
                ? FormattableString.Invariant($"{groups} groups of a width of {features} leave one value a group, and its output is beta, whatever comes in: group normalization needs two values a group or more")
            : null;
    }
}
