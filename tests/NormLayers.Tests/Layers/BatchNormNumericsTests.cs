using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Inputs that broke other implementations (conformance lists of bug reports), and their right answers.</summary>
public sealed class BatchNormNumericsTests
{
    [Theory]
    [InlineData(0f)]
    [InlineData(0.1f)]
    [InlineData(2000.3f)]
    [InlineData(1e10f)]
    [InlineData(-1e30f)]
    [InlineData(1e-42f)]
    public void Forward_ConstantChannel_IsExactlyBeta(float value)
    {
        foreach (double epsilon in (double[])[0, 1e-5])
        {
            BatchNorm1D layer = new(2, epsilon);
            ((float[])[3, -2]).CopyTo(layer.Gamma!.Value, 0);
            ((float[])[0.7f, -0.1f]).CopyTo(layer.Beta!.Value, 0);
            float[] x = Samples.Constant(2000, value);
            float[] y = Samples.Forward(layer, x, (1000, 2));
            for (int i = 0; i < y.Length; i++)
            {
                Assert.Equal(layer.Beta.Value[i % 2], y[i]);
            }

            float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
            Assert.All(dx, v => Assert.True(float.IsFinite(v)));
            Compare.AllEqual(0, layer.Gamma.Gradient, "dGamma");
        }
    }

    [Theory]
    [InlineData(1000f)]
    [InlineData(1e6f)]
    [InlineData(-8e6f)]
    public void ForwardAndBackward_FarOffset_LoseNothing(float offset)
    {
        const int N = 200;
        float[] near = new float[N];
        float[] far = new float[N];
        for (int i = 0; i < N; i++)
        {
            near[i] = i % 17 - 8 + (i % 3);
            far[i] = near[i] + offset;
            Assert.Equal(near[i], far[i] - offset);
        }

        float[] dy = Samples.Upstream(N);
        BatchNorm1D layer = new(1);
        float[] y = Samples.Forward(layer, far, (N, 1));
        float[] dx = Samples.Backward(layer, far, dy);

        double[] x = Compare.Widen(near);
        ReferenceLayer reference = new BatchNorm1D(1).CreateReference();
        NormTolerances allowed = Tolerance.BatchNorm(x, Compare.Widen(dy), 1, [1], [0], 1e-5);
        Compare.Within(reference.Forward(x, (N, 1)), y, allowed.Y, "y");
        Compare.Within(reference.Backward(Compare.Widen(dy)), dx, allowed.Dx, "dx");
        Compare.Within(reference.Parameters[0].Gradient, layer.Gamma!.Gradient, allowed.DGamma, "dGamma");
    }

    [Theory]
    [InlineData(1e30)]
    [InlineData(1e-30)]
    [InlineData(1e-40)]
    public void ForwardAndBackward_ExtremeScale_MatchTheReference(double scale)
    {
        // Epsilon 0: at 1e-30 the default one would swallow the variance. A small gamma keeps dx, about gamma / scale, a float.
        const int N = 64;
        double[] x = Array.ConvertAll(Samples.Normal(N), v => (double)(float)(v * scale));
        double[] dy = Compare.Widen(Samples.Upstream(N));
        BatchNorm1D layer = new(1, epsilon: 0);
        layer.Gamma!.Value[0] = (float)Math.Clamp(scale, 1e-30, 1);
        float[] y = Samples.Forward(layer, Compare.Narrow(x), (N, 1));
        float[] dx = Samples.Backward(layer, Compare.Narrow(x), Compare.Narrow(dy));

        ReferenceLayer reference = layer.CreateReference();
        double[] expectedY = reference.Forward(x, (N, 1));
        double[] expectedDx = reference.Backward(dy);
        NormTolerances allowed = Tolerance.BatchNorm(x, dy, 1, [layer.Gamma.Value[0]], [0], 0);
        Compare.Within(expectedY, y, allowed.Y, "y");
        Compare.Within(expectedDx, dx, allowed.Dx, "dx");
    }

    [Fact]
    public void Forward_ValuesNearTheLargestFloat_StayFinite()
    {
        float[] y = Samples.Forward(new BatchNorm1D(1), [float.MaxValue, -float.MaxValue, float.MaxValue, -float.MaxValue], (4, 1));
        Compare.Within([1, -1, 1, -1], y, Tolerance.Element(1), "y");
    }

    [Fact]
    public void Backward_RandomUpstream_SumsToZeroPerChannel()
    {
        BatchNorm1D layer = new(4);
        Samples.Normal(4, 1, 0.3, seed: 8).CopyTo(layer.Gamma!.Value, 0);
        float[] x = Samples.Normal(4 * 50);
        Samples.Forward(layer, x, (50, 4));
        float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
        Assert.Contains(dx, v => Math.Abs(v) > 0.1);
        for (int c = 0; c < 4; c++)
        {
            double sum = Compare.Widen(dx).Where((_, i) => i % 4 == c).Sum();
            Assert.Equal(0, sum, 50 * Tolerance.Ulp(dx.Max(Math.Abs)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Passes_AnotherChannelIsNotFinite_KeepTheirBits(int length)
    {
        Shape shape = length == 1 ? (8, 3) : (8, 3, length);
        float[] x = Samples.Normal(shape.Length, seed: 1);
        float[] dy = Samples.Normal(shape.Length, seed: 2);
        (float[] y, float[] dx) = Passes(x);
        x[0] = float.PositiveInfinity;
        (float[] spoiltY, float[] spoiltDx) = Passes(x);
        for (int i = 0; i < x.Length; i++)
        {
            if (i / length % 3 != 0)
            {
                Assert.Equal(y[i], spoiltY[i]);
                Assert.Equal(dx[i], spoiltDx[i]);
            }
        }

        (float[] Y, float[] Dx) Passes(float[] input)
        {
            BatchNorm1D layer = new(3);
            float[] output = new float[input.Length];
            float[] gradient = new float[input.Length];
            layer.Forward(input, shape, output);
            layer.Backward(input, dy, gradient);
            return (output, gradient);
        }
    }

    [Fact]
    public void Forward_ConstantChannelWithHugeGammaOverTinyEpsilon_GivesBeta()
    {
        BatchNorm1D layer = new(1, epsilon: 1e-50);
        layer.Gamma!.Value[0] = 1e15f;
        layer.Beta!.Value[0] = 2;
        float[] y = new float[4];
        layer.Forward([3, 3, 3, 3], (4, 1), y);
        Assert.Equal([2f, 2f, 2f, 2f], y);
    }
}
