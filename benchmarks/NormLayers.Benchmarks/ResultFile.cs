using System.Text.Encodings.Web;
using System.Text.Json;
using NormLayers.Cli.Bench;
using NormLayers.Cli.Output;

namespace NormLayers.Benchmarks;

/// <summary>One run of the benchmarks, raw: the source of the tables.</summary>
internal sealed record ResultFile
{
    private static readonly JsonSerializerOptions _format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        IgnoreReadOnlyProperties = true,
        WriteIndented = true,
        IndentSize = 1,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public int SchemaVersion { get; init; } = 1;

    public required DateTimeOffset Date { get; init; }

    /// <summary>The commit that was measured, with <c>+changes</c> where the working tree differed from it.</summary>
    public required string Commit { get; init; }

    public required MachineInfo Machine { get; init; }

    public required RunSettings Settings { get; init; }

    /// <summary>Whether ours had vectors of 256 bits, because of <c>--avx2</c> or of the processor.</summary>
    public bool IsNarrow => Settings.Narrow || Machine.VectorBits < 512;

    public required IReadOnlyList<PeerVersion> Peers { get; init; }

    /// <summary>Peers that do not run here, and outputs that were wrong.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    public required IReadOnlyList<ResultRow> Rows { get; init; }

    public static ResultFile Load(string path) => JsonSerializer.Deserialize<ResultFile>(File.ReadAllBytes(path), _format)!;

    public void Save(string path) => AtomicFile.Write(path, [.. JsonSerializer.SerializeToUtf8Bytes(this, _format), (byte)'\n']);
}

/// <summary>The settings of a run.</summary>
/// <param name="Suite">Which cases.</param>
/// <param name="Rounds">Rounds per case; in each, all peers take turns.</param>
/// <param name="RoundMilliseconds">The least time of a peer's turn.</param>
/// <param name="Narrow">Whether vectors were held to 256 bits, in all peers that allow it.</param>
/// <param name="Tolerance">The largest error of an output allowed, as a share of the largest value of its tensor, for dx of γ·dy·rstd too.</param>
/// <param name="LoadBefore">The system's load average over the minute before the run: what else it was doing.</param>
internal sealed record RunSettings(string Suite, int Rounds, double RoundMilliseconds, bool Narrow, double Tolerance, double LoadBefore);

/// <summary>What ran as a peer.</summary>
internal sealed record PeerVersion(string Name, string Version);

/// <summary>One peer on one case.</summary>
/// <param name="Case">As <see cref="NormCase"/> or <see cref="StepCase"/> write it.</param>
/// <param name="Threads">The threads that it might use.</param>
/// <param name="Peer">Its name.</param>
/// <param name="Nanoseconds">Of a call, one value a round: the median of the round's samples.</param>
/// <param name="Bytes">Managed memory allocated per call; null where the peer is not managed.</param>
/// <param name="Error">The worst error of its outputs against the double reference, as the same share; null for the yardstick.</param>
internal sealed record ResultRow(string Case, int Threads, string Peer, IReadOnlyList<double> Nanoseconds, double? Bytes, double? Error)
{
    public double Median => WorkTimer.Median([.. Nanoseconds]);
}
