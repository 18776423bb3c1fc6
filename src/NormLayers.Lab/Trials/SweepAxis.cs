namespace NormLayers.Lab.Trials;

/// <summary>What a sweep varies.</summary>
/// <param name="Name">The setting's name.</param>
/// <param name="Values">Its values as text, each once.</param>
public sealed record SweepAxis(string Name, IReadOnlyList<string> Values);
