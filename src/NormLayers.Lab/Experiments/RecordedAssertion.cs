namespace NormLayers.Lab.Experiments;

/// <summary>An assertion with its numbers to nine significant digits.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Measured">The value.</param>
/// <param name="Low">The lower bound.</param>
/// <param name="High">The upper bound.</param>
/// <param name="Margin">How far the value is from the nearer bound.</param>
public sealed record RecordedAssertion(string What, double Measured, double Low, double High, double Margin);
