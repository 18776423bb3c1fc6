namespace NormLayers.Lab.Training;

/// <summary>One parameter of a layer over the probed steps: one entry a step.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Norm">Its Euclidean norm, before the update.</param>
/// <param name="GradientNorm">That of its gradient.</param>
/// <param name="UpdateRatio">The norm of the update over its own.</param>
/// <param name="EffectiveLearningRate">η / ‖w‖², for weights directly in front of a normalization; null for others.</param>
public sealed record ParameterProbeHistory(string Name, double[] Norm, double[] GradientNorm, double[] UpdateRatio, double[]? EffectiveLearningRate)
{
    internal static ParameterProbeHistory From(IReadOnlyList<ParameterProbe> probes) => new(
        probes[0].Name,
        [.. probes.Select(p => p.Norm)],
        [.. probes.Select(p => p.GradientNorm)],
        [.. probes.Select(p => p.UpdateRatio)],
        probes[0].EffectiveLearningRate is null ? null : [.. probes.Select(p => p.EffectiveLearningRate!.Value)]);
}
