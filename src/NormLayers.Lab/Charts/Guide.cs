namespace NormLayers.Lab.Charts;

/// <summary>A line across a chart.</summary>
/// <param name="Value">Its height.</param>
/// <param name="Name">What it stands for, in a few words.</param>
public sealed record Guide(double Value, string Name);
