using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class LinearTests
{
    [Fact]
    public void Forward_KnownNumbers_ReadsWeightsAsOutIn()
    {
        Linear layer = new(3, 2, new RandomSource(1));
        Assert.Equal((Shape)(2, 3), layer.Weight.Shape);
        ((float[])[1, 2, 3, 4, 5, 6]).CopyTo(layer.Weight.Value, 0);
        ((float[])[10, 20]).CopyTo(layer.Bias!.Value, 0);
        Assert.Equal([10f + 1 - 2 + 6, 20 + 4 - 5 + 12], Samples.Forward(layer, [1, -1, 2], (1, 3)));
    }

    [Fact]
    public void Backward_KnownNumbers_GivesTheThreeProducts()
    {
        Linear layer = new(3, 2, new RandomSource(1));
        ((float[])[1, 2, 3, 4, 5, 6]).CopyTo(layer.Weight.Value, 0);
        float[] x = [1, -1, 2, 0, 3, 1];
        Samples.Forward(layer, x, (2, 3));
        Assert.Equal([6f, 9, 12, -1, 1, 3], Samples.Backward(layer, x, [2, 1, 3, -1]));
        Assert.Equal([2f, 7, 7, 1, -4, 1], layer.Weight.Gradient);
        Assert.Equal([5f, 0], layer.Bias!.Gradient);
        layer.Backward(x, [2, 1, 3, -1], default);
        Assert.Equal([4f, 14, 14, 2, -8, 2], layer.Weight.Gradient);
        Assert.Equal([10f, 0], layer.Bias.Gradient);
    }

    [Fact]
    public void ForwardAndBackward_RandomNumbers_MatchTheReference()
    {
        const int N = 9;
        const int K = 23;
        const int M = 14;
        Linear layer = new(K, M, new RandomSource(5));
        Samples.Normal(M).CopyTo(layer.Bias!.Value, 0);
        float[] x = Samples.Normal(N * K);
        float[] dy = Samples.Upstream(N * M);
        ReferenceLayer reference = layer.CreateReference();
        double[] y = reference.Forward(Compare.Widen(x), (N, K));
        double[] dx = reference.Backward(Compare.Widen(dy));
        double largest = x.Max(Math.Abs) * (double)layer.Weight.Value.Max(Math.Abs);
        Compare.Within(y, Samples.Forward(layer, x, (N, K)), Tolerance.Chain(K, K * largest + layer.Bias.Value.Max(Math.Abs)), "y");
        Compare.Within(dx, Samples.Backward(layer, x, dy), Tolerance.Chain(M, M * dy.Max(Math.Abs) * (double)layer.Weight.Value.Max(Math.Abs)), "dx");
        Compare.Within(reference.Parameters[0].Gradient, layer.Weight.Gradient, Tolerance.Chain(N, N * x.Max(Math.Abs) * (double)dy.Max(Math.Abs)), "dW");
        Compare.Within(reference.Parameters[1].Gradient, layer.Bias.Gradient, Tolerance.Chain(N, N * (double)dy.Max(Math.Abs)), "db");
    }

    [Theory]
    [InlineData(Initialization.HeNormal, 2.0 / 300, false)]
    [InlineData(Initialization.HeUniform, 2.0 / 300, true)]
    [InlineData(Initialization.XavierNormal, 2.0 / 500, false)]
    [InlineData(Initialization.XavierUniform, 2.0 / 500, true)]
    public void Constructor_Initialization_HasItsVariance(Initialization initialization, double variance, bool uniform)
    {
        Linear layer = new(300, 200, new RandomSource(3), initialization);
        double[] w = Compare.Widen(layer.Weight.Value);
        double deviation = Math.Sqrt(variance);
        double kurtosis = uniform ? 1.8 : 3;
        Assert.Equal(0, w.Average(), 5 * deviation / Math.Sqrt(w.Length));
        Assert.Equal(variance, w.Average(v => v * v), 5 * variance * Math.Sqrt((kurtosis - 1) / w.Length));
        Assert.Equal(kurtosis, w.Average(v => Math.Pow(v / deviation, 4)), 0.1);
        if (uniform)
        {
            Assert.InRange(w.Max(Math.Abs), 0.999 * Math.Sqrt(3) * deviation, Math.Sqrt(3) * deviation * (1 + 1e-7));
        }

        Compare.AllEqual(0, layer.Bias!.Value, "bias");
    }

    [Fact]
    public void Constructor_WithoutBias_HasNone()
    {
        Linear layer = new(3, 2, new RandomSource(1), withBias: false);
        Assert.Null(layer.Bias);
        Assert.Equal(["weight"], layer.Parameters.Select(p => p.Name));
        Compare.AllEqual(0, Samples.Forward(layer, new float[3], (1, 3)), "y");
        Samples.Backward(layer, new float[3], [1, 1]);
    }

    [Fact]
    public void Backward_FrozenWeight_KeepsItsGradient()
    {
        Linear layer = new(3, 2, new RandomSource(1));
        layer.Weight.Frozen = true;
        Samples.Forward(layer, [1, 2, 3], (1, 3));
        Samples.Backward(layer, [1, 2, 3], [1, 1]);
        Compare.AllEqual(0, layer.Weight.Gradient, "dW");
        Compare.AllEqual(1, layer.Bias!.Gradient, "db");
    }

    [Fact]
    public void ForwardAndBackward_EmptyBatch_ChangeNothing()
    {
        Linear layer = new(3, 2, new RandomSource(1));
        layer.Forward([], (0, 3), []);
        layer.Backward([], [], []);
        Compare.AllEqual(0, layer.Weight.Gradient, "dW");
        Compare.AllEqual(0, layer.Bias!.Gradient, "db");
    }

    [Fact]
    public void Forward_WrongShape_NamesExpectedAndActual()
    {
        Linear layer = new(3, 2, new RandomSource(1));
        ArgumentException error = Assert.Throws<ArgumentException>(() => layer.Forward(new float[8], (2, 4), new float[4]));
        Assert.StartsWith("Expected a shape (N, …, 3) for linear, got (2, 4).", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => layer.OutputShape(3));
        Assert.Equal((Shape)(7, 2), layer.OutputShape((7, 3)));
        Assert.Equal((Shape)(4, 7, 2), layer.OutputShape((4, 7, 3)));
    }

    [Fact]
    public void Constructor_GivenWeights_AreKeptAndHaveNoGradientYet()
    {
        float[] weight = [1, 2, 3, 4, 5, 6];
        float[] bias = [10, 20];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Linear layer = new(weight, 3, bias);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
        Assert.Same(weight, layer.Weight.Value);
        Assert.Same(bias, layer.Bias!.Value);
        Assert.Equal([24, 52, 15, 31], Samples.Forward(layer, [1, 2, 3, 0, 1, 1], (2, 1, 3)));
        Assert.Contains("rows of 4 elements", Assert.Throws<ArgumentException>(() => new Linear(weight, 4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Linear([], 3));
        Assert.Contains("2 elements", Assert.Throws<ArgumentException>("bias", () => new Linear(weight, 3, [1])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_NoWidth_NamesTheArgument()
    {
        Assert.Equal("inputs", Assert.Throws<ArgumentOutOfRangeException>(() => new Linear(0, 2, new RandomSource(1))).ParamName);
        Assert.Equal("outputs", Assert.Throws<ArgumentOutOfRangeException>(() => new Linear(2, 0, new RandomSource(1))).ParamName);
    }

    [Fact]
    public void Passes_OutputOverInput_AreErrors()
    {
        Linear layer = new(4, 4, new RandomSource(1));
        float[] x = new float[8];
        float[] dy = new float[8];
        Assert.Contains("memory apart from the input's", Assert.Throws<ArgumentException>(() => layer.Forward(x, (2, 4), x)).Message, StringComparison.Ordinal);
        layer.Forward(x, (2, 4), new float[8]);
        Assert.Throws<ArgumentException>(() => layer.Backward(x, dy, dy));
        LayerNorm1D norm = new(4);
        float[] shared = new float[10];
        Assert.Throws<ArgumentException>(() => norm.Forward(shared.AsSpan(0, 8), (2, 4), shared.AsSpan(2, 8)));
    }
}
