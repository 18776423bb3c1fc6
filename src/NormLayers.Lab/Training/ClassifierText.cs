using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using NormLayers.Exchange;
using NormLayers.Lab.Data;
using NormLayers.Network;

namespace NormLayers.Lab.Training;

/// <summary>What a classifier's file says beside its tensors.</summary>
internal sealed record ClassifierText
{
    public required string Normalization { get; init; }

    public required double Epsilon { get; init; }

    /// <summary>The weight of the new batch; null for the cumulative average.</summary>
    public required double? Momentum { get; init; }

    /// <summary>G. This and the next five are options of some normalizations; one that the network's does not take is null, or not in the file.</summary>
    public int? Groups { get; init; }

    public int? ChunkSize { get; init; }

    [JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)]
    public double? RMax { get; init; }

    [JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)]
    public double? DMax { get; init; }

    public long? WarmUpSteps { get; init; }

    public long? RMaxSteps { get; init; }

    public long? DMaxSteps { get; init; }

    public int? WindowSize { get; init; }

    public double? ResponseScale { get; init; }

    /// <summary>Of images that are cut into patches; null for rows of features.</summary>
    public int? PatchSize { get; init; }

    public int? PatchStride { get; init; }

    public required int Features { get; init; }

    public required int[] Hidden { get; init; }

    public required string[] Classes { get; init; }

    public required bool Standardized { get; init; }

    public string[]? FeatureNames { get; init; }

    public string? LabelColumn { get; init; }

    public int? LabelIndex { get; init; }

    public static ClassifierText From(Classifier classifier)
    {
        (MlpOptions network, NormalizationOptions own) = (classifier.Options, classifier.Options.NormalizationOptions);
        bool Takes(string option) => network.Normalization.Options.Contains(option);
        return new()
        {
            Normalization = network.Normalization.Name,
            Epsilon = network.Epsilon,
            Momentum = network.Momentum.IsCumulative ? null : network.Momentum.WeightOfBatch(1),
            Groups = Takes(nameof(own.Groups)) ? own.Groups : null,
            ChunkSize = Takes(nameof(own.ChunkSize)) ? own.ChunkSize : null,
            RMax = Takes(nameof(own.Limits)) ? own.Limits.RMax : null,
            DMax = Takes(nameof(own.Limits)) ? own.Limits.DMax : null,
            WarmUpSteps = Takes(nameof(own.Limits)) ? own.Limits.WarmUpSteps : null,
            RMaxSteps = Takes(nameof(own.Limits)) ? own.Limits.RMaxSteps : null,
            DMaxSteps = Takes(nameof(own.Limits)) ? own.Limits.DMaxSteps : null,
            WindowSize = Takes(nameof(own.WindowSize)) ? own.WindowSize : null,
            ResponseScale = Takes(nameof(own.ResponseScale)) ? own.ResponseScale : null,
            PatchSize = network.Patches?.Size,
            PatchStride = network.Patches?.Stride,
            Features = network.InputFeatures,
            Hidden = [.. network.HiddenFeatures],
            Classes = [.. classifier.Format.ClassNames],
            Standardized = classifier.Standardization is not null,
            FeatureNames = classifier.Format.FeatureNames is { } names ? [.. names] : null,
            LabelColumn = classifier.Format.LabelColumn,
            LabelIndex = classifier.Format.LabelIndex,
        };
    }

    /// <exception cref="InvalidDataException">It is no such text.</exception>
    public static ClassifierText Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ClassifierJson.Default.ClassifierText) ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"expected the JSON of a classifier in the metadata 'classifier', got something else: {JsonProblem.Describe(e, Encoding.UTF8.GetBytes(json), ClassifierJson.Default.ClassifierText)}.", e);
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, ClassifierJson.Default.ClassifierText);

    /// <summary>The network of the text.</summary>
    /// <param name="tensors">The tensors of the file: a text that claims more of them, or more weights, does not decide how much memory is taken.</param>
    /// <exception cref="InvalidDataException">There is no such network.</exception>
    public MlpOptions ToOptions(IReadOnlyList<SafetensorsTensor> tensors)
    {
        if (NormalizationKind.Find(Normalization) is not { } normalization)
        {
            throw new InvalidDataException($"expected one of {string.Join(", ", NormalizationKind.All)} as the normalization, got {DataText.Quote(Normalization)}.");
        }

        if (!double.IsFinite(Epsilon) || Epsilon < 0 || Momentum is < 0 or > 1)
        {
            throw new InvalidDataException(FormattableString.Invariant($"expected a finite ε ≥ 0 and a momentum from 0 to 1, got {Epsilon} and {Momentum}."));
        }

        PatchOptions? patches = ToPatches();
        (int positions, int first) = patches is null ? (1, Features) : (patches.PositionsOf(Features), patches.Size * patches.Size);
        int[] widths = [first, .. Hidden];
        double weights = widths.Zip(widths.Skip(1), (a, b) => (double)a * b).Sum() + (double)positions * widths[^1] * Classes.Length;
        if (Hidden.Length == 0 || Hidden.Length > tensors.Count || Features < 1 || widths.Any(w => w < 1) || Classes.Length < 2 || weights > tensors.Sum(t => (double)t.Count))
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"expected widths from {Features} features over hidden layers to 2 classes or more, with weights that the file has, got {string.Join(" x ", ((int[])[Features, .. Hidden, Classes.Length]).Take(10))}."));
        }

        if (Classes.Any(c => c is null) || (FeatureNames is { } names && (names.Length != Features || names.Any(n => n is null))))
        {
            throw new InvalidDataException($"expected a name for each class and none or {Features} names of features, got others.");
        }

        return new MlpOptions
        {
            InputFeatures = Features,
            HiddenFeatures = Hidden,
            Classes = Classes.Length,
            Normalization = normalization,
            NormalizationOptions = ToNormalizationOptions(),
            Patches = patches,
            Epsilon = Epsilon,
            Momentum = Momentum is { } newWeight ? NormLayers.Momentum.NewWeight(newWeight) : NormLayers.Momentum.Cumulative,
        };
    }

    public SampleFormat ToFormat() => new(Features, Classes) { FeatureNames = FeatureNames, LabelColumn = LabelColumn, LabelIndex = LabelIndex };

    private PatchOptions? ToPatches()
    {
        PatchOptions? patches = PatchSize is { } size ? new PatchOptions(size, PatchStride ?? 0) : null;
        return patches?.FindProblem(Features) is { } problem ? throw new InvalidDataException($"expected patches of the features: {problem}.") : patches;
    }

    private NormalizationOptions ToNormalizationOptions()
    {
        NormalizationOptions usual = NormalizationOptions.Default;
        (double rMax, double dMax) = (RMax ?? usual.Limits.RMax, DMax ?? usual.Limits.DMax);
        (int chunk, int window, double scale) = (ChunkSize ?? usual.ChunkSize, WindowSize ?? usual.WindowSize, ResponseScale ?? usual.ResponseScale);
        if (!(rMax >= 1) || !(dMax >= 0) || chunk < 1 || window < 1 || !double.IsFinite(scale) || scale < 0 || Groups < 1 || WarmUpSteps < 0 || RMaxSteps < 0 || DMaxSteps < 0)
        {
            throw new InvalidDataException("expected groups, a chunk size and a window size of 1 or more, r_max ≥ 1, d_max ≥ 0, steps ≥ 0 and a finite response scale ≥ 0, got others.");
        }

        RenormLimits limits = new(rMax, dMax) { WarmUpSteps = WarmUpSteps ?? 0, RMaxSteps = RMaxSteps ?? 0, DMaxSteps = DMaxSteps ?? 0 };
        return usual with { Groups = Groups, ChunkSize = chunk, Limits = limits, WindowSize = window, ResponseScale = scale };
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ClassifierText))]
internal sealed partial class ClassifierJson : JsonSerializerContext;
