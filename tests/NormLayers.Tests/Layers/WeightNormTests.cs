using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Weight normalization and weight standardization: the weights in use, the gradients that are taken on, initialization from data, and training.</summary>
public sealed class WeightNormTests
{
    private static readonly Family s_weightNorm = new(nameof(WeightNorm), IndexSets.Rows(), IndexSets.Rows()) { Statistic = Statistic.L2 };
    private static readonly Family s_standardization = new(nameof(WeightStandardization), IndexSets.Rows(), IndexSets.All);

    public static TheoryData<int, int> Sizes => new(new[] { (1, 1), (2, 3), (7, 5), (16, 9), (33, 40), (130, 17) });

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WeightNorm_WeightsAndTheirGradients_MatchTheReference(int inputs, int outputs)
    {
        WeightNorm layer = new(Linear(inputs, outputs));
        Samples.Normal(outputs, 1.2, 0.4, 3).CopyTo(layer.G.Value, 0);
        Samples.Normal(inputs * outputs, 0.3, 1, 4).CopyTo(layer.V.Value, 0);
        Run(layer);

        NormReference norm = s_weightNorm.Reference(0, Compare.Widen(layer.G.Value), beta: null);
        (double[] v, double[] dw) = (Compare.Widen(layer.V.Value), Compare.Widen(layer.Linear.Weight.Gradient));
        Solution exact = Solution.Of(s_weightNorm, norm, v, (outputs, inputs), dw);
        NormTolerances allowed = Tolerance.Of(exact, v, dw, share: 1);
        Compare.Within(exact.Y.Exact, layer.Linear.Weight.Value, allowed.Y, "w");
        Compare.Within(exact.Dx.Exact, layer.V.Gradient, allowed.Dx, "dV");
        Compare.Within(exact.DGamma!.Exact, layer.G.Gradient, allowed.DGamma, "dG");

        (double[] dG, double[] dV) = (new double[outputs], new double[v.Length]);
        double[] w = WeightNormReference.WeightNorm(v, Compare.Widen(layer.G.Value), dw, dG, dV);
        Compare.Within(exact.Y.Exact, w, 1e-13, "w of the page");
        Compare.Within(exact.Dx.Exact, dV, 1e-12, "dV of the page");
        Compare.Within(exact.DGamma.Exact, dG, 1e-12, "dG of the page");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WeightStandardization_WeightsAndTheirGradients_MatchTheReference(int inputs, int outputs)
    {
        WeightStandardization layer = new(Linear(inputs, outputs));
        Samples.Normal(inputs * outputs, 0.3, 1, 4).CopyTo(layer.Weight.Value, 0);
        Run(layer);

        NormReference norm = s_standardization.Reference(1e-5, gamma: null, beta: null);
        (double[] raw, double[] dw) = (Compare.Widen(layer.Weight.Value), Compare.Widen(layer.Linear.Weight.Gradient));
        Solution exact = Solution.Of(s_standardization, norm, raw, (outputs, inputs), dw);
        NormTolerances allowed = Tolerance.Of(exact, raw, dw, share: 1);
        Compare.Within(exact.Y.Exact, layer.Linear.Weight.Value, allowed.Y, "w");
        Compare.Within(exact.Dx.Exact, layer.Weight.Gradient, allowed.Dx, "dw");

        double[] dRaw = new double[raw.Length];
        Compare.Within(exact.Y.Exact, WeightNormReference.Standardize(raw, outputs, 1e-5, dw, dRaw), 1e-13, "w of the page");
        Compare.Within(exact.Dx.Exact, dRaw, 1e-11, "dw of the page");
        Compare.SameBits(Samples.Forward(new LayerNorm1D(inputs, withGamma: false, withBeta: false), layer.Weight.Value, (outputs, inputs)), layer.Linear.Weight.Value, "layer norm of the rows");
    }

    [Fact]
    public void WeightNorm_AsItStarts_IsTheLinearLayer()
    {
        float[] weights = [.. Linear(20, 6).Weight.Value];
        WeightNorm layer = new(Linear(20, 6));
        Assert.Equal(weights, layer.V.Value);
        Compare.Within(Compare.Widen(weights), layer.Linear.Weight.Value, Array.ConvertAll(weights, w => 2 * Tolerance.Ulp(w)), "w");
        Assert.Equal(["weight_g", "weight_v", "bias"], layer.Parameters.Select(p => p.Name));
        Assert.Equal((Shape)(6, 1), layer.G.Shape);
        Assert.Equal("linear", layer.Name);
    }

    [Fact]
    public void WeightNorm_LongerV_IsTheSameFunctionWithASmallerGradient()
    {
        WeightNorm layer = new(Linear(9, 4));
        Run(layer);
        (float[] w, float[] dV) = ([.. layer.Linear.Weight.Value], [.. layer.V.Gradient]);
        Array.ConvertAll(layer.V.Value, v => 4 * v).CopyTo(layer.V.Value, 0);
        layer.ZeroGradients();
        Run(layer);
        Compare.SameBits(w, layer.Linear.Weight.Value, "w");
        Compare.SameBits(Array.ConvertAll(dV, d => d / 4), layer.V.Gradient, "dV");
        for (int o = 0; o < 4; o++)
        {
            double product = Enumerable.Range(9 * o, 9).Sum(i => (double)layer.V.Value[i] * layer.V.Gradient[i]);
            double size = Enumerable.Range(9 * o, 9).Sum(i => Math.Abs((double)layer.V.Value[i] * layer.V.Gradient[i]));
            Assert.InRange(Math.Abs(product), 0, 9 * 4e-7 * size);
        }
    }

    [Fact]
    public void Rows_OfZerosOrOneValue_GiveZeroWeights()
    {
        WeightNorm norm = new(Linear(3, 2));
        Array.Clear(norm.V.Value, 0, 3);
        Run(norm);
        Compare.AllEqual(0, norm.Linear.Weight.Value.AsSpan(0, 3), "w");
        Compare.AllEqual(0, norm.V.Gradient.AsSpan(0, 3), "dV");
        Assert.NotEqual(0, norm.Linear.Weight.Value[3]);

        WeightStandardization standardization = new(Linear(3, 2), epsilon: 0);
        Array.Fill(standardization.Weight.Value, 0.1f, 0, 3);
        Run(standardization);
        Compare.AllEqual(0, standardization.Linear.Weight.Value.AsSpan(0, 3), "w");
    }

    [Fact]
    public void InitializeFrom_Batch_GivesOutputsOfMeanZeroAndVarianceOne()
    {
        WeightNorm layer = new(Linear(12, 5));
        Array.Clear(layer.V.Value, 12, 12);
        float[] x = Samples.Normal(40 * 12, mean: 3, deviation: 2);
        Assert.Equal([1], layer.InitializeFrom(x, (40, 12)));
        Assert.Equal((1f, 0f), (layer.G.Value[1], layer.Linear.Bias!.Value[1]));
        float[] t = Samples.Forward(layer, x, (40, 12));
        foreach (int o in (int[])[0, 2, 3, 4])
        {
            double[] output = [.. Enumerable.Range(0, 40).Select(n => (double)t[5 * n + o])];
            double mean = output.Average();
            Assert.Equal(0, mean, 1e-5);
            Assert.Equal(1, output.Average(v => (v - mean) * (v - mean)), 1e-5);
        }

        Assert.Equal("shape", Assert.Throws<ArgumentException>(() => layer.InitializeFrom(x.AsSpan(0, 12), (1, 12))).ParamName);
    }

    [Fact]
    public void InitializeFrom_WithoutBias_GivesVarianceOne()
    {
        WeightNorm layer = new(new Linear(12, 5, new RandomSource(1), withBias: false));
        float[] x = Samples.Normal(40 * 12, mean: 3);
        Assert.Empty(layer.InitializeFrom(x, (40, 12)));
        float[] t = Samples.Forward(layer, x, (40, 12));
        double mean = Enumerable.Range(0, 40).Average(n => (double)t[5 * n]);
        Assert.Equal(1, Enumerable.Range(0, 40).Average(n => (t[5 * n] - mean) * (t[5 * n] - mean)), 1e-5);
        Assert.Equal(["weight_g", "weight_v"], layer.Parameters.Select(p => p.Name));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void Sequential_WithBothOptimizers_Learns(bool weightNorm, bool adam)
    {
        Linear first = new(6, 16, new RandomSource(3), name: "first");
        Sequential network = new(weightNorm ? new WeightNorm(first) : new WeightStandardization(first), new ReLU(), new Linear(16, 3, new RandomSource(4), name: "second"));
        Optimizer optimizer = adam ? new AdamOptimizer(network.Parameters, 0.02) : new SgdOptimizer(network.Parameters, 0.1, momentum: 0.9);
        float[] before = [.. network.Parameters.SelectMany(p => p.Value)];
        float[] x = Samples.Normal(60 * 6);
        int[] labels = [.. Enumerable.Range(0, 60).Select(n => x[6 * n] > 0.8f ? 0 : x[6 * n + 1] > 0.3f ? 1 : 2)];
        (float[] logits, float[] dLogits) = (new float[180], new float[180]);
        (double start, double end) = (0, 0);
        for (int step = 0; step < 120; step++)
        {
            network.Forward(x, (60, 6), logits);
            (end, _) = SoftmaxCrossEntropy.Evaluate(logits, labels, dLogits);
            start = step == 0 ? end : start;
            network.ZeroGradients();
            network.Backward(x, dLogits, default);
            optimizer.Step();
        }

        Assert.InRange(end, 0, start / 4);
        Assert.DoesNotContain(network.NamedParameters, p => p.Name == "first.weight" && weightNorm);
        Assert.All(network.Parameters, p => Assert.Contains(p.Value, v => !before.Contains(v)));
    }

    [Fact]
    public void Constructor_FrozenWeights_StayFrozen()
    {
        Linear linear = Linear(3, 2);
        linear.Weight.Frozen = true;
        WeightNorm layer = new(linear);
        Assert.True(layer.V.Frozen);
        Run(layer);
        Compare.AllEqual(0, layer.V.Gradient, "dV");
        Assert.Contains(layer.G.Gradient, g => g != 0);
    }

    private static Linear Linear(int inputs, int outputs) => new(inputs, outputs, new RandomSource(5));

    private static void Run(NormalizedLinear layer)
    {
        float[] x = Samples.Normal(11 * layer.Linear.Inputs, seed: 8);
        Samples.Forward(layer, x, (11, layer.Linear.Inputs));
        Samples.Backward(layer, x, Samples.Upstream(11 * layer.Linear.Outputs));
    }
}
