using System.Globalization;
using System.Reflection;
using System.Text.Json;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Experiments;

/// <summary>
/// What an experiment came to at its default length, with the default seed and the shipped data. The files are in
/// <c>Experiments/Record</c>, and a test runs every experiment and holds it to its file.
/// </summary>
internal sealed record ExperimentRecord(string Verdict, IReadOnlyList<RecordedAssertion> Assertions)
{
    private const string Digits = "G9";

    public static ExperimentRecord From(ExperimentResult result) => new(
        result.Verdict, [.. result.Assertions.Select(a => new RecordedAssertion(a.What, Round(a.Measured), Round(a.Low), Round(a.High), Round(a.Margin)))]);

    /// <summary>The committed record; null if there is none.</summary>
    public static ExperimentRecord? Find(string name)
    {
        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"experiments/{name}.json");
        return stream is null ? null : JsonSerializer.Deserialize(stream, ResultJson.Default.ExperimentRecord);
    }

    public string ToJson() => JsonSerializer.Serialize(this, ResultJson.Default.ExperimentRecord).ReplaceLineEndings("\n") + "\n";

    // Powers and roots differ in the last bit between the systems' mathematical libraries; nine digits do not.
    private static double Round(double value) => double.Parse(value.ToString(Digits, CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}

/// <summary>An assertion with its numbers to nine significant digits.</summary>
internal sealed record RecordedAssertion(string What, double Measured, double Low, double High, double Margin);
