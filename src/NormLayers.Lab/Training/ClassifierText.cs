using System.Text.Json;
using System.Text.Json.Serialization;
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

    public required int Features { get; init; }

    public required int[] Hidden { get; init; }

    public required string[] Classes { get; init; }

    public required bool Standardized { get; init; }

    public string[]? FeatureNames { get; init; }

    public string? LabelColumn { get; init; }

    public int? LabelIndex { get; init; }

    public static ClassifierText From(Classifier classifier) => new()
    {
        Normalization = classifier.Options.Normalization.Name,
        Epsilon = classifier.Options.Epsilon,
        Momentum = classifier.Options.Momentum.IsCumulative ? null : classifier.Options.Momentum.WeightOfBatch(1),
        Features = classifier.Options.InputFeatures,
        Hidden = [.. classifier.Options.HiddenFeatures],
        Classes = [.. classifier.Format.ClassNames],
        Standardized = classifier.Standardization is not null,
        FeatureNames = classifier.Format.FeatureNames is { } names ? [.. names] : null,
        LabelColumn = classifier.Format.LabelColumn,
        LabelIndex = classifier.Format.LabelIndex,
    };

    /// <exception cref="InvalidDataException">It is no such text.</exception>
    public static ClassifierText Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ClassifierJson.Default.ClassifierText) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"expected the JSON of a classifier in the metadata 'classifier', got something else: {e.Message}", e);
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, ClassifierJson.Default.ClassifierText);

    /// <summary>The network of the text.</summary>
    /// <param name="elements">The elements of all tensors in the file: a text that claims more weights does not decide how much memory is taken.</param>
    /// <exception cref="InvalidDataException">There is no such network.</exception>
    public MlpOptions ToOptions(long elements)
    {
        if (NormalizationKind.Find(Normalization) is not { } normalization)
        {
            throw new InvalidDataException($"expected one of {string.Join(", ", NormalizationKind.All)} as the normalization, got {DataText.Quote(Normalization)}.");
        }

        if (!double.IsFinite(Epsilon) || Epsilon < 0 || Momentum is < 0 or > 1)
        {
            throw new InvalidDataException(FormattableString.Invariant($"expected a finite ε ≥ 0 and a momentum from 0 to 1, got {Epsilon} and {Momentum}."));
        }

        int[] widths = [Features, .. Hidden, Classes.Length];
        if (Hidden.Length == 0 || widths.Any(w => w < 1) || Classes.Length < 2 || widths.Zip(widths.Skip(1), (a, b) => (double)a * b).Sum() > elements)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"expected widths from {Features} features over hidden layers to 2 classes or more, with weights that the file has, got {string.Join(" x ", widths.Take(10))}."));
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
            Epsilon = Epsilon,
            Momentum = Momentum is { } newWeight ? NormLayers.Momentum.NewWeight(newWeight) : NormLayers.Momentum.Cumulative,
        };
    }

    public SampleFormat ToFormat() => new(Features, Classes) { FeatureNames = FeatureNames, LabelColumn = LabelColumn, LabelIndex = LabelIndex };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ClassifierText))]
internal sealed partial class ClassifierJson : JsonSerializerContext;
