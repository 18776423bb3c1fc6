using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Properties;

/// <summary>The kernels and the layers have the properties that the mathematics requires.</summary>
public sealed class NormalizationPropertyTests
{
    public static TheoryData<string> Shared => [.. NormalizationProperties.All.Select(c => c.Name).Where(n => !n.StartsWith("BatchNorm", StringComparison.Ordinal))];

    public static TheoryData<string> All => [.. NormalizationProperties.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Shared))]
    public void LayerNormKernel_RandomProblems_Property(string property) => Run(property, new KernelSubject(Family.LayerNorm));

    [Theory]
    [MemberData(nameof(All))]
    public void BatchNormKernel_RandomProblems_Property(string property) => Run(property, new KernelSubject(Family.BatchNorm));

    [Theory]
    [MemberData(nameof(Shared))]
    public void LayerNorm1D_RandomProblems_Property(string property) => Run(property, new LayerSubject(Family.LayerNorm));

    [Theory]
    [MemberData(nameof(All))]
    public void BatchNorm1D_RandomProblems_Property(string property) => Run(property, new LayerSubject(Family.BatchNorm));

    [Theory]
    [MemberData(nameof(Shared))]
    public void RmsNormKernel_RandomProblems_Property(string property)
    {
        Run(property, new KernelSubject(Family.RmsNorm));
        Run(property, new KernelSubject(Family.RmsNormEpsilonOutside));
    }

    [Theory]
    [MemberData(nameof(Shared))]
    public void RmsNorm_RandomProblems_Property(string property)
    {
        Run(property, new LayerSubject(Family.RmsNorm));
        Run(property, new LayerSubject(Family.RmsNormOnePlusGamma));
    }

    private static void Run(string property, ISubject subject) => NormalizationProperties.All.Single(c => c.Name == property).Run(subject);
}
