namespace NormLayers.Lab.Experiments;

/// <summary>Numbers with names for their columns and rows.</summary>
/// <param name="Columns">The names of the columns.</param>
/// <param name="Rows">The rows.</param>
public sealed record ExperimentTable(IReadOnlyList<string> Columns, IReadOnlyList<ExperimentRow> Rows);
