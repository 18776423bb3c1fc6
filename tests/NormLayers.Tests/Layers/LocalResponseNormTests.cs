using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Local response normalization's numbers against its page's reference, and its two window conventions.</summary>
public sealed class LocalResponseNormTests
{
    // One rounding of the result, and a few of double beside it.
    private const double OneRounding = 0.51;
    private const double InDouble = 1e-13;

    [Theory]
    [InlineData(5, 1e-4, 0.75, 1, false)]
    [InlineData(4, 0.5, 0.75, 2, false)]
    [InlineData(4, 0.5, 0.75, 2, true)]
    [InlineData(1, 3, 0.5, 0.25, false)]
    [InlineData(2, 1, 1, 0, true)]
    [InlineData(30, 2, 1.5, 1e-20, false)]
    [InlineData(3, 0, 2, 3, true)]
    [InlineData(3, 1, 0, 1, false)]
    public void Passes_EveryShape_AreRoundedOnce(int size, double alpha, double beta, double k, bool up)
    {
        foreach (Shape shape in (Shape[])[(2, 1), (3, 7), (1, 4, 8), (2, 5, 13), (3, 9, 2, 4), (2, 3, 33), (1, 1, 5)])
        {
            foreach (double magnitude in (double[])[1, 1e15, 1e-15])
            {
                float[] x = Array.ConvertAll(Samples.Normal(shape.Length, 0.5, 2, (ulong)shape.Length), v => (float)(v * magnitude));
                float[] dy = Samples.Upstream(x.Length);
                LocalResponseNorm layer = new(size, alpha, beta, k, up);
                ReferenceLayer reference = layer.CreateReference();
                double[] y = reference.Forward(Compare.Widen(x), shape);
                double[] dx = reference.Backward(Compare.Widen(dy));

                // dx is a difference: its double terms are as large as dy·s^−β = dy·y/x.
                double[] dxTolerance = [.. dx.Select((v, i) => OneRounding * Tolerance.Ulp(v) + size * (1 + beta) * InDouble * Largest(y, x, dy))];
                Compare.Within(y, Samples.Forward(layer, x, shape), Array.ConvertAll(y, v => OneRounding * Tolerance.Ulp(v)), $"y of {shape}, {magnitude}");
                Compare.Within(dx, Samples.Backward(layer, x, dy), dxTolerance, $"dx of {shape}, {magnitude}");
            }
        }
    }

    [Fact]
    public void Forward_EvenWindow_ReachesDownAsInPyTorchOrUpAsInOnnx()
    {
        float[] x = [1, 2, 4];
        Assert.Equal([1 / 1.5f, 2 / 3.5f, 4 / 11f], Samples.Forward(new LocalResponseNorm(2, alpha: 1, beta: 1), x, (1, 3)));
        Assert.Equal([1 / 3.5f, 2 / 11f, 4 / 9f], Samples.Forward(new LocalResponseNorm(2, alpha: 1, beta: 1, evenReachesUp: true), x, (1, 3)));
    }

    [Fact]
    public void Forward_AllChannelsAndNoOffset_IsRmsNorm()
    {
        // s = Σx²/n over all of 12 channels with α = n/12, β = ½ and k = 0.
        float[] x = Samples.Normal(7 * 12, mean: 2);
        float[] expected = Samples.Forward(new RmsNorm(12, epsilon: 0), x, (7, 12));
        float[] actual = Samples.Forward(new LocalResponseNorm(24, alpha: 2, beta: 0.5, k: 0), x, (7, 12));
        Compare.Within(Compare.Widen(expected), actual, Array.ConvertAll(expected, v => 3 * Tolerance.Ulp(v)), "y");
    }

    [Theory]
    [InlineData("k", 1, 1.1e280)]
    [InlineData("k", 1, double.PositiveInfinity)]
    [InlineData("k", 1, double.NaN)]
    [InlineData("k", 1, -1)]
    [InlineData("alpha", 1.1e200, 1)]
    [InlineData("alpha", double.MaxValue, 1)]
    [InlineData("alpha", double.NaN, 1)]
    [InlineData("alpha", -1, 1)]
    public void Constants_BeyondThePowersRange_AreRefused(string name, double alpha, double k)
    {
        ArgumentException layer = Assert.Throws<ArgumentOutOfRangeException>(name, () => new LocalResponseNorm(3, alpha, k: k));
        Assert.Contains(name == "k" ? "a number from 0 to 1E+280" : "a number from 0 to 1E+200", layer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e-4, 1e280)]
    [InlineData(1e200, 1)]
    [InlineData(1e200, 1e280)]
    public void Forward_LargestConstants_AreRoundedOnce(double alpha, double k)
    {
        float[] x = [1, -3, float.MaxValue, float.MaxValue, float.MaxValue, 2];
        LocalResponseNorm layer = new(3, alpha, 0.01, k);
        double[] y = layer.CreateReference().Forward(Compare.Widen(x), (1, 6));
        Compare.Within(y, Samples.Forward(layer, x, (1, 6)), Array.ConvertAll(y, v => OneRounding * Tolerance.Ulp(v)), "y");
    }

    [Fact]
    public void Passes_Zeros_GiveZeroAndWhatTheOffsetLeaves()
    {
        LocalResponseNorm layer = new(3, beta: 2, k: 2);
        Compare.AllEqual(0, Samples.Forward(layer, new float[10], (1, 10)), "y");
        Compare.AllEqual(0.25f, Samples.Backward(layer, new float[10], Samples.Constant(10, 1)), "dx");
        LocalResponseNorm without = new(3, k: 0);
        Compare.AllEqual(0, Samples.Forward(without, new float[10], (1, 10)), "y");
        Compare.AllEqual(float.PositiveInfinity, Samples.Backward(without, new float[10], Samples.Constant(10, 1)), "dx");
    }

    [Fact]
    public void Passes_NaNOrInfinity_ReachTheirWindowsOnly()
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity])
        {
            LocalResponseNorm layer = new(3);
            float[] x = Samples.Normal(2 * 8 * 11);
            x[4 * 11 + 6] = bad;
            float[] y = Samples.Forward(layer, x, (2, 8, 11));
            float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
            for (int i = 0; i < x.Length; i++)
            {
                (int n, int c, int l) = (i / 88, i / 11 % 8, i % 11);
                int distance = n == 0 && l == 6 ? Math.Abs(c - 4) : 9;
                Assert.Equal(distance == 0 || (distance == 1 && float.IsNaN(bad)), float.IsNaN(y[i]));
                Assert.True(distance != 1 || float.IsNaN(bad) || y[i] == 0, "An infinite sum makes its neighbours 0.");
                Assert.True(distance <= 2 || float.IsFinite(dx[i]), $"dx[{i}]");
            }
        }
    }

    /// <summary>s⁰ is 1 for every s, so nothing of a neighbour is left.</summary>
    [Fact]
    public void Forward_BetaZero_IsTheInput()
    {
        float[] x = [1, float.NaN, -2, float.PositiveInfinity, 3, 0, 1e30f, -1e-30f, 5];
        float[] y = Samples.Forward(new LocalResponseNorm(3, beta: 0), x, (1, 9, 1));
        Compare.SameBits(x, y, "y");
    }

    [Fact]
    public void Constructor_Defaults_ArePyTorchs()
    {
        LocalResponseNorm layer = new(5);
        Assert.Equal((5, 1e-4, 0.75, 1, false), (layer.Size, layer.Alpha, layer.Beta, layer.K, layer.EvenReachesUp));
        Assert.Empty(layer.Parameters);
    }

    private static double Largest(double[] y, float[] x, float[] dy) => y.Select((v, i) => x[i] == 0 ? 0 : Math.Abs(dy[i] * v / x[i])).Max();
}
