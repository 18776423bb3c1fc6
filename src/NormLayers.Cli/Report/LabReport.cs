using System.Text.Json.Nodes;

namespace NormLayers.Cli.Report;

/// <summary>What a report says, whatever it looks like.</summary>
internal sealed record LabReport
{
    public required string Title { get; init; }

    /// <summary>What came out, in sentences.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    /// <summary>The numbers that matter, at a glance.</summary>
    public required Table Summary { get; init; }

    public required IReadOnlyList<Chart> Charts { get; init; }

    /// <summary>The resolved configuration.</summary>
    public required JsonObject Configuration { get; init; }
}
