namespace NormLayers.Lab.Experiments;

/// <summary>A measured value that must lie within bounds, both included.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Measured">The value.</param>
/// <param name="Low">The lower bound.</param>
/// <param name="High">The upper bound.</param>
public sealed record Assertion(string What, double Measured, double Low, double High)
{
    /// <summary>Whether it lies within the bounds; NaN does not.</summary>
    public bool Passed => Measured >= Low && Measured <= High;

    /// <summary>How far the value is from the nearer bound; negative beyond it.</summary>
    public double Margin => Math.Min(Measured - Low, High - Measured);
}
