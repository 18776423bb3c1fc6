namespace NormLayers.Lab.Experiments;

/// <summary>One row of numbers.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Values">A number a column; NaN where there is none.</param>
public sealed record ExperimentRow(string Name, IReadOnlyList<double> Values);
