namespace NormLayers.Tests.Checks;

/// <summary>The kernels and the layers pass the ordinary checks.</summary>
public sealed class OrdinaryCheckTests
{
    public static TheoryData<string> Checks => [.. OrdinaryChecks.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Checks))]
    public void LayerNormKernel_OrdinaryCheck_Passes(string check) => Run(check, new KernelSubject(Family.LayerNorm));

    [Theory]
    [MemberData(nameof(Checks))]
    public void BatchNormKernel_OrdinaryCheck_Passes(string check) => Run(check, new KernelSubject(Family.BatchNorm));

    [Theory]
    [MemberData(nameof(Checks))]
    public void GroupNormKernel_OrdinaryCheck_Passes(string check) => Run(check, new KernelSubject(Family.GroupNorm(2)));

    [Theory]
    [MemberData(nameof(Checks))]
    public void InstanceNormKernel_OrdinaryCheck_Passes(string check) => Run(check, new KernelSubject(Family.InstanceNorm));

    [Theory]
    [MemberData(nameof(Checks))]
    public void LayerNorm1D_OrdinaryCheck_Passes(string check) => Run(check, new LayerSubject(Family.LayerNorm with { Masks = true }));

    [Theory]
    [MemberData(nameof(Checks))]
    public void BatchNorm1D_OrdinaryCheck_Passes(string check) => Run(check, new LayerSubject(Family.BatchNorm with { Masks = true, MasksPositions = true }));

    [Theory]
    [MemberData(nameof(Checks))]
    public void RmsNormKernel_OrdinaryCheck_Passes(string check)
    {
        Run(check, new KernelSubject(Family.RmsNorm));
        Run(check, new KernelSubject(Family.RmsNormEpsilonOutside));
        Run(check, new KernelSubject(Family.RmsNorm with { HasBeta = true }));
    }

    [Theory]
    [MemberData(nameof(Checks))]
    public void RmsNorm_OrdinaryCheck_Passes(string check)
    {
        Run(check, new LayerSubject(Family.RmsNorm with { Masks = true }));
        Run(check, new LayerSubject(Family.RmsNormOnePlusGamma with { Masks = true }));
        Run(check, new LayerSubject(Family.RmsNormEpsilonOutside with { Masks = true }));
    }

    [Theory]
    [MemberData(nameof(Checks))]
    public void GroupNorm_OrdinaryCheck_Passes(string check) => Run(check, new LayerSubject(Family.GroupNorm(2) with { Masks = true, MasksPositions = true }));

    [Theory]
    [MemberData(nameof(Checks))]
    public void InstanceNorm_OrdinaryCheck_Passes(string check) => Run(check, new LayerSubject(Family.InstanceNorm with { Masks = true, MasksPositions = true }));

    private static void Run(string check, ISubject subject) => OrdinaryChecks.All.Single(c => c.Name == check).Run(subject);
}
