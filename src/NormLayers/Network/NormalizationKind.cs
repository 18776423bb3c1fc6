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
    public static NormalizationKind None { get; } = new("none", "no normalization", "nothing", _ => null);

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
        s => new RmsNorm(s.Features, s.Epsilon, name: s.Name));

    /// <summary>Every kind of the library, in the order of the documents.</summary>
    public static IReadOnlyList<NormalizationKind> All { get; } = [None, BatchNorm, LayerNorm, RmsNorm];

    /// <summary>The name in configurations and documents: <c>batchnorm</c>.</summary>
    public string Name { get; }

    /// <summary>The name in sentences: <c>batch normalization</c>.</summary>
    public string Title { get; }

    /// <summary>The index set in words: <c>each channel, over the mini-batch</c>.</summary>
    public string Over { get; }

    /// <summary>Whether statistics come from the mini-batch in training and are running ones in evaluation: a mini-batch needs two samples or more.</summary>
    public bool UsesBatch { get; init; }

    /// <summary>What a hidden linear layer becomes: itself, or a layer around it that normalizes its weights.</summary>
    public Func<Linear, Layer> Wrap { get; init; } = linear => linear;

    /// <summary>Whether the parameters belong to axis 1 of (N, C, …), the channels, and not to the last axis.</summary>
    public bool IsPerChannel { get; init; }

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
    /// <returns>A new layer; null for <see cref="None"/>.</returns>
    /// <exception cref="ArgumentException">The layer does not take these settings.</exception>
    public Layer? Create(NormalizationSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return _create(settings);
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
