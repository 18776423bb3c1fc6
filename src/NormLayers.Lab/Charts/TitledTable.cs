namespace NormLayers.Lab.Charts;

/// <summary>A table with a heading.</summary>
/// <param name="Title">What it lists.</param>
/// <param name="Table">The table.</param>
public sealed record TitledTable(string Title, Table Table);
