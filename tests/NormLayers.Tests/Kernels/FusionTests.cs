using NormLayers.Network;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Kernels;

/// <summary>What is fused gives the bits of its parts.</summary>
public sealed class FusionTests
{
    // Ordinary data, and rows and channels whose scale no float holds.
    public static TheoryData<string, int, int, int, double> Cases()
    {
        TheoryData<string, int, int, int, double> cases = [];
        foreach (string layer in (string[])["layernorm", "batchnorm", "batchnorm in evaluation"])
        {
            foreach ((int n, int c, int length) in ((int, int, int)[])[(1, 1, 2), (5, 7, 1), (9, 33, 1), (4, 100, 1), (300, 130, 1), (6, 5, 70), (33, 9, 7)])
            {
                cases.Add(layer, n, c, length, 1);
                cases.Add(layer, n, c, length, 1e-35);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void NormWithReLU_Passes_SameBitsAsNormThenReLU(string name, int n, int c, int length, double deviation)
    {
        Shape shape = length == 1 || name == "layernorm" ? (n * length, c) : new Shape(n, c, length);
        float[] x = Samples.Normal(shape.Length, mean: 0.3 * deviation, deviation);
        float[] dy = Samples.Upstream(shape.Length);
        foreach (bool wantsDx in (bool[])[true, false])
        {
            Layer norm = Create(name, c, relu: false);
            ReLU relu = new();
            float[] z = new float[x.Length];
            float[] y = new float[x.Length];
            float[] dz = new float[x.Length];
            float[] dx = wantsDx ? new float[x.Length] : [];
            norm.Forward(x, shape, z);
            relu.Forward(z, shape, y);
            relu.Backward(z, dy, dz);
            norm.Backward(x, dz, dx);
            Assert.True(x.Length < 30 || y.Contains(0), "The ReLU has nothing to do.");

            Layer fused = Create(name, c, relu: true);
            float[] fusedY = Samples.Constant(x.Length, float.NaN);
            float[] fusedDx = wantsDx ? [.. dy] : [];
            fused.Forward(x, shape, fusedY);
            fused.Backward(x, wantsDx ? fusedDx : dy, fusedDx);
            Assert.Equal(y, fusedY);
            Assert.Equal(dx, fusedDx);
            Assert.Equal(norm.Parameters.SelectMany(p => p.Gradient), fused.Parameters.SelectMany(p => p.Gradient));
        }
    }

    [Theory]
    [InlineData("layernorm")]
    [InlineData("batchnorm")]
    [InlineData("batchnorm in evaluation")]
    public void NormWithReLU_GradientCheck_Passes(string name)
    {
        GradientReport report = GradientCheck.Check(Create(name, 6, relu: true), (9, 6));
        Assert.True(report.Passed, report.ToString());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(9, 7)]
    [InlineData(40, 130)]
    [InlineData(700, 70)]
    public void AddLayerNorm_RandomRows_SameBitsAsAddThenLayerNorm(int rows, int features)
    {
        float[] x = Samples.Normal(rows * features);
        float[] residual = Samples.Normal(rows * features, mean: -1, seed: 7);
        float[] gamma = Samples.Normal(features, mean: 1, seed: 8);
        float[] beta = Samples.Normal(features, seed: 9);
        float[] expectedSum = [.. x.Zip(residual, (a, b) => a + b)];
        float[] expected = new float[x.Length];
        Functional.LayerNorm(expectedSum, features, gamma, beta, 1e-5, expected);

        float[] sum = new float[x.Length];
        float[] y = new float[x.Length];
        Functional.AddLayerNorm(x, residual, features, gamma, beta, 1e-5, sum, y);
        Assert.Equal(expectedSum, sum);
        Assert.Equal(expected, y);
        Functional.AddLayerNorm(x, residual, features, gamma, beta, 1e-5, residual, y);
        Assert.Equal(expectedSum, residual);
        Assert.Equal(expected, y);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 1)]
    [InlineData(1, 4096)]
    [InlineData(40, 130)]
    [InlineData(700, 70)]
    public void AddRmsNorm_RandomRows_SameBitsAsAddThenRmsNorm(int rows, int features)
    {
        float[] x = Samples.Normal(rows * features);
        float[] residual = Samples.Normal(rows * features, mean: -1, seed: 7);
        float[] gamma = Samples.Normal(features, mean: 1, seed: 8);
        float[] expectedSum = [.. x.Zip(residual, (a, b) => a + b)];
        float[] expected = new float[x.Length];
        Functional.RmsNorm(expectedSum, features, gamma, 1e-5, expected);

        float[] sum = new float[x.Length];
        float[] y = new float[x.Length];
        NormStatistics statistics = new();
        Functional.AddRmsNorm(x, residual, features, gamma, 1e-5, sum, y, statistics);
        Assert.Equal(rows, statistics.Count);
        Assert.Equal(expectedSum, sum);
        Assert.Equal(expected, y);
        Functional.AddRmsNorm(x, residual, features, gamma, 1e-5, residual, y);
        Assert.Equal(expectedSum, residual);
        Assert.Equal(expected, y);
        Functional.AddRmsNorm(x, Samples.Normal(rows * features, mean: -1, seed: 7), features, gamma, 1e-5, x, y);
        Assert.Equal(expectedSum, x);
        Assert.Equal(expected, y);
    }

    [Fact]
    public void AddLayerNorm_OutputOverSum_Throws()
    {
        float[] x = new float[4];
        float[] sum = new float[4];
        ArgumentException e = Assert.Throws<ArgumentException>(() => Functional.AddLayerNorm(x, x, 2, Functional.Ones, Functional.Zeros, 1e-5, sum, sum));
        Assert.Contains("memory apart from x, residual and sum", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Functional_WithReLU_SameBitsAsReLUAfter()
    {
        float[] x = Samples.Normal(60);
        float[] plain = new float[60];
        float[] fused = new float[60];
        Functional.LayerNorm(x, 20, Functional.Ones, Functional.Zeros, 1e-5, plain);
        Functional.LayerNorm(x, 20, Functional.Ones, Functional.Zeros, 1e-5, fused, relu: true);
        Assert.Equal(plain.Select(v => v <= 0 ? 0 : v), fused);
        Functional.BatchNorm(x, (3, 20), new float[20], Samples.Constant(20, 1), Functional.Ones, Functional.Zeros, 1e-5, plain);
        Functional.BatchNorm(x, (3, 20), new float[20], Samples.Constant(20, 1), Functional.Ones, Functional.Zeros, 1e-5, fused, relu: true);
        Assert.Equal(plain.Select(v => v <= 0 ? 0 : v), fused);
    }

    private static Layer Create(string name, int channels, bool relu)
    {
        Layer layer = name == "layernorm" ? new LayerNorm1D(channels, epsilon: 0, relu: relu) : new BatchNorm1D(channels, epsilon: 0, relu: relu);
        layer.Training = !name.Contains("evaluation", StringComparison.Ordinal);
        for (int p = 0; p < layer.Parameters.Count; p++)
        {
            float[] values = Samples.Normal(channels, mean: 1 - p, seed: (ulong)(20 + p));
            values.CopyTo(layer.Parameters[p].Value, 0);
        }

        return layer;
    }
}
