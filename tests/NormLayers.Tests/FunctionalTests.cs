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
        Functional.LayerNorm(x, 4, default, default, 1e-5, expected);
        float[] y = new float[24];
        Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [2, 3, 4]), default, default, 1e-5, new TensorSpan<float>(y, [2, 3, 4]));
        Assert.Equal(expected, y);
    }

    [Fact]
    public void LayerNorm_TensorThatIsNotDenseOrOfAnotherShape_IsAnError()
    {
        float[] x = new float[24];
        float[] y = new float[24];
        ArgumentException shape = Assert.Throws<ArgumentException>(
            () => Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [6, 4]), default, default, 1e-5, new TensorSpan<float>(y, [4, 6])));
        Assert.StartsWith("Expected x's shape (6, 4), got (4, 6).", shape.Message, StringComparison.Ordinal);
        ArgumentException dense = Assert.Throws<ArgumentException>(
            () => Functional.LayerNorm(new ReadOnlyTensorSpan<float>(x, [3, 4], [8, 1]), default, default, 1e-5, new TensorSpan<float>(y, [3, 4], [8, 1])));
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
    }

    [Fact]
    public void Functions_WarmedUp_AllocateNothing()
    {
        float[] x = Samples.Normal(64 * 20, seed: 1);
        float[] y = new float[x.Length];
        float[] mean = new float[20];
        float[] variance = Samples.Constant(20, 1);
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            Functional.LayerNorm(x, 20, default, default, 1e-5, y);
            Functional.BatchNorm(x, (64, 20), mean, variance, default, default, 1e-5, y);
        }
    }

    [Fact]
    public void Functions_LengthsThatDoNotFit_NameExpectedAndActual()
    {
        float[] x = new float[12];
        Check("Expected whole rows of 5 elements, got 12 elements.", () => Functional.LayerNorm(x, 5, default, default, 1e-5, x));
        Check("Expected 4 elements, got 3.", () => Functional.LayerNorm(x, 4, new float[3], default, 1e-5, x));
        Check("Expected 12 elements, got 8.", () => Functional.LayerNorm(x, 4, default, default, 1e-5, new float[8]));
        Check("Expected the input itself or memory apart from it, got memory 4 elements from it.", () => Functional.LayerNorm(x.AsSpan(0, 8), 4, default, default, 1e-5, x.AsSpan(4, 8)));
        Check("Expected a shape (N, C) or (N, C, L), got (12).", () => Functional.BatchNorm(x, 12, x, x, default, default, 1e-5, x));
        Check("Expected 3 elements, got 12.", () => Functional.BatchNorm(x, (4, 3), x, x, default, default, 1e-5, x));

        static void Check(string expected, Action call) =>
            Assert.StartsWith(expected, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
    }
}
