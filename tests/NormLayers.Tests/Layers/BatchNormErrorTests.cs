using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>Each error names the argument, what was expected and what came.</summary>
public sealed class BatchNormErrorTests
{
    public static TheoryData<Shape, string> WrongShapes => new()
    {
        { 5, "(5)" },
        { (4, 6), "(4, 6)" },
        { (5, 4), "(5, 4)" },
        { (4, 6, 5), "(4, 6, 5)" },
        { (2, 5, 3, 3), "(2, 5, 3, 3)" },
    };

    [Fact]
    public void Constructor_NoSuchPolicy_NamesIt() =>
        Assert.Equal("nonFinite", Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1D(5, nonFinite: (NonFiniteStatistics)9)).ParamName);

    [Theory]
    [MemberData(nameof(WrongShapes))]
    public void Forward_WrongShape_NamesExpectedAndActual(Shape shape, string actual)
    {
        float[] x = new float[shape.Length];
        ArgumentException error = Assert.Throws<ArgumentException>(() => new BatchNorm1D(5).Forward(x, shape, new float[x.Length]));
        Assert.StartsWith($"Expected a shape (N, 5) or (N, 5, L) for batchnorm, got {actual}.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_WrongBufferLength_NamesTheBuffer()
    {
        BatchNorm1D layer = new(5);
        ArgumentException x = Assert.Throws<ArgumentException>(() => layer.Forward(new float[9], (2, 5), new float[10]));
        Assert.Equal("Expected 10 elements for shape (2, 5), got 9. (Parameter 'x')", x.Message);
        ArgumentException y = Assert.Throws<ArgumentException>(() => layer.Forward(new float[10], (2, 5), new float[11]));
        Assert.Equal("Expected 10 elements for shape (2, 5), got 11. (Parameter 'y')", y.Message);
    }

    [Fact]
    public void Backward_WrongBufferLength_NamesTheBuffer()
    {
        BatchNorm1D layer = new(5);
        layer.Forward(Samples.Normal(10), (2, 5), new float[10]);
        Assert.Equal("x", Assert.Throws<ArgumentException>(() => layer.Backward(new float[9], new float[10], default)).ParamName);
        Assert.Equal("dy", Assert.Throws<ArgumentException>(() => layer.Backward(new float[10], new float[9], default)).ParamName);
        Assert.Equal("dx", Assert.Throws<ArgumentException>(() => layer.Backward(new float[10], new float[10], new float[9])).ParamName);
    }

    [Fact]
    public void Backward_BeforeForward_SaysSo()
    {
        BatchNorm1D layer = new(5, name: "norm1");
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => layer.Backward(new float[10], new float[10], default));
        Assert.Equal("norm1: Backward needs a Forward before it, and none succeeded.", error.Message);
    }

    [Fact]
    public void Backward_AfterFailedForward_SaysSo()
    {
        BatchNorm1D layer = new(5);
        layer.Forward(Samples.Normal(10), (2, 5), new float[10]);
        Assert.Throws<ArgumentException>(() => layer.Forward(new float[5], (1, 5), new float[5]));
        Assert.Throws<InvalidOperationException>(() => layer.Backward(new float[5], new float[5], default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forward_OneValuePerChannelInTraining_SaysSo(bool rankThree)
    {
        BatchNorm1D layer = new(5);
        Shape shape = rankThree ? (1, 5, 1) : (1, 5);
        ArgumentException error = Assert.Throws<ArgumentException>(() => layer.Forward(new float[5], shape, new float[5]));
        Assert.Equal(
            $"Expected more than 1 value per channel for batchnorm, because training normalizes with the statistics of the batch, got shape {shape}. (Parameter 'shape')",
            error.Message);
        Compare.AllEqual(0, layer.Running!.Mean, "running mean");
        Compare.AllEqual(1, layer.Running.Variance, "running variance");
        Assert.Equal(0, layer.Running.BatchesSeen);
    }

    [Fact]
    public void Forward_OneValuePerChannelInUntrackedEvaluation_SaysWhy()
    {
        BatchNorm1D layer = new(5, trackRunningStatistics: false) { Training = false };
        ArgumentException error = Assert.Throws<ArgumentException>(() => layer.Forward(new float[5], (1, 5), new float[5]));
        Assert.Contains("tracks no running statistics and so normalizes with those of the batch in evaluation too", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_OneRowOfSeveralPositionsInTraining_IsFine() =>
        Assert.All(Samples.Forward(new BatchNorm1D(5), Samples.Normal(10), (1, 5, 2)), v => Assert.True(float.IsFinite(v)));
}
