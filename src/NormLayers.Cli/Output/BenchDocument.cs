using System.Text.Json;
using NormLayers.Cli.Bench;

namespace NormLayers.Cli.Output;

/// <summary>Timings as <c>--output</c> and <c>--json</c> write them; see docs/performance.md.</summary>
internal sealed record BenchDocument
{
    public required string Status { get; init; }

    public required MachineInfo Machine { get; init; }

    public required IReadOnlyList<NormTimingDocument> Norms { get; init; }

    public required IReadOnlyList<StepTimingDocument> Steps { get; init; }

    public required VersionsDocument Versions { get; init; }

    public static BenchDocument From(BenchRun run, bool completed) => new()
    {
        Status = completed ? "completed" : "cancelled",
        Machine = MachineInfo.Read(),
        Norms = [.. run.Norms.Select(NormTimingDocument.From)],
        Steps = [.. run.Steps.Select(StepTimingDocument.From)],
        Versions = VersionsDocument.Current,
    };

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.BenchDocument), (byte)'\n'];
}

/// <summary>One normalization.</summary>
internal sealed record NormTimingDocument(
    string Layer,
    string Pass,
    string Shape,
    int Threads,
    double Nanoseconds,
    double Fastest,
    double Slowest,
    double GigabytesPerSecond,
    double StreamsNanoseconds,
    double ShareOfStreams,
    double BytesAllocated)
{
    public static NormTimingDocument From(NormTiming timing) => new(
        timing.Case.LayerName,
        timing.Case.PassName,
        timing.Case.ShapeName,
        timing.Threads,
        timing.Ours.Nanoseconds,
        timing.Ours.Fastest,
        timing.Ours.Slowest,
        timing.Case.StreamedBytes / timing.Ours.Nanoseconds,
        timing.Streams.Nanoseconds,
        timing.Streams.Nanoseconds / timing.Ours.Nanoseconds,
        timing.Ours.Bytes);
}

/// <summary>One training step.</summary>
internal sealed record StepTimingDocument(
    string Network, string Mode, int Threads, double Nanoseconds, double Fastest, double Slowest, double BytesAllocated)
{
    public static StepTimingDocument From(StepTiming timing) => new(
        timing.Case.NetworkName,
        timing.Case.ModeName,
        timing.Threads,
        timing.Ours.Nanoseconds,
        timing.Ours.Fastest,
        timing.Ours.Slowest,
        timing.Ours.Bytes);
}
