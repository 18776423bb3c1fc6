using System.Text.Json.Nodes;

namespace NormLayers.Lab.Charts;

/// <summary>What a report says, whatever it looks like.</summary>
public sealed record LabReport
{
    /// <summary>The heading.</summary>
    public required string Title { get; init; }

    /// <summary>What came out, in sentences.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    /// <summary>The numbers that matter, at a glance.</summary>
    public required Table Summary { get; init; }

    /// <summary>Further tables, which stand before the charts.</summary>
    public IReadOnlyList<TitledTable> Tables { get; init; } = [];

    /// <summary>The charts, in order; an SVG picture shows one.</summary>
    public required IReadOnlyList<Chart> Charts { get; init; }

    /// <summary>What was run, as shown at the end.</summary>
    public required JsonObject Configuration { get; init; }
}
