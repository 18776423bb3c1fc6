using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>What one trial came to.</summary>
/// <param name="Options">How it was trained.</param>
/// <param name="Result">The training's result.</param>
/// <param name="Seconds">The time it took, evaluations included.</param>
public sealed record TrialResult(TrialOptions Options, TrainingResult Result, double Seconds);
