using System.Globalization;
using System.Text;
using System.Text.Json;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Output;

/// <summary>What a model takes samples for, as <c>predict</c> writes it.</summary>
internal sealed record PredictionDocument
{
    public required string Mode { get; init; }

    public required UsedDataDocument Data { get; init; }

    public required IReadOnlyList<string> Classes { get; init; }

    public required IReadOnlyList<SamplePrediction> Predictions { get; init; }

    public required VersionsDocument Versions { get; init; }

    public static PredictionDocument From(ClassifierPrediction prediction, ModelFile model, SampleSet samples, ModelData data, Settings settings, bool all)
    {
        IReadOnlyList<string> names = model.Classifier.Format.ClassNames;
        return new PredictionDocument
        {
            Mode = model.Classifier.Options.Normalization.Name,
            Data = UsedDataDocument.From(samples, data, settings),
            Classes = names,
            Predictions = [.. prediction.Classes.Select((c, n) =>
            {
                int sample = samples.Indices[n];
                float[] row = [.. Enumerable.Range(n * names.Count, names.Count).Select(i => prediction.Probabilities[i])];
                return c < 0 ? new SamplePrediction(sample, null, null, null) : new SamplePrediction(sample, names[c], row[c], all ? row : null);
            }).OrderBy(p => p.Sample)],
            Versions = VersionsDocument.Current,
        };
    }

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.PredictionDocument), (byte)'\n'];

    /// <summary>Comma-separated values (RFC 4180) with a header.</summary>
    public byte[] ToCsv()
    {
        bool all = Predictions.Any(p => p.Probabilities is not null);
        StringBuilder text = new();
        Append("sample", "class", "probability", all ? Classes.Select(c => $"probability of {c}") : []);
        foreach (SamplePrediction p in Predictions)
        {
            Append(
                p.Sample.ToString(CultureInfo.InvariantCulture), p.Class ?? "", Number(p.Probability), all ? Classes.Select((_, c) => Number(p.Probabilities?[c])) : []);
        }

        return Encoding.UTF8.GetBytes(text.ToString());

        void Append(string first, string second, string third, IEnumerable<string> rest) => text.AppendJoin(',', ((string[])[first, second, third, .. rest]).Select(Field)).Append('\n');

        static string Number(float? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "";
    }

    private static string Field(string text) => text.AsSpan().ContainsAny(",\"\r\n") || text != text.Trim() ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}

/// <summary>One sample, numbered by its place in the data that was read, counted from 0; without class where the network's output is not finite.</summary>
internal sealed record SamplePrediction(int Sample, string? Class, float? Probability, IReadOnlyList<float>? Probabilities);

/// <summary>The samples that a model was used on.</summary>
internal sealed record UsedDataDocument(string Source, string Name, string Part, int Samples, string? LabelColumn, IReadOnlyList<string> Remarks)
{
    public static UsedDataDocument From(SampleSet samples, ModelData data, Settings settings) => new(
        Keys.DataSources.NameOf(settings.Get(Keys.Source)), samples.Name, data.Part.ToString().ToLowerInvariant(), samples.Count, samples.Origin.LabelColumn, data.Notes);
}
