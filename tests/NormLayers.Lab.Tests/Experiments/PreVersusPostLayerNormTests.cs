using NormLayers.Lab.Experiments;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class PreVersusPostLayerNormTests
{
    private const int Blocks = 24;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ClosedForms_AgainstBlockByBlock_Agree(bool normalizesFirst)
    {
        double[] sums = new double[Blocks + 1];
        sums[0] = 1;
        for (int i = 1; i <= Blocks; i++)
        {
            sums[i] = (normalizesFirst ? sums[i - 1] : 1) + 0.5;
        }

        // Down from the classes: a normalization divides by the squared norm before it, a branch adds half of what comes through it.
        double gradient = 1 / sums[Blocks];
        for (int i = Blocks; i >= 1; i--)
        {
            Assert.Equal(sums[i], PreVersusPostLayerNorm.Theory(normalizesFirst, i), 1e-12);
            Assert.Equal(Math.Sqrt(ResidualStack.Width / 2.0 * gradient), PreVersusPostLayerNorm.SampleGradientTheory(normalizesFirst, i), 1e-9);
            gradient *= normalizesFirst ? 1 + 0.5 / sums[i - 1] : 1.5 / sums[i];
        }
    }

    // Samples with labels of their own have nearly orthogonal gradients, whose mean is shorter by the root of their number: the sum of all, or one sample's, is far off.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GradientNorm_OfTheMeanLoss_IsThatOfNearlyOrthogonalSamples(bool normalizesFirst)
    {
        ResidualStack stack = new(2, normalizesFirst, new RandomSource(1));
        for (int l = 0; l < 2; l++)
        {
            Assert.Equal(1, stack.GradientNorm(l) / Math.Sqrt(stack.SquaredSampleGradient(l) / ResidualStack.Samples), 0.1);
        }
    }

    // Wrong formulas: the upper bound with attention, no growth, a gradient that ignores the depth, one that falls with the depth and not its root.
    [Fact]
    public void Network_AgainstWrongFormulas_IsFarOff()
    {
        ResidualStack stack = new(Blocks, normalizesFirst: true, new RandomSource(1));
        double norm = stack.SquaredNorm(Blocks - 1);
        double gradient = Math.Sqrt(stack.SquaredSampleGradient(Blocks - 1));

        Assert.InRange(norm / PreVersusPostLayerNorm.Theory(true, Blocks), 0.8, 1.2);
        Assert.NotInRange(norm / (1 + 1.5 * Blocks), 0.8, 1.2);
        Assert.NotInRange(norm / PreVersusPostLayerNorm.Theory(false, Blocks), 0.8, 1.2);
        Assert.InRange(gradient / PreVersusPostLayerNorm.SampleGradientTheory(true, Blocks), 0.8, 1.2);
        Assert.NotInRange(gradient / PreVersusPostLayerNorm.SampleGradientTheory(false, Blocks), 0.8, 1.2);
        Assert.NotInRange(gradient / (Math.Sqrt(ResidualStack.Width) / (2 + Blocks)), 0.8, 1.2);
    }
}
