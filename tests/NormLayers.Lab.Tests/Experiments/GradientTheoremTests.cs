using NormLayers.Lab.Experiments;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class GradientTheoremTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(256)]
    public void WorstDifference_EpsilonZero_IsOfTheOrderOfAFloat(int samples) => Assert.InRange(GradientTheorem.WorstDifference(samples, 10, new RandomSource(2)), 0, 1e-5);

    [Fact]
    public void WorstDifference_AnotherEpsilon_IsSeen() => Assert.InRange(GradientTheorem.WorstDifference(64, 10, new RandomSource(2), epsilon: 0.01), 1e-4, 1);

    [Fact]
    public void Expect_GradientAlongOnesAndOutput_IsNothing()
    {
        double[] x = [1, 2, 3, 6];

        // A constant and a multiple of the output pass nothing back; what is at right angles to both passes with γ²/σ².
        Assert.Equal(0, GradientTheorem.Expect(x, [1, 1, 1, 1], 2), 1e-12);
        Assert.Equal(0, GradientTheorem.Expect(x, [-2, -1, 0, 3], 2), 1e-12);
        Assert.Equal(4 / 3.5 * 6, GradientTheorem.Expect(x, [1, -2, 1, 0], 2), 1e-12);
    }
}
