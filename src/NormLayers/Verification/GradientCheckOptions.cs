namespace NormLayers.Verification;

/// <summary>What a gradient check starts from.</summary>
public sealed record GradientCheckOptions
{
    /// <summary>The seed of the input and of the upstream gradient.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The input, row-major; null draws it from N(0.5, 1).</summary>
    public IReadOnlyList<double>? Input { get; init; }

    /// <summary>
    /// The share of an element's gradient that its error may have, beside what rounding and the quotient's own uncertainty explain. Null takes 1e-6
    /// for a layer in double, 1e-5 for a float layer with a reference and 1e-3 for one without.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative value, or one that is not finite.</exception>
    public double? Tolerance { get; init => field = value is { } share ? Throw.IfNegativeOrNotFinite(share, nameof(Tolerance)) : null; }
}
