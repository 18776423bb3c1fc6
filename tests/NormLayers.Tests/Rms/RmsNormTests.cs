using NormLayers.Tests.Support;

namespace NormLayers.Tests.Rms;

/// <summary>Options and contracts of the layer; its numbers are in Conformance, Checks and Kernels.</summary>
public sealed class RmsNormTests
{
    private static readonly Shape s_shape = (6, 5);

    [Fact]
    public void Constructor_Defaults_AreStated()
    {
        RmsNorm layer = new(3);
        Assert.Equal(3, layer.Features);
        Assert.Equal(1e-5, layer.Epsilon);
        Assert.False(layer.EpsilonOutsideRoot);
        Assert.False(layer.OnePlusGamma);
        Assert.Equal([1f, 1, 1], layer.Gamma!.Value);
        Assert.Equal(["gamma"], layer.Parameters.Select(p => p.Name));
        Assert.Equal("rmsnorm", layer.Name);
    }

    [Fact]
    public void Constructor_WithoutGammaOrOnePlusGamma_GivesTheBitsOfGammaOne()
    {
        float[] x = Samples.Normal(s_shape.Length);
        float[] dy = Samples.Upstream(s_shape.Length);
        RmsNorm full = new(5);
        float[] y = Samples.Forward(full, x, s_shape);
        float[] dx = Samples.Backward(full, x, dy);

        RmsNorm without = new(5, withGamma: false);
        Assert.Null(without.Gamma);
        Assert.Empty(without.Parameters);
        Compare.SameBits(y, Samples.Forward(without, x, s_shape), "y without gamma");
        Compare.SameBits(dx, Samples.Backward(without, x, dy), "dx without gamma");

        RmsNorm onePlus = new(5, onePlusGamma: true);
        Compare.AllEqual(0, onePlus.Gamma!.Value, "gamma");
        Compare.SameBits(y, Samples.Forward(onePlus, x, s_shape), "y of 1 + gamma");
        Compare.SameBits(dx, Samples.Backward(onePlus, x, dy), "dx of 1 + gamma");
        Compare.SameBits(full.Gamma!.Gradient, onePlus.Gamma.Gradient, "dGamma of 1 + gamma");
        Compare.AllEqual(0, onePlus.Gamma.Value, "gamma after the passes");
    }

    [Fact]
    public void Constructor_OutOfRange_NamesTheArgument()
    {
        Assert.Equal("features", Assert.Throws<ArgumentOutOfRangeException>(() => new RmsNorm(0)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new RmsNorm(1, epsilon: -0.5)).ParamName);
        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new RmsNorm(1, epsilon: double.NaN)).ParamName);
        ArgumentException error = Assert.Throws<ArgumentException>(() => new RmsNorm(1, withGamma: false, onePlusGamma: true));
        Assert.Equal("Expected a layer with γ, got a layer without γ. (Parameter 'onePlusGamma')", error.Message);
    }

    [Fact]
    public void OnePlusGamma_GammaSetByAnOptimizer_IsUsedByTheNextPass()
    {
        RmsNorm layer = new(2, epsilon: 0, onePlusGamma: true);
        Assert.Equal([1f, -1], Samples.Forward(layer, [3, -3], (1, 2)));
        layer.Gamma!.Value[0] = 1.5f;
        layer.Gamma.Value[1] = -2;
        Assert.Equal([2.5f, 1], Samples.Forward(layer, [3, -3], (1, 2)));
        Assert.Equal([2.5f, 1], Samples.Forward(layer, [3, -3], (1, 2)));
        Assert.Equal([1.5f, -2], layer.Gamma.Value);
    }

    [Fact]
    public void Functions_OnePlusGamma_HaveTheBitsOfTheLayer()
    {
        const int C = 37;
        float[] x = Samples.Normal(6 * C), residual = Samples.Normal(6 * C, seed: 2), dy = Samples.Upstream(6 * C), sum = new float[6 * C], y = new float[6 * C], dx = new float[6 * C];
        RmsNorm layer = new(C, onePlusGamma: true);
        float[] gamma = Samples.Normal(C, seed: 3), dGamma = new float[C];
        gamma.CopyTo(layer.Gamma!.Value, 0);
        NormStatistics statistics = new();

        Functional.RmsNorm(x, C, gamma, 1e-5, y, statistics, onePlusGamma: true);
        Compare.SameBits(Samples.Forward(layer, x, (6, C)), y, "y");
        Functional.RmsNormBackward(x, dy, C, gamma, statistics, dx, dGamma, onePlusGamma: true);
        Compare.SameBits(Samples.Backward(layer, x, dy), dx, "dx");
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
        Functional.AddRmsNorm(x, residual, C, gamma, 1e-5, sum, y, onePlusGamma: true);
        Compare.SameBits(Samples.Forward(layer, sum, (6, C)), y, "y of the sum");
        Compare.SameBits(layer.Gamma.Value, gamma, "gamma");
        Assert.Equal(
            "Expected a γ, got Functional.Ones. (Parameter 'onePlusGamma')",
            Assert.Throws<ArgumentException>(() => Functional.RmsNorm(x, C, Functional.Ones, 1e-5, y, onePlusGamma: true)).Message);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => Functional.RmsNorm(gamma, C, gamma, 1e-5, gamma, onePlusGamma: true)).ParamName);
        Assert.Equal("dx", Assert.Throws<ArgumentException>(() => Functional.RmsNormBackward(gamma, y.AsSpan(0, C), C, dGamma, statistics, dGamma, default, onePlusGamma: true)).ParamName);
    }

    [Theory]
    [InlineData(false, 1 / 8.0)]
    [InlineData(true, 1 / 10.0)]
    public void Forward_EpsilonInEitherPlace_IsTheFormula(bool outside, double rstd)
    {
        // √(6² + 28) = 8; √6² + 4 = 10.
        float[] y = Samples.Forward(new RmsNorm(2, epsilon: outside ? 4 : 28, epsilonOutsideRoot: outside), [6, -6], (1, 2));
        Compare.Within([6 * rstd, -6 * rstd], y, Tolerance.Element(1), "y");
    }

    // Without a mean, the two normalizations are the same function of a row whose mean is 0 (β = 0).
    [Fact]
    public void Forward_RowsOfMeanZero_AreThoseOfLayerNorm()
    {
        float[] half = Samples.Normal(5 * 24, seed: 4);
        float[] x = [.. half.Chunk(24).SelectMany(row => row.Concat(row.Select(v => -v)))];
        RmsNorm rms = new(48);
        LayerNorm1D layer = new(48);
        Samples.Normal(48, seed: 5).CopyTo(rms.Gamma!.Value, 0);
        rms.Gamma.Value.CopyTo(layer.Gamma!.Value, 0);
        float[] y = Samples.Forward(layer, x, (5, 48));
        Compare.Within(Compare.Widen(y), Samples.Forward(rms, x, (5, 48)), Array.ConvertAll(y, v => Tolerance.Element(v)), "y");

        // On other rows it is not, and Σdx is not 0: there is a gradient along (1, …, 1).
        float[] shifted = Array.ConvertAll(x, v => v + 1);
        Assert.True(Samples.Forward(rms, shifted, (5, 48)).Zip(Samples.Forward(layer, shifted, (5, 48)), (a, b) => Math.Abs(a - b)).Max() > 0.1);
        Assert.True(Math.Abs(Samples.Backward(rms, shifted, Samples.Upstream(x.Length))[..48].Sum(v => (double)v)) > 0.1);
    }

    [Fact]
    public void Forward_EitherModeAnyRankInPlace_GivesTheSameBits()
    {
        float[] x = Samples.Normal(2 * 3 * 4 * 5);
        RmsNorm layer = new(5);
        float[] rows = Samples.Forward(layer, x, (24, 5));
        Compare.SameBits(rows, Samples.Forward(layer, x, (2, 12, 5)), "rank 3");
        Compare.SameBits(rows, Samples.Forward(layer, x, (2, 3, 4, 5)), "rank 4");
        Compare.SameBits(rows.AsSpan(0, 5), Samples.Forward(layer, x[..5], 5), "rank 1");
        layer.Training = false;
        Compare.SameBits(rows, Samples.Forward(layer, x, (24, 5)), "evaluation");
        layer.Forward(x, (24, 5), x);
        Compare.SameBits(rows, x, "in place");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1e-6)]
    public void Passes_RowOfZeros_GiveZerosAndTheGradientOverRootEpsilon(double epsilon)
    {
        RmsNorm layer = new(4, epsilon);
        Compare.SameBits(new float[4], Samples.Forward(layer, new float[4], (1, 4)), "y");
        double[] expected = [.. new[] { 1.0, -2, 3, 0 }.Select(g => epsilon == 0 ? 0 : g / Math.Sqrt(epsilon))];
        Compare.Within(expected, Samples.Backward(layer, new float[4], [1, -2, 3, 0]), Tolerance.Element(3000), "dx");
        Compare.AllEqual(0, layer.Gamma!.Gradient, "dGamma");
    }

    [Fact]
    public void ForwardAndBackward_EmptyBatch_ChangeNothing()
    {
        RmsNorm layer = new(5, onePlusGamma: true);
        layer.Forward([], (0, 5), []);
        layer.Backward([], [], []);
        layer.Forward([], (3, 0, 5), []);
        layer.Backward([], [], []);
        Compare.AllEqual(0, layer.Gamma!.Gradient, "dGamma");
    }

    [Fact]
    public void Backward_FrozenGamma_KeepsItsGradient()
    {
        RmsNorm layer = new(5);
        layer.Gamma!.Frozen = true;
        float[] x = Samples.Normal(s_shape.Length);
        Samples.Forward(layer, x, s_shape);
        float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
        Compare.AllEqual(0, layer.Gamma.Gradient, "dGamma");
        Assert.All(dx, v => Assert.NotEqual(0, v));
    }

    [Fact]
    public void Passes_LargestBatchSeen_AllocateNothing()
    {
        RmsNorm layer = new(20, onePlusGamma: true);
        float[] x = Samples.Normal(64 * 20);
        float[] dy = Samples.Upstream(x.Length);
        float[] y = new float[x.Length];
        Run();
        Assert.Equal(0, Allocations.Of(Run));

        void Run()
        {
            layer.Forward(x, (64, 20), y);
            layer.Backward(x, dy, y);
            layer.Forward(x.AsSpan(0, 20), (1, 20), y.AsSpan(0, 20));
        }
    }

    [Fact]
    public void Forward_WrongShape_NamesExpectedAndActual()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new RmsNorm(5, name: "norm3").Forward(new float[12], (2, 6), new float[12]));
        Assert.Equal("Expected a shape whose last dimension is 5 for norm3, got (2, 6). (Parameter 'shape')", error.Message);
    }
}
