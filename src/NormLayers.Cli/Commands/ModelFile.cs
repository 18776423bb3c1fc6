using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Commands;

/// <summary>A model as <c>train --save</c> writes it: a classifier, and what it was trained on.</summary>
internal sealed record ModelFile(Classifier Classifier, ModelOrigin? Origin)
{
    /// <summary>What a user of the model should know of it.</summary>
    public IReadOnlyList<string> Notes => Origin is { IsUnfinished: true } origin
        ? [FormattableString.Invariant($"the training of the model was stopped after {origin.Steps} steps, before its end")]
        : [];

    /// <summary>The bytes of a model.</summary>
    public static byte[] ToBytes(Classifier classifier, ModelOrigin origin)
    {
        using MemoryStream stream = new();
        classifier.Save(stream, new Dictionary<string, string> { [ModelOrigin.Key] = origin.ToJson() });
        return stream.ToArray();
    }

    /// <summary>Reads a model, or says what is wrong with it.</summary>
    public static ModelFile? Read(string flag, string path, List<Diagnostic> errors) => InputFile.Read(
        flag,
        path,
        stream =>
        {
            Classifier classifier = Classifier.Load(stream);
            return new ModelFile(classifier, classifier.Metadata.TryGetValue(ModelOrigin.Key, out string? json) ? ModelOrigin.Parse(json) : null);
        },
        errors);
}

/// <summary>What a model was trained on, as its file says it.</summary>
/// <param name="Source">Which kind of data.</param>
/// <param name="Name">What they are called.</param>
/// <param name="Hash">Names their content.</param>
/// <param name="Seed">The seed, which also chose the samples held out.</param>
/// <param name="TrainCount">How many it was trained on.</param>
/// <param name="TestCount">How many were held out.</param>
/// <param name="Version">The version of NormLayers that trained it.</param>
/// <param name="Config">The resolved configuration, without the log and paths.</param>
internal sealed record ModelOrigin(string Source, string Name, string Hash, long Seed, int TrainCount, int TestCount, string Version, JsonObject Config)
{
    public const string Key = "training";

    /// <summary>How the training ended, as the results document says it; null while it goes on.</summary>
    public string? Status { get; init; }

    /// <summary>The optimizer steps done in it; null while it goes on.</summary>
    public long? Steps { get; init; }

    /// <summary>Whether the training ended before its end.</summary>
    [JsonIgnore]
    public bool IsUnfinished => Status is not (null or "completed");

    /// <summary>The seed of the split, and of the part that was taken.</summary>
    [JsonIgnore]
    public ulong DataSeed => RunSeeds.From(Seed).Data;

    public static ModelOrigin Of(Settings settings, DataSummary data, DataSplit split) => new(
        data.Source,
        data.Name,
        data.Hash ?? HashOf(split.Standardization is null ? split : TrainingData.Draw(settings)),
        settings.Get(Keys.Seed),
        settings.GetInt(Keys.TrainCount),
        settings.GetInt(Keys.TestCount),
        MachineInfo.NormLayersVersion,
        TrialFile.ConfigOf(settings));

    /// <summary>The same, of a training that has ended.</summary>
    public ModelOrigin EndedAs(TrainingResult result) => this with { Status = result.Status.ToString().ToLowerInvariant(), Steps = result.Steps };

    /// <exception cref="InvalidDataException">It is no such text.</exception>
    public static ModelOrigin Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ModelJson.Default.ModelOrigin) is { Source: not null, Name: not null, Version: not null, Config: not null } origin
                ? origin
                : throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"expected what the model was trained on as JSON in the metadata '{Key}', got something else: {JsonProblem.Describe(e, Encoding.UTF8.GetBytes(json), ModelJson.Default.ModelOrigin)}.", e);
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, ModelJson.Default.ModelOrigin);

    /// <summary>Names the content of data that come in two sets, before they are standardized.</summary>
    public static string HashOf(DataSplit split) => $"{split.Train.ComputeHash()}+{split.Test.ComputeHash()}";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ModelOrigin))]
internal sealed partial class ModelJson : JsonSerializerContext;
