using NormLayers.Lab.Training;

namespace NormLayers.Cli.Output;

/// <summary>What the layers looked like during a training: one list a quantity, one entry a probed step.</summary>
internal sealed record ProbesDocument
{
    public required long[] Step { get; init; }

    public required int[] Epoch { get; init; }

    public required double[] TrainingLoss { get; init; }

    public required double[] EvaluationLoss { get; init; }

    public required IReadOnlyList<LayerProbesDocument> Layers { get; init; }

    /// <returns>The document; null if nothing was probed.</returns>
    public static ProbesDocument? From(IReadOnlyList<ProbeRecord> records) => records.Count == 0 ? null : new ProbesDocument
    {
        Step = [.. records.Select(r => r.Step)],
        Epoch = [.. records.Select(r => r.Epoch)],
        TrainingLoss = [.. records.Select(r => r.TrainingLoss)],
        EvaluationLoss = [.. records.Select(r => r.EvaluationLoss)],
        Layers = [.. Enumerable.Range(0, records[0].Layers.Count).Select(i => LayerProbesDocument.From([.. records.Select(r => r.Layers[i])]))],
    };
}

/// <summary>One layer; what it has none of is null.</summary>
internal sealed record LayerProbesDocument
{
    public required string Layer { get; init; }

    public required double[] Mean { get; init; }

    public required double[] Deviation { get; init; }

    public required double[] P5 { get; init; }

    public required double[] P15 { get; init; }

    public required double[] P50 { get; init; }

    public required double[] P85 { get; init; }

    public required double[] P95 { get; init; }

    public required double[]? DeadShare { get; init; }

    public required double[] GradientRms { get; init; }

    public required double[] Cosine { get; init; }

    public required double[]? MeanDrift { get; init; }

    public required double[]? VarianceDrift { get; init; }

    public required IReadOnlyList<ParameterProbesDocument> Parameters { get; init; }

    public static LayerProbesDocument From(IReadOnlyList<LayerProbe> probes) => new()
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
        Parameters = [.. Enumerable.Range(0, probes[0].Parameters.Count).Select(i => ParameterProbesDocument.From([.. probes.Select(p => p.Parameters[i])]))],
    };
}

/// <summary>One parameter of a layer.</summary>
internal sealed record ParameterProbesDocument(string Name, double[] Norm, double[] GradientNorm, double[] UpdateRatio, double[]? EffectiveLearningRate)
{
    public static ParameterProbesDocument From(IReadOnlyList<ParameterProbe> probes) => new(
        probes[0].Name,
        [.. probes.Select(p => p.Norm)],
        [.. probes.Select(p => p.GradientNorm)],
        [.. probes.Select(p => p.UpdateRatio)],
        probes[0].EffectiveLearningRate is null ? null : [.. probes.Select(p => p.EffectiveLearningRate!.Value)]);
}
