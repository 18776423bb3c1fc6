using NormLayers.Tests.Checks;

namespace NormLayers.Tests.SameBits;

/// <summary>
/// The bits of fixed computations, pinned. Run under other vector widths (DOTNET_EnableAVX512=0, DOTNET_EnableAVX2=0,
/// DOTNET_EnableHWIntrinsic=0) the same constants show that the width changes no bit. A change of a kernel that reorders its sums
/// changes them on purpose: pin the new ones together with it, after the suite has passed under every width.
/// </summary>
public sealed class SameBitsTests
{
    [Theory]
    [InlineData(nameof(Family.LayerNorm), "BFDAB880E617F187")]
    [InlineData(nameof(Family.BatchNorm), "C93B90F3EC185B62")]
    [InlineData(nameof(Family.RmsNorm), "299092EAC678B3ED")]
    public void Kernel_FixedProblems_GivePinnedBits(string family, string pinned)
    {
        KernelSubject subject = new(Family.Named(family));
        using BitHash hash = new();
        foreach ((int n, int c) in ((int, int)[])[(2, 1), (5, 3), (9, 7), (4, 16), (33, 31), (7, 130), (3, 1500), (1500, 3)])
        {
            foreach (double offset in (double[])[0.5, 1e6])
            {
                foreach (bool training in (bool[])[true, false])
                {
                    hash.Add(subject.Run(Problem.Random(n, c, offset: offset).For(subject.Family) with { Training = training }));
                    if (subject.Family.HasRunningStatistics)
                    {
                        hash.Add(subject.Run(Problem.Random(n, c, length: 5, offset) with { Training = training }));
                    }
                }
            }
        }

        Assert.Equal(pinned, hash.Text());
    }
}
