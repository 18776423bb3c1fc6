namespace NormLayers.Tests.Checks;

/// <summary>What came out of the two passes, widened to double, which loses nothing; null where there is no such output.</summary>
internal sealed record Outcome
{
    public required double[] Y { get; init; }

    public double[]? Dx { get; init; }

    public double[]? DGamma { get; init; }

    public double[]? DBeta { get; init; }

    /// <summary>Mean of each index set; null where the subject keeps it to itself.</summary>
    public double[]? Mean { get; init; }

    public double[]? Rstd { get; init; }

    public double[]? RunningMean { get; init; }

    public double[]? RunningVariance { get; init; }

    /// <summary>The outputs by name, in one order.</summary>
    public IEnumerable<(string Name, double[]? Values)> All =>
    [
        ("y", Y), ("dx", Dx), ("dGamma", DGamma), ("dBeta", DBeta), ("mean", Mean), ("rstd", Rstd),
        ("runningMean", RunningMean), ("runningVariance", RunningVariance),
    ];
}
