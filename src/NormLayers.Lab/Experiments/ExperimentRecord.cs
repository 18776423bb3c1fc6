using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace NormLayers.Lab.Experiments;

/// <summary>
/// What an experiment came to at its default length, with the default seed and the shipped data. The files are in
/// <c>Experiments/Record</c>, and a test runs every experiment and holds it to its file.
/// </summary>
/// <param name="Verdict">The verdict.</param>
/// <param name="Assertions">What was asserted, with what was measured.</param>
public sealed record ExperimentRecord(string Verdict, IReadOnlyList<RecordedAssertion> Assertions)
{
    private const string Digits = "G9";

    /// <summary>The record of a result.</summary>
    /// <param name="result">The result.</param>
    public static ExperimentRecord From(ExperimentResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new(result.Verdict, [.. result.Assertions.Select(a => new RecordedAssertion(a.What, Round(a.Measured), Round(a.Low), Round(a.High), Round(a.Margin)))]);
    }

    /// <summary>The committed record; null if there is none.</summary>
    /// <param name="name">The experiment's name.</param>
    public static ExperimentRecord? Find(string name)
    {
        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"experiments/{name}.json");
        return stream is null ? null : JsonSerializer.Deserialize(stream, RecordJson.Default.ExperimentRecord);
    }

    /// <summary>The text of the record's file.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RecordJson.Default.ExperimentRecord).ReplaceLineEndings("\n") + "\n";

    // Powers and roots differ in the last bit between the systems' mathematical libraries; nine digits do not.
    private static double Round(double value) => double.Parse(value.ToString(Digits, CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ExperimentRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;
