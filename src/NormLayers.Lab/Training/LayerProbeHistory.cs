namespace NormLayers.Lab.Training;

/// <summary>One layer; what it has none of is null.</summary>
public sealed record LayerProbeHistory
{
    /// <summary>The layer's name.</summary>
    public required string Layer { get; init; }

    /// <summary>The mean of its outputs.</summary>
    public required double[] Mean { get; init; }

    /// <summary>Their standard deviation.</summary>
    public required double[] Deviation { get; init; }

    /// <summary>Their 5th percentile.</summary>
    public required double[] P5 { get; init; }

    /// <summary>Their 15th percentile.</summary>
    public required double[] P15 { get; init; }

    /// <summary>Their median.</summary>
    public required double[] P50 { get; init; }

    /// <summary>Their 85th percentile.</summary>
    public required double[] P85 { get; init; }

    /// <summary>Their 95th percentile.</summary>
    public required double[] P95 { get; init; }

    /// <summary>The share of units that are 0 for every sample.</summary>
    public required double[]? DeadShare { get; init; }

    /// <summary>The root mean square of the gradient of the loss with respect to its output.</summary>
    public required double[] GradientRms { get; init; }

    /// <summary>The mean cosine between the outputs of two samples.</summary>
    public required double[] Cosine { get; init; }

    /// <summary>How far the means of the mini-batch are from the running ones.</summary>
    public required double[]? MeanDrift { get; init; }

    /// <summary>How far its variances are.</summary>
    public required double[]? VarianceDrift { get; init; }

    /// <summary>Its parameters.</summary>
    public required IReadOnlyList<ParameterProbeHistory> Parameters { get; init; }

    internal static LayerProbeHistory From(IReadOnlyList<LayerProbe> probes) => new()
    {
        Layer = probes[0].Layer,
        Mean = [.. probes.Select(p => p.Mean)],
        Deviation = [.. probes.Select(p => p.Deviation)],
        P5 = [.. probes.Select(p => p.Percentiles.P5)],
        P15 = [.. probes.Select(p => p.Percentiles.P15)],
        P50 = [.. probes.Select(p => p.Percentiles.P50)],
        P85 = [.. probes.Select(p => p.Percentiles.P85)],
        P95 = [.. probes.Select(p => p.Percentiles.P95)],
        DeadShare = probes[0].DeadShare is null ? null : [.. probes.Select(p => p.DeadShare!.Value)],
        GradientRms = [.. probes.Select(p => p.GradientRms)],
        Cosine = [.. probes.Select(p => p.Cosine)],
        MeanDrift = probes[0].Drift is null ? null : [.. probes.Select(p => p.Drift!.Mean)],
        VarianceDrift = probes[0].Drift is null ? null : [.. probes.Select(p => p.Drift!.Variance)],
        Parameters = [.. Enumerable.Range(0, probes[0].Parameters.Count).Select(i => ParameterProbeHistory.From([.. probes.Select(p => p.Parameters[i])]))],
    };
}
