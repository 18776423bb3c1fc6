using NormLayers.Network;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

/// <summary>Each optimizer against its recurrence in double, with a gradient that changes from step to step.</summary>
public sealed class OptimizerTests
{
    private const int Steps = 25;

    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(0.9, 0.0)]
    [InlineData(0.0, 0.05)]
    [InlineData(0.7, 0.05)]
    public void Sgd_Steps_FollowPyTorchsRecurrence(double momentum, double decay)
    {
        const double Rate = 0.1;
        double v = 0;
        AssertFollows(
            parameters => new SgdOptimizer(parameters, Rate, momentum, decay),
            (w, g, step) =>
            {
                g += decay * w;
                v = step == 1 ? g : momentum * v + g;
                return w - Rate * v;
            },
            () => v = 0,
            amplification: 1 / (1 - momentum));
    }

    [Theory]
    [InlineData(0.0, 1e-8)]
    [InlineData(0.05, 1e-8)]
    [InlineData(0.0, 0.1)]
    public void Adam_Steps_FollowAlgorithmOne(double decay, double epsilon)
    {
        const double Rate = 0.01;
        (double m, double v) = (0, 0);
        AssertFollows(
            parameters => new AdamOptimizer(parameters, Rate, epsilon: epsilon, weightDecay: decay),
            (w, g, step) =>
            {
                g += decay * w;
                m = 0.9 * m + 0.1 * g;
                v = 0.999 * v + 0.001 * g * g;
                double mHat = m / (1 - Math.Pow(0.9, step));
                double vHat = v / (1 - Math.Pow(0.999, step));
                return w - Rate * mHat / (Math.Sqrt(vHat) + epsilon);
            },
            () => (m, v) = (0, 0),
            amplification: 1);
    }

    [Fact]
    public void Step_LearningRateChanged_UsesTheNewOne()
    {
        Parameter parameter = new("w", 1, fill: 1);
        SgdOptimizer optimizer = new([parameter], 0.5);
        parameter.Gradient[0] = 1;
        optimizer.Step();
        optimizer.LearningRate = 0.25;
        optimizer.Step();
        Assert.Equal(0.25f, parameter.Value[0]);
        Assert.Equal(1, parameter.Gradient[0]);
    }

    [Fact]
    public void Step_FrozenParameter_StaysAsItIs()
    {
        foreach (Func<Parameter[], Optimizer> create in (Func<Parameter[], Optimizer>[])
            [p => new SgdOptimizer(p, 0.1, 0.9, 0.1), p => new AdamOptimizer(p)])
        {
            Parameter frozen = new("a", 2, fill: 1) { Frozen = true };
            Parameter free = new("b", 2, fill: 1);
            Array.Fill(frozen.Gradient, 1);
            Array.Fill(free.Gradient, 1);
            create([frozen, free]).Step();
            Compare.AllEqual(1, frozen.Value, "frozen");
            Assert.All(free.Value, v => Assert.NotEqual(1, v));
        }
    }

    [Fact]
    public void Constructor_OutOfRange_NamesTheArgument()
    {
        Assert.Equal("learningRate", Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptimizer([], 0)).ParamName);
        Assert.Equal("learningRate", Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptimizer([], double.NaN)).ParamName);
        Assert.Equal("momentum", Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptimizer([], 1, momentum: 1)).ParamName);
        Assert.Equal("weightDecay", Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptimizer([], 1, weightDecay: -1)).ParamName);
        Assert.Equal("beta1", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamOptimizer([], beta1: 1)).ParamName);
        Assert.Equal("beta2", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamOptimizer([], beta2: -0.1)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamOptimizer([], epsilon: 0)).ParamName);
    }

    // Each step rounds the weight and its update a few times; momentum carries an update's error on, at most 1 / (1 − μ) times.
    private static void AssertFollows(
        Func<Parameter[], Optimizer> create, Func<double, double, int, double> recurrence, Action reset, double amplification)
    {
        Parameter parameter = new("w", 3);
        ((float[])[1, -0.5f, 3]).CopyTo(parameter.Value, 0);
        Optimizer optimizer = create([parameter]);
        float[] gradients = Samples.Upstream(3 * Steps);
        double[] start = Compare.Widen(parameter.Value);
        double[] expected = [.. start];
        for (int step = 0; step < Steps; step++)
        {
            gradients.AsSpan(step * 3, 3).CopyTo(parameter.Gradient);
            optimizer.Step();
        }

        for (int i = 0; i < 3; i++)
        {
            reset();
            for (int step = 0; step < Steps; step++)
            {
                expected[i] = recurrence(expected[i], gradients[step * 3 + i], step + 1);
            }
        }

        Assert.All(expected.Zip(start), p => Assert.NotEqual(p.First, p.Second, 0.01));
        Compare.Within(expected, parameter.Value, 2 * Steps * amplification * Tolerance.Ulp(4), "w");
    }

    [Fact]
    public void AdamStep_AfterTimeFrozen_StartsAsAFreshOne()
    {
        Parameter waiting = new("waiting", 1, fill: 1) { Frozen = true };
        AdamOptimizer optimizer = new([waiting], learningRate: 0.01);
        for (int step = 0; step < 100; step++)
        {
            optimizer.Step();
        }

        waiting.Frozen = false;
        waiting.Gradient[0] = 3;
        optimizer.Step();
        Assert.Equal(0.99f, waiting.Value[0], 1e-6f);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(47)]
    [InlineData(70_003)]
    public void AdamStep_AnyLength_HasTheBitsOfEachElementAlone(int length)
    {
        (float[] w, float[] g) = (Samples.Normal(length, seed: 3), Samples.Normal(length, seed: 4));
        (w[1], g[1], g[2], g[3]) = (0, 0, 1e-38f, 1e-45f);
        Parameter together = new("together", length);
        int[] places = [.. Enumerable.Range(0, length).Where(i => i < 48 || i >= length - 20)];
        Parameter[] alone = [.. places.Select(i => new Parameter($"alone{i}", 1))];
        w.CopyTo(together.Value, 0);
        AdamOptimizer all = new([together], 0.01, weightDecay: 0.1);
        AdamOptimizer each = new(alone, 0.01, weightDecay: 0.1);
        for (int k = 0; k < places.Length; k++)
        {
            alone[k].Value[0] = w[places[k]];
        }

        for (int step = 0; step < 4; step++)
        {
            for (int i = 0; i < length; i++)
            {
                together.Gradient[i] = g[(i + step) % length];
            }

            for (int k = 0; k < places.Length; k++)
            {
                alone[k].Gradient[0] = together.Gradient[places[k]];
            }

            all.Step();
            each.Step();
        }

        Compare.SameBits(Array.ConvertAll(alone, p => p.Value[0]), Array.ConvertAll(places, i => together.Value[i]), "w");
    }

    [Fact]
    public void LearningRate_SetToNaN_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptimizer([], 0.1).LearningRate = double.NaN);
}
