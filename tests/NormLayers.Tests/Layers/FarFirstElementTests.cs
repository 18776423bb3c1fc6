using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>
/// A set whose first element, the shift of its sums, is a thousand standard deviations from the mean is summed a second time, around the mean. As that
/// element is in the set, it has more than a million elements then.
/// </summary>
public sealed class FarFirstElementTests
{
    private const int Elements = 1_500_000;

    [Theory]
    [InlineData("layernorm")]
    [InlineData("groupnorm")]
    [InlineData("groupnorm, channels in groups")]
    [InlineData("instancenorm")]
    [InlineData("batchnorm, columns")]
    [InlineData("batchnorm, planes")]
    public void Forward_SetWithAFarFirstElement_IsThatOfTheReference(string name)
    {
        (NormalizationLayer layer, Shape shape) = name switch
        {
            "layernorm" => ((NormalizationLayer)new LayerNorm(Elements), new Shape(1, Elements)),
            "groupnorm" => (new GroupNorm(1, 3), (1, 3, Elements / 3)),
            "groupnorm, channels in groups" => (new GroupNorm(2, Elements / 2), (1, Elements / 2, 4)),
            "instancenorm" => (new InstanceNorm(2), (1, 2, Elements)),
            "batchnorm, columns" => (new BatchNorm(2), (Elements, 2)),
            _ => (new BatchNorm(2), (3, 2, Elements / 3)),
        };
        float[] x = Samples.Normal(shape.Length, 5, 1);
        x[0] = 1e6f;

        double[] expected = layer.CreateReference()!.Forward(Compare.Widen(x), shape);
        float[] y = Samples.Forward(layer, x, shape);

        // The largest is the root of the number of elements; the others are near 0.
        Assert.InRange(y[0], 1100, 1800);
        Compare.Within(expected, y, [.. expected.Select(v => 4e-7 * Math.Max(1, Math.Abs(v)))], "y");
    }
}
