using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>What a training run came to, as <c>--output</c> and <c>--json</c> write it; see docs/configuration.md.</summary>
internal sealed record ResultDocument
{
    public required string Status { get; init; }

    public required string Mode { get; init; }

    public required long Seed { get; init; }

    public required double TrainLoss { get; init; }

    public required double TrainAccuracy { get; init; }

    public required double TestLoss { get; init; }

    public required double TestAccuracy { get; init; }

    public required long Steps { get; init; }

    public required double DurationSeconds { get; init; }

    public required long? DivergedAtStep { get; init; }

    public required DivergenceDocument? Divergence { get; init; }

    public required DataSummary Data { get; init; }

    public required JsonObject Config { get; init; }

    public required HistoryDocument History { get; init; }

    public required ProbeHistory? Probes { get; init; }

    public required VersionsDocument Versions { get; init; }

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.ResultDocument), (byte)'\n'];
}

/// <summary>Where a run diverged.</summary>
internal sealed record DivergenceDocument(string Layer, string Kind, string Message)
{
    public static DivergenceDocument? From(Divergence? divergence) => divergence is null
        ? null
        : new DivergenceDocument(divergence.Layer, divergence.Kind.ToString().ToLowerInvariant(), divergence.Message);
}

/// <summary>One list a quantity, one entry an epoch.</summary>
internal sealed record HistoryDocument
{
    public required int[] Epoch { get; init; }

    public required double[] BatchLoss { get; init; }

    public required double[] BatchAccuracy { get; init; }

    public required double[] TrainLoss { get; init; }

    public required double[] TrainAccuracy { get; init; }

    public required double[] TestLoss { get; init; }

    public required double[] TestAccuracy { get; init; }

    public required double[] Seconds { get; init; }

    public static HistoryDocument From(IReadOnlyList<EpochMetrics> history) => new()
    {
        Epoch = [.. history.Select(e => e.Epoch)],
        BatchLoss = [.. history.Select(e => e.BatchLoss)],
        BatchAccuracy = [.. history.Select(e => e.BatchAccuracy)],
        TrainLoss = [.. history.Select(e => e.Train.Loss)],
        TrainAccuracy = [.. history.Select(e => e.Train.Accuracy)],
        TestLoss = [.. history.Select(e => e.Test.Loss)],
        TestAccuracy = [.. history.Select(e => e.Test.Accuracy)],
        Seconds = [.. history.Select(e => e.Seconds)],
    };
}

/// <summary>What wrote the document.</summary>
internal sealed record VersionsDocument(int SchemaVersion, string Tool, string Library, string Runtime)
{
    public static VersionsDocument Current { get; } = new(1, MachineInfo.ToolVersion, MachineInfo.NormLayersVersion, RuntimeInformation.FrameworkDescription);
}

/// <summary>JSON knows no NaN and no infinity: they are written as null.</summary>
internal sealed class FiniteOrNullConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        if (double.IsFinite(value))
        {
            writer.WriteNumberValue(value);
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(FiniteOrNullConverter)])]
[JsonSerializable(typeof(ResultDocument))]
[JsonSerializable(typeof(CompareDocument))]
[JsonSerializable(typeof(SweepDocument))]
[JsonSerializable(typeof(BenchDocument))]
[JsonSerializable(typeof(PredictionDocument))]
[JsonSerializable(typeof(EvaluationDocument))]
[JsonSerializable(typeof(Commands.ExportDocument))]
[JsonSerializable(typeof(TrialFile))]
[JsonSerializable(typeof(MachineInfo))]
[JsonSerializable(typeof(ExperimentDocument))]
[JsonSerializable(typeof(List<ExperimentEntry>))]
[JsonSerializable(typeof(Commands.CheckDocument))]
[JsonSerializable(typeof(List<Verification.AccuracyRow>))]
internal sealed partial class ResultJson : JsonSerializerContext;
