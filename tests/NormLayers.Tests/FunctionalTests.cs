using System.Numerics.Tensors;
using NormLayers.Tests.Support;

namespace NormLayers.Tests;

/// <summary>The functions against the layers: the same bits, and their own checks.</summary>
public sealed class FunctionalTests
{
    [Theory]
    [InlineData(5, 7)]
    [InlineData(3, 64)]
    [InlineData(0, 4)]
    public void LayerNorm_AnyShape_GivesTheLayersBits(int rows, int features)
    {
        float[] x = Samples.Normal(rows * features, seed: 1);
        LayerNorm1D layer = new(features, epsilon: 1e-3);
        Samples.Normal(features, seed: 2).CopyTo(layer.Gamma!.Value, 0);
        Samples.Normal(features, seed: 3).CopyTo(layer.Beta!.Value, 0);
        float[] expected = new float[x.Length];
        layer.Forward(x, (rows, features), expected);

        float[] y = new float[x.Length];
        Functional.LayerNorm(x, features, layer.Gamma.Value, layer.Beta.Value, 1e-3, y);
        Assert.Equal(expected, y);

        Functional.LayerNorm(x, features, layer.Gamma.Value, layer.Beta.Value, 1e-3, x);
        Assert.Equal(expected, x);
    }

    [Fact]
    public void LayerNorm_Tensor_GivesTheSpansBits()
    {
        float[] x = Samples.Normal(24, seed: 1);
        float[] expected = new float[24];
        Functional.LayerNorm(x, 4, Functional.Ones, Functional.Zeros, 1e-5, expected);
        float[] y = new float[24];
        Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [2, 3, 4]), Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(y, [2, 3, 4]));
        Assert.Equal(expected, y);
    }

    [Fact]
    public void LayerNorm_TensorThatIsNotDenseOrOfAnotherShape_IsAnError()
    {
        float[] x = new float[24];
        float[] y = new float[24];
        ArgumentException shape = Assert.Throws<ArgumentException>(
            () => Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [6, 4]), Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(y, [4, 6])));
        Assert.StartsWith("Expected x's shape (6, 4), got (4, 6).", shape.Message, StringComparison.Ordinal);
        ArgumentException dense = Assert.Throws<ArgumentException>(
            () => Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [3, 4], [8, 1]), Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(y, [3, 4], [8, 1])));
        Assert.Contains("a dense tensor", dense.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5, 7, 1)]
    [InlineData(3, 20, 1)]
    [InlineData(2, 3, 19)]
    public void BatchNorm_GivenStatistics_GivesTheLayersBits(int rows, int channels, int length)
    {
        Shape shape = length == 1 ? (rows, channels) : (rows, channels, length);
        float[] x = Samples.Normal(shape.Length, seed: 1);
        BatchNorm1D layer = new(channels) { Training = false };
        Samples.Normal(channels, seed: 2).CopyTo(layer.Gamma!.Value, 0);
        Samples.Normal(channels, seed: 3).CopyTo(layer.Running!.Mean, 0);
        float[] expected = new float[x.Length];
        layer.Forward(x, shape, expected);

        float[] y = new float[x.Length];
        Functional.BatchNorm(x, shape, layer.Running.Mean, layer.Running.Variance, layer.Gamma.Value, layer.Beta!.Value, 1e-5, y);
        Assert.Equal(expected, y);

        Functional.BatchNorm(x, shape, layer.Running.Mean, layer.Running.Variance, layer.Gamma.Value, layer.Beta.Value, 1e-5, x);
        Assert.Equal(expected, x);
    }

    [Theory]
    [InlineData(5, 7, false, 0)]
    [InlineData(40, 33, true, 0)]
    [InlineData(40, 33, true, 2e7f)]
    public void LayerNormBackward_AnyShape_GivesTheLayersBits(int rows, int features, bool relu, float mean0)
    {
        float[] x = [.. Samples.Normal(rows * features, seed: 1).Select(v => v + mean0)];
        float[] dy = Samples.Upstream(x.Length);
        LayerNorm1D layer = new(features, relu: relu);
        Samples.Normal(features, seed: 2).CopyTo(layer.Gamma!.Value, 0);
        Samples.Normal(features, seed: 3).CopyTo(layer.Beta!.Value, 0);
        (float[] y, float[] dx) = (new float[x.Length], new float[x.Length]);
        layer.Forward(x, (rows, features), y);
        layer.Backward(x, dy, dx);

        float[] actual = new float[x.Length];
        NormStatistics statistics = new();
        (float[] dGamma, float[] dBeta) = (new float[features], new float[features]);
        Functional.LayerNorm(x, features, layer.Gamma.Value, layer.Beta.Value, 1e-5, actual, relu, statistics);
        Assert.Equal(y, actual);
        Functional.LayerNormBackward(x, dy, features, layer.Gamma.Value, statistics, dy, dGamma, dBeta, relu ? y : default);
        Assert.Equal(dx, dy);
        Assert.Equal(layer.Gamma.Gradient, dGamma);
        Assert.Equal(layer.Beta.Gradient, dBeta);
    }

    [Theory]
    [InlineData(0, 7, false, false)]
    [InlineData(1, 4096, false, false)]
    [InlineData(5, 7, false, true)]
    [InlineData(40, 33, true, false)]
    public void RmsNorm_AndBackward_GiveTheLayersBits(int rows, int features, bool onePlusGamma, bool outside)
    {
        float[] x = Samples.Normal(rows * features, seed: 1);
        float[] dy = Samples.Upstream(x.Length);
        RmsNorm layer = new(features, epsilon: 0.1, onePlusGamma: onePlusGamma, epsilonOutsideRoot: outside);
        Samples.Normal(features, seed: 2).CopyTo(layer.Gamma!.Value, 0);
        float[] gamma = Array.ConvertAll(layer.Gamma.Value, v => onePlusGamma ? 1 + v : v);
        (float[] y, float[] dx) = (new float[x.Length], new float[x.Length]);
        layer.Forward(x, (rows, features), y);
        layer.Backward(x, dy, dx);

        float[] actual = new float[x.Length];
        NormStatistics statistics = new();
        float[] dGamma = new float[features];
        Functional.RmsNorm(x, features, gamma, 0.1, actual, statistics, outside);
        Assert.Equal(y, actual);
        Assert.Equal(rows, statistics.Count);
        Functional.RmsNormBackward(x, dy, features, gamma, statistics, dy, dGamma, outside ? 0.1 : 0);
        Assert.Equal(dx, dy);
        Assert.Equal(layer.Gamma.Gradient, dGamma);
        Functional.RmsNorm(x, features, gamma, 0.1, x, epsilonOutsideRoot: outside);
        Assert.Equal(y, x);
    }

    [Fact]
    public void RmsNormBackward_AfterAddRmsNorm_IsThatOfTheSum()
    {
        float[] x = Samples.Normal(6 * 9, seed: 1);
        float[] residual = Samples.Normal(6 * 9, seed: 2);
        float[] dy = Samples.Upstream(x.Length);
        float[] gamma = Samples.Normal(9, seed: 3);
        foreach (bool outside in (bool[])[false, true])
        {
            (float[] sum, float[] y, float[] expected, float[] actual) = (new float[54], new float[54], new float[54], new float[54]);
            NormStatistics statistics = new();
            Functional.AddRmsNorm(x, residual, 9, gamma, 0.1, sum, y, statistics, outside);
            Functional.RmsNormBackward(sum, dy, 9, gamma, statistics, actual, [], outside ? 0.1 : 0);

            RmsNorm layer = new(9, epsilon: 0.1, epsilonOutsideRoot: outside);
            gamma.CopyTo(layer.Gamma!.Value, 0);
            Assert.Equal(Samples.Forward(layer, sum, (6, 9)), y);
            layer.Backward(sum, dy, expected);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void LayerNormBackward_AfterAddLayerNorm_IsThatOfTheSum()
    {
        float[] x = Samples.Normal(6 * 9, seed: 1);
        float[] residual = Samples.Normal(6 * 9, seed: 2);
        float[] dy = Samples.Upstream(x.Length);
        float[] gamma = Samples.Normal(9, seed: 3);
        (float[] sum, float[] y, float[] expected, float[] actual) = (new float[54], new float[54], new float[54], new float[54]);
        NormStatistics statistics = new();
        Functional.AddLayerNorm(x, residual, 9, gamma, Functional.Zeros, 1e-5, sum, y, statistics);
        Functional.LayerNormBackward(sum, dy, 9, gamma, statistics, actual, [], []);

        LayerNorm1D layer = new(9);
        gamma.CopyTo(layer.Gamma!.Value, 0);
        layer.Forward(sum, (6, 9), y);
        layer.Backward(sum, dy, expected);
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData(5, 7, 1, false, 0)]
    [InlineData(33, 20, 1, true, 0)]
    [InlineData(4, 3, 19, true, 0)]
    [InlineData(33, 20, 1, true, 2e7f)]
    public void BatchNormTraining_AndBackward_GiveTheLayersBits(int rows, int channels, int length, bool relu, float mean0)
    {
        Shape shape = length == 1 ? (rows, channels) : (rows, channels, length);
        float[] x = [.. Samples.Normal(shape.Length, seed: 1).Select(v => v + mean0)];
        float[] dy = Samples.Upstream(x.Length);
        BatchNorm1D layer = new(channels, relu: relu);
        Samples.Normal(channels, seed: 2).CopyTo(layer.Gamma!.Value, 0);
        Samples.Normal(channels, seed: 3).CopyTo(layer.Beta!.Value, 0);
        foreach (bool training in (bool[])[true, false])
        {
            layer.Training = training;
            layer.ZeroGradients();
            (float[] y, float[] dx, float[] actual, float[] actualDx) = (new float[x.Length], new float[x.Length], new float[x.Length], new float[x.Length]);
            layer.Forward(x, shape, y);
            layer.Backward(x, dy, dx);

            NormStatistics statistics = new();
            (float[] dGamma, float[] dBeta) = (new float[channels], new float[channels]);
            if (training)
            {
                Functional.BatchNormTraining(x, shape, layer.Gamma.Value, layer.Beta.Value, 1e-5, actual, statistics, relu);
                Assert.Equal(y, actual);
            }
            else
            {
                statistics = NormStatistics.From([.. layer.Running!.Mean.Select(m => (double)m)], [.. layer.Running.Variance.Select(v => 1 / Math.Sqrt(v + 1e-5))]);
            }

            Functional.BatchNormBackward(x, dy, shape, layer.Gamma.Value, statistics, actualDx, dGamma, dBeta, training, relu ? y : default);
            Assert.Equal(dx, actualDx);
            Assert.Equal(layer.Gamma.Gradient, dGamma);
            Assert.Equal(layer.Beta.Gradient, dBeta);
        }
    }

    [Fact]
    public void TensorFunctions_DenseTensors_GiveTheSpansBits()
    {
        float[] x = Samples.Normal(24, seed: 1);
        float[] residual = Samples.Normal(24, seed: 2);
        (float[] mean, float[] variance) = ([0.1f, -0.2f, 0.3f], [1, 2, 3]);
        (float[] expected, float[] expectedSum, float[] y, float[] sum) = (new float[24], new float[24], new float[24], new float[24]);
        TensorSpan<float> result = new(y, [2, 3, 4]);
        ReadOnlyTensorSpan<float> input = new(x, [2, 3, 4]);

        Functional.LayerNorm(x, 4, Functional.Ones, Functional.Zeros, 1e-5, expected, relu: true);
        Functional.LayerNorm(input, Functional.Ones, Functional.Zeros, 1e-5, result, relu: true);
        Assert.Equal(expected, y);

        Functional.BatchNorm(x, (2, 3, 4), mean, variance, Functional.Ones, Functional.Zeros, 1e-5, expected);
        Functional.BatchNorm(input, mean, variance, Functional.Ones, Functional.Zeros, 1e-5, result);
        Assert.Equal(expected, y);

        Functional.BatchNorm(x, (8, 3), mean, variance, Functional.Ones, Functional.Zeros, 1e-5, expected);
        Functional.BatchNorm(new ReadOnlyTensorSpan<float>(x, [8, 3]), mean, variance, Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(y, [8, 3]));
        Assert.Equal(expected, y);

        Functional.AddLayerNorm(x, residual, 4, Functional.Ones, Functional.Zeros, 1e-5, expectedSum, expected);
        Functional.AddLayerNorm(input, new ReadOnlyTensorSpan<float>(residual, [2, 3, 4]), Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(sum, [2, 3, 4]), result);
        Assert.Equal(expected, y);
        Assert.Equal(expectedSum, sum);
    }

    [Fact]
    public void TensorFunctions_ShapesThatDoNotFit_NameExpectedAndActual()
    {
        float[] x = new float[24];
        Check("Expected x's shape (6, 4), got (4, 6).", () => Functional.AddLayerNorm(
            new ReadOnlyTensorSpan<float>(x, [6, 4]), new ReadOnlyTensorSpan<float>(x, [4, 6]), Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(x, [6, 4]), new TensorSpan<float>(x, [6, 4])));
        Check("Expected a tensor (N, C, …) with C ≥ 1, of 2 to 8 dimensions, got (24).", () => Functional.BatchNorm(
            new ReadOnlyTensorSpan<float>(x, [24]), x, x, Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(x, [24])));
        Check("Expected x's shape (6, 4), got (4, 6).", () => Functional.BatchNorm(
            new ReadOnlyTensorSpan<float>(x, [6, 4]), x, x, Functional.Ones, Functional.Zeros, 1e-5, new TensorSpan<float>(x, [4, 6])));

        static void Check(string expected, Action call) =>
            Assert.StartsWith(expected, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TensorFunctions_NoElements_DoNothing()
    {
        float[] untouched = [1, 2, 3, 4];
        ReadOnlyTensorSpan<float> x = new(untouched, [0, 4]);
        TensorSpan<float> y = new(untouched, [0, 4]);
        Functional.LayerNorm(x, Functional.Ones, Functional.Zeros, 1e-5, y);
        Functional.BatchNorm(x, new float[4], new float[4], Functional.Ones, Functional.Zeros, 1e-5, y);
        Assert.Equal([1, 2, 3, 4], untouched);
    }

    [Fact]
    public void Functions_WarmedUp_AllocateNothing()
    {
        float[] x = Samples.Normal(64 * 20, seed: 1);
        float[] y = new float[x.Length];
        float[] mean = new float[20];
        (float[] variance, float[] dBeta) = (Samples.Constant(20, 1), new float[20]);
        NormStatistics statistics = new();
        Run();
        Assert.Equal(0, Allocations.Of(Run));

        void Run()
        {
            Functional.LayerNorm(x, 20, Functional.Ones, Functional.Zeros, 1e-5, y);
            Functional.BatchNorm(x, (64, 20), mean, variance, Functional.Ones, Functional.Zeros, 1e-5, y);
            Functional.LayerNorm(x, 20, Functional.Ones, Functional.Zeros, 1e-5, y, statistics: statistics);
            Functional.LayerNormBackward(x, y, 20, Functional.Ones, statistics, y, mean, dBeta);
            Functional.RmsNorm(x, 20, Functional.Ones, 1e-5, y, statistics);
            Functional.RmsNormBackward(x, y, 20, Functional.Ones, statistics, y, mean);
            Functional.BatchNormTraining(x, (64, 20), Functional.Ones, Functional.Zeros, 1e-5, y, statistics);
            Functional.BatchNormBackward(x, y, (64, 20), Functional.Ones, statistics, y, mean, dBeta);
        }
    }

    [Fact]
    public void Functions_LengthsThatDoNotFit_NameExpectedAndActual()
    {
        float[] x = new float[12];
        Check("Expected whole rows of 5 elements, got 12 elements.", () => Functional.LayerNorm(x, 5, Functional.Ones, Functional.Zeros, 1e-5, x));
        Check("Expected 4 elements, or Functional.Ones for none, got 3.", () => Functional.LayerNorm(x, 4, new float[3], Functional.Zeros, 1e-5, x));
        Check("Expected 12 elements, got 8.", () => Functional.LayerNorm(x, 4, Functional.Ones, Functional.Zeros, 1e-5, new float[8]));
        Check("Expected the input itself or memory apart from it, got memory 4 elements from it.", () => Functional.LayerNorm(x.AsSpan(0, 8), 4, Functional.Ones, Functional.Zeros, 1e-5, x.AsSpan(4, 8)));
        Check("Expected a shape (N, C, …) with C ≥ 1, got (12).", () => Functional.BatchNorm(x, 12, x, x, Functional.Ones, Functional.Zeros, 1e-5, x));
        Check("Expected 3 elements, got 12.", () => Functional.BatchNorm(x, (4, 3), x, x, Functional.Ones, Functional.Zeros, 1e-5, x));
        NormStatistics three = NormStatistics.From(new double[3], new double[3]);
        Check("Expected 2 elements, got 1.", () => NormStatistics.From(new double[2], new double[1]));
        Check("Expected statistics of 3 rows or channels, got those of 0.", () => Functional.LayerNormBackward(x, x, 4, Functional.Ones, new NormStatistics(), x, default, default));
        Check("Expected statistics of 3 rows or channels, got those of 0.", () => Functional.RmsNormBackward(x, x, 4, Functional.Ones, new NormStatistics(), x, default));
        Check("Expected memory apart from x, got memory that overlaps it.", () => Functional.RmsNormBackward(x, x, 4, Functional.Ones, three, x, default));
        Check("Expected 12 elements, got 8.", () => Functional.AddRmsNorm(x, new float[8], 4, Functional.Ones, 1e-5, new float[12], new float[12]));
        Check("Expected memory apart from x, residual and sum, got memory that overlaps one of them.", () => Functional.AddRmsNorm(x, new float[12], 4, Functional.Ones, 1e-5, x, x));
        Check("Expected memory apart from x, got memory that overlaps it.", () => Functional.LayerNormBackward(x, x, 4, Functional.Ones, three, x, default, default));
        Check("Expected 12 elements, got 0.", () => Functional.LayerNormBackward(x, new float[12], 4, Functional.Ones, three, default, default, default, y: new float[12]));
        Check("Expected 4 elements, got 3.", () => Functional.LayerNormBackward(x, new float[12], 4, Functional.Ones, three, default, new float[3], default));
        Check("Expected more than 1 value per channel, got shape (1, 12).", () => Functional.BatchNormTraining(x, (1, 12), Functional.Ones, Functional.Zeros, 1e-5, x, new NormStatistics()));
        Check("Expected statistics of 12 rows or channels, got those of 3.", () => Functional.BatchNormBackward(x, new float[12], (1, 12), Functional.Ones, three, default, default, default));

        static void Check(string expected, Action call) =>
            Assert.StartsWith(expected, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_FailedLookUpOfGammaOrBeta_IsRefusedByName()
    {
        float[] x = Samples.Normal(12);
        float[] y = new float[12];
        float[] four = [1, 2, 3, 4];
        NormStatistics three = NormStatistics.From([1, 2, 3], [1, 2, 3]);
        NormStatistics fourOf = NormStatistics.From(new double[4], new double[4]);
        float[]? missing = null;
        foreach (float[]? gone in (float[]?[])[null, [], Array.Empty<float>(), new float[1], new float[5]])
        {
            Refused("gamma", () => Functional.LayerNorm(x, 4, gone, four, 1e-5, y));
            Refused("beta", () => Functional.LayerNorm(x, 4, four, gone, 1e-5, y));
            Refused("gamma", () => Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [3, 4]), gone, four, 1e-5, new TensorSpan<float>(y, [3, 4])));
            Refused("gamma", () => Functional.AddLayerNorm(x, x, 4, gone, four, 1e-5, new float[12], y));
            Refused("beta", () => Functional.AddLayerNorm(x, x, 4, four, gone, 1e-5, new float[12], y));
            Refused("gamma", () => Functional.LayerNormBackward(x, x, 4, gone, three, y, default, default));
            Refused("gamma", () => Functional.RmsNorm(x, 4, gone, 1e-5, y));
            Refused("gamma", () => Functional.AddRmsNorm(x, x, 4, gone, 1e-5, new float[12], y));
            Refused("gamma", () => Functional.RmsNormBackward(x, x, 4, gone, three, y, default));
            Refused("gamma", () => Functional.BatchNorm(x, (3, 4), four, four, gone, four, 1e-5, y));
            Refused("beta", () => Functional.BatchNorm(x, (3, 4), four, four, four, gone, 1e-5, y));
            Refused("mean", () => Functional.BatchNorm(x, (3, 4), gone, four, four, four, 1e-5, y));
            Refused("variance", () => Functional.BatchNorm(x, (3, 4), four, gone, four, four, 1e-5, y));
            Refused("gamma", () => Functional.BatchNormTraining(x, (3, 4), gone, four, 1e-5, y, new NormStatistics()));
            Refused("beta", () => Functional.BatchNormTraining(x, (3, 4), four, gone, 1e-5, y, new NormStatistics()));
            Refused("gamma", () => Functional.BatchNormBackward(x, x, (3, 4), gone, fourOf, y, default, default));
        }

        Refused("gamma", () => Functional.LayerNorm(x, 4, Functional.Zeros, four, 1e-5, y));
        Refused("beta", () => Functional.LayerNorm(x, 4, four, Functional.Ones, 1e-5, y));
        Refused("y", () => Functional.LayerNorm(x, 4, four, four, 1e-5, missing));
        Refused("x", () => Functional.BatchNorm(missing, (3, 4), four, four, four, four, 1e-5, y));
        Assert.Equal(new float[12], y);
        Assert.Contains("null becomes one", Assert.Throws<ArgumentException>(() => Functional.LayerNorm(x, 4, missing, four, 1e-5, y)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LayerNorm_OnesAndZerosByName_AreThose()
    {
        float[] x = Samples.Normal(12);
        (float[] named, float[] written) = (new float[12], new float[12]);
        Functional.LayerNorm(x, 4, Functional.Ones, Functional.Zeros, 1e-5, named);
        Functional.LayerNorm(x, 4, [1, 1, 1, 1], [0, 0, 0, 0], 1e-5, written);
        Assert.Equal(written, named);
    }

    // Everything a function is given lies in one array, the output so that it touches one other argument by one element.
    [Fact]
    public void Functions_OutputInAnInputsMemory_IsRefused()
    {
        float[] memory = new float[100];
        float[] x = Samples.Normal(12);
        float[] z = new float[12];
        float[] four = [1, 2, 3, 4];
        NormStatistics three = NormStatistics.From(new double[3], new double[3]);
        NormStatistics fourOf = NormStatistics.From(new double[4], new double[4]);
        Span<float> At(int start, int length) => memory.AsSpan(start, length);
        foreach (int other in (int[])[8, 11, 16, 20, 31])
        {
            Refused("y", () => Functional.LayerNorm(x, 4, At(other, 4), four, 1e-5, At(other < 20 ? 11 : 20, 12)));
            Refused("y", () => Functional.LayerNorm(x, 4, four, At(other, 4), 1e-5, At(other < 20 ? 11 : 20, 12)));
            Refused("y", () => Functional.BatchNorm(x, (3, 4), four, four, four, At(other, 4), 1e-5, At(other < 20 ? 11 : 20, 12)));
            Refused("y", () => Functional.BatchNorm(x, (3, 4), At(other, 4), four, four, four, 1e-5, At(other < 20 ? 11 : 20, 12)));
            Refused("y", () => Functional.RmsNorm(x, 4, At(other, 4), 1e-5, At(other < 20 ? 11 : 20, 12)));
            Refused("dx", () => Functional.RmsNormBackward(x, z, 4, At(other, 4), three, At(other < 20 ? 11 : 20, 12), default));
            Refused("dx", () => Functional.LayerNormBackward(x, z, 4, At(other, 4), three, At(other < 20 ? 11 : 20, 12), default, default));
        }

        Refused("y", () => Functional.BatchNorm(x, (3, 4), four, At(3, 4), four, four, 1e-5, At(0, 12)));
        Refused("sum", () => Functional.AddLayerNorm(x, z, 4, At(3, 4), four, 1e-5, At(0, 12), At(12, 12)));
        Refused("y", () => Functional.AddLayerNorm(x, z, 4, four, At(3, 4), 1e-5, At(12, 12), At(0, 12)));
        Refused("sum", () => Functional.AddRmsNorm(x, z, 4, At(3, 4), 1e-5, At(0, 12), At(12, 12)));
        Refused("y", () => Functional.AddRmsNorm(x, z, 4, At(3, 4), 1e-5, At(12, 12), At(0, 12)));
        Refused("dGamma", () => Functional.RmsNormBackward(x, z, 4, At(0, 4), three, default, At(3, 4)));
        Refused("dGamma", () => Functional.LayerNormBackward(x, z, 4, four, three, default, At(0, 4), At(3, 4)));
        Refused("dGamma", () => Functional.LayerNormBackward(x, z, 4, At(0, 4), three, default, At(0, 4), default));
        Refused("dBeta", () => Functional.BatchNormBackward(x, z, (3, 4), four, fourOf, default, default, z.AsSpan(8, 4)));
        Refused("dx", () => Functional.BatchNormBackward(x, z, (3, 4), four, fourOf, At(0, 12), At(8, 4), default));
        Refused("dx", () => Functional.LayerNormBackward(x, z, 4, four, three, At(0, 12), default, default, y: At(11, 12)));
        Assert.Equal(new float[100], memory);
    }

    [Theory]
    [InlineData(-1f, 3)]
    [InlineData(-float.Epsilon, 0)]
    [InlineData(float.NaN, 19)]
    [InlineData(float.NegativeInfinity, 16)]
    public void BatchNorm_VarianceThatIsNone_NamesTheChannel(float variance, int channel)
    {
        float[] variances = Samples.Constant(20, 1);
        variances[channel] = variance;
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Functional.BatchNorm(new float[40], (2, 20), new float[20], variances, Functional.Ones, Functional.Zeros, 1e-5, new float[40]));
        Assert.Equal("variance", error.ParamName);
        Assert.Contains($"in channel {channel}", error.Message, StringComparison.Ordinal);
    }

    private static void Refused(string argument, Action call) => Assert.Equal(argument, Assert.Throws<ArgumentException>(call).ParamName);
}
