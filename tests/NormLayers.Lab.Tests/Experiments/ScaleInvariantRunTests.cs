using NormLayers.Lab.Experiments;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class ScaleInvariantRunTests
{
    [Fact]
    public void Step_NoDecay_AddsTheSquaredStepAndNoLess()
    {
        ScaleInvariantRun run = new(1);
        double before = run.SquaredNorm;
        run.Step(0.1, 0);
        double step = 0.01 * ScaleInvariantRun.SumOfSquares(run.Gradient);

        // A step along the weights, or a growth left out, would be off by at least the whole growth.
        Assert.InRange(step / before, 5e-5, 1);
        Assert.Equal(1, (run.SquaredNorm - before) / step, 1e-3);
    }

    [Fact]
    public void Step_DecayAlone_ShrinksAndDoesNotTurn()
    {
        ScaleInvariantRun run = new(1);
        double before = run.SquaredNorm;

        // So small a rate that the gradient adds nothing to a float; the decay is what is left.
        (double squaredSine, double angle) = run.Step(1e-12, 1e11);

        Assert.Equal(0.81, run.SquaredNorm / before, 1e-5);
        Assert.InRange(squaredSine, 0, 1e-12);
        Assert.InRange(angle, 0, 1e-6);
    }

    [Fact]
    public void Step_GradientAtRightAngles_ReturnsTheMeanAngleAndSquaredSine()
    {
        ScaleInvariantRun run = new(1);
        float[] weights = [.. run.Weights];
        (double squaredSine, double angle) = run.Step(0.1, 0);

        // A row of 24 for each of 16 units; without decay the tangent is that of the step to the weights.
        double[] angles = [.. weights.Chunk(24).Zip(run.Gradient.Chunk(24), (w, g) => Math.Atan(0.1 * Math.Sqrt(ScaleInvariantRun.SumOfSquares(g) / ScaleInvariantRun.SumOfSquares(w))))];
        Assert.Equal(16, angles.Length);
        Assert.Equal(1, angle / angles.Average(), 1e-4);
        Assert.Equal(1, squaredSine / angles.Average(a => Math.Sin(a) * Math.Sin(a)), 1e-4);

        // The two are told apart: the mean angle is below the root of the mean square.
        Assert.InRange(angle / Math.Asin(Math.Sqrt(squaredSine)), 0.5, 0.99);
    }

    [Theory]
    [InlineData(4, 0.25, true)]
    [InlineData(4, 1, false)]
    [InlineData(1, 1, false)]
    public void Step_WeightsTwiceAsLong_StayTheSameFunctionIfRateAndDecayFollow(double rates, double decays, bool same)
    {
        ScaleInvariantRun run = new(1);
        ScaleInvariantRun scaled = new(1);
        for (int i = 0; i < scaled.Weights.Length; i++)
        {
            scaled.Weights[i] *= 2;
        }

        for (int step = 0; step < 20; step++)
        {
            run.NextBatch();
            scaled.NextBatch();
            run.Step(0.1, 0.01);
            scaled.Step(0.1 * rates, 0.01 * decays);
        }

        Assert.Equal(same, run.Weights.SequenceEqual(scaled.Weights.Select(w => w / 2)));
        Assert.Equal(same, run.Normalized.SequenceEqual(scaled.Normalized));
    }

    [Fact]
    public void LargestCosine_GradientAlongTheWeights_IsSeen()
    {
        ScaleInvariantRun run = new(1);
        run.Differentiate();
        Assert.InRange(run.LargestCosine(), 0, 1e-5);

        run.Weights.CopyTo(run.Gradient, 0);
        Assert.Equal(1, run.LargestCosine(), 1e-6);
    }
}
