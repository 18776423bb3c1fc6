using System.Numerics.Tensors;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Buffers and parts of a network that no pass can use are named, and empty ones are passes of nothing.</summary>
public sealed class BufferErrorTests
{
    private static readonly Shape s_shape = (3, 4);

    [Fact]
    public void Backward_DxInTheMemoryOfAnInput_IsRefused()
    {
        LayerNorm layer = new(4);
        float[] memory = Samples.Normal(24);
        float[] dy = Samples.Upstream(12);
        layer.Forward(memory.AsSpan(0, 12), s_shape, memory.AsSpan(12));

        Assert.Contains("apart from x", Assert.Throws<ArgumentException>("dx", () => layer.Backward(memory.AsSpan(0, 12), dy, memory.AsSpan(0, 12))).Message, StringComparison.Ordinal);
        Assert.Contains("apart from x", Assert.Throws<ArgumentException>("dx", () => layer.Backward(memory.AsSpan(0, 12), dy, memory.AsSpan(5, 12))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "apart from the output's",
            Assert.Throws<ArgumentException>("dx", () => layer.Backward(memory.AsSpan(0, 12), memory.AsSpan(12), dy, memory.AsSpan(12))).Message,
            StringComparison.Ordinal);
        Assert.All(layer.Parameters, p => Assert.Equal(new float[4], p.Gradient));
    }

    [Fact]
    public void Forward_InPlaceWhereTheInputIsReadAgain_IsRefused()
    {
        float[] x = Samples.Normal(12);
        foreach (Layer layer in (Layer[])[new Linear(4, 4, new RandomSource(1)), new WeightNorm(new Linear(4, 4, new RandomSource(1))), new WeightStandardization(new Linear(4, 4, new RandomSource(1)))])
        {
            Assert.Contains("apart from the input's", Assert.Throws<ArgumentException>("y", () => layer.Forward(x, s_shape, x)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AdaptiveLayerNorm_ShapeOfOtherFeatures_NamesWhatWasExpected()
    {
        AdaptiveLayerNorm layer = new(4);
        foreach (Shape shape in (Shape[])[(3, 5), 4])
        {
            Assert.Contains("a shape (N, …, 4) for adaptivelayernorm", Assert.Throws<ArgumentException>("shape", () => layer.OutputShape(shape)).Message, StringComparison.Ordinal);
        }

        INormalization normalization = layer;
        Assert.True(normalization is { Running: null, HasReLU: false, IgnoresInputScale: true });
    }

    [Fact]
    public void Constructors_NullAmongParts_NameItsPlace()
    {
        Assert.Contains("null at position 1", Assert.Throws<ArgumentException>("layers", () => new Sequential(new ReLU(), null!)).Message, StringComparison.Ordinal);
        Assert.Contains("null among them", Assert.Throws<ArgumentException>("parameters", () => new SgdOptimizer([null!], 0.1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Functional_EmptyBatch_AddsNothing()
    {
        NormStatistics statistics = new();
        float[] dGamma = [1, 2, 3];
        float[] dBeta = [4, 5, 6];

        Functional.BatchNormTraining([1, 2, 3, 5, 4, 6], (2, 3), Functional.Ones, Functional.Zeros, 1e-5, new float[6], statistics);

        Functional.BatchNormTraining([], (0, 3), Functional.Ones, Functional.Zeros, 1e-5, [], statistics);
        Functional.BatchNormBackward([], [], (0, 3), Functional.Ones, statistics, [], dGamma, dBeta);

        Assert.Equal([1, 2, 3], dGamma);
        Assert.Equal([4, 5, 6], dBeta);
    }

    [Fact]
    public void GroupNorm_EmptyBatch_AddsNothing()
    {
        GroupNorm layer = new(2, 4);
        layer.Parameters[0].Gradient[1] = 7;
        layer.Forward([], (0, 4, 3), []);
        layer.Backward([], [], []);

        Assert.Equal([0, 7, 0, 0], layer.Parameters[0].Gradient);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(40)]
    public void GroupNorm_BackwardWithoutDx_AddsTheSameGradients(int positions)
    {
        Shape shape = (3, 4, positions);
        float[] x = Samples.Normal(shape.Length);
        float[] dy = Samples.Upstream(shape.Length);
        GroupNorm[] layers = [new(2, 4), new(2, 4)];
        foreach (GroupNorm layer in layers)
        {
            layer.Forward(x, shape, new float[x.Length]);
            layer.Backward(x, dy, layer == layers[0] ? new float[x.Length] : []);
        }

        Assert.All(layers[0].Parameters.Zip(layers[1].Parameters), p => Compare.SameBits(p.First.Gradient, p.Second.Gradient, p.First.Name));
    }

    [Fact]
    public void Functional_TensorWithoutDimensions_IsRefused() => Assert.Throws<ArgumentException>("x", () =>
    {
        ReadOnlyTensorSpan<float> x = default;
        Functional.LayerNorm(x, Functional.Ones, Functional.Zeros, 1e-5, default);
    });
}
