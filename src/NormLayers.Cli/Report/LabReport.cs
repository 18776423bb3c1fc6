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

    /// <summary>Further tables, which stand before the charts.</summary>
    public IReadOnlyList<TitledTable> Tables { get; init; } = [];

    public required IReadOnlyList<Chart> Charts { get; init; }

    /// <summary>The resolved configuration.</summary>
    public required JsonObject Configuration { get; init; }
}

/// <summary>A table with a heading.</summary>
/// <param name="Title">What it lists.</param>
/// <param name="Table">The table.</param>
internal sealed record TitledTable(string Title, Table Table);
