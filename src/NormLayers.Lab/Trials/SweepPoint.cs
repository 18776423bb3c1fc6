namespace NormLayers.Lab.Trials;

/// <summary>One combination of the values of a sweep's axes.</summary>
/// <param name="Values">The value of each axis, as text.</param>
/// <param name="Options">The trial with these values; its seed is exchanged.</param>
public sealed record SweepPoint(IReadOnlyList<string> Values, TrialOptions Options);
