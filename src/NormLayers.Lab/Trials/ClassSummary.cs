namespace NormLayers.Lab.Trials;

/// <summary>A class and its samples.</summary>
/// <param name="Name">What the data call it.</param>
/// <param name="Train">How many samples it has in the training set.</param>
/// <param name="Test">How many in the test set.</param>
public sealed record ClassSummary(string Name, int Train, int Test);
