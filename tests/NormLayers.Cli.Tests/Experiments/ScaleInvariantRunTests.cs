using NormLayers.Cli.Experiments;

namespace NormLayers.Cli.Tests.Experiments;

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
    public void LargestCosine_GradientAlongTheWeights_IsSeen()
    {
        ScaleInvariantRun run = new(1);
        run.Differentiate();
        Assert.InRange(run.LargestCosine(), 0, 1e-5);

        run.Weights.CopyTo(run.Gradient, 0);
        Assert.Equal(1, run.LargestCosine(), 1e-6);
    }
}
