using NormLayers.Lab.Experiments;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class ActivationNoiseTests
{
    private const int Count = 20_000;

    [Fact]
    public void Forward_Training_HasTheStatedSpread()
    {
        ActivationNoise noise = new(new RandomSource(3), "noise");
        float[] y = new float[Count];
        double[] steps = new double[200];
        for (int i = 0; i < steps.Length; i++)
        {
            // m alone, of which the mean is the shift of the step.
            noise.Forward(new float[Count], Count, y);
            steps[i] = y.Average();
            Assert.InRange(y.Max() - y.Min(), 0.199, 0.2 + 1e-6);
        }

        Assert.InRange(steps.Min(), -0.5, -0.45);
        Assert.InRange(steps.Max(), 0.45, 0.5);
    }

    [Fact]
    public void Backward_Training_IsTheScaleOfTheForwardPass()
    {
        ActivationNoise noise = new(new RandomSource(3), "noise");
        float[] x = [.. Enumerable.Repeat(1000f, Count)];
        float[] y = new float[Count];
        float[] dx = new float[Count];
        noise.Forward(x, Count, y);
        noise.Backward(x, [.. Enumerable.Repeat(1f, Count)], dx);

        Assert.All(dx.Zip(y), p => Assert.Equal(p.Second / 1000, p.First, 1e-3f));
        double mean = dx.Average();
        Assert.InRange(mean, 1, 1.25);
        Assert.InRange(Math.Sqrt(dx.Average(v => (v - mean) * (v - mean))), 0.098, 0.102);
    }

    [Fact]
    public void Forward_Evaluation_ChangesNothing()
    {
        ActivationNoise noise = new(new RandomSource(3), "noise") { Training = false };
        float[] y = new float[3];
        float[] dx = new float[3];
        noise.Forward([1, 2, 3], 3, y);
        noise.Backward([1, 2, 3], [4, 5, 6], dx);

        Assert.Equal([1, 2, 3], y);
        Assert.Equal([4, 5, 6], dx);
    }
}
