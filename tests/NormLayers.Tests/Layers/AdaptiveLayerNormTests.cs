using NormLayers.Numerics;
using NormLayers.Tests.Support;
using SampleData = NormLayers.Tests.Support.Samples;

namespace NormLayers.Tests.Layers;

/// <summary>Adaptive layer normalization: its reference, the layer normalization that it is for each sample, gradients of its condition, errors.</summary>
public sealed class AdaptiveLayerNormTests
{
    public static TheoryData<int, int[]> Shapes => new()
    {
        { 7, [3, 5] }, { 16, [2, 4] }, { 9, [4] }, { 33, [1, 6] }, { 20, [2, 3, 5] }, { 70, [40, 1] }, { 260, [2, 300] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Passes_AnyShape_MatchTheReference(int features, int[] rows)
    {
        Shape shape = new([.. rows, features]);
        foreach (bool onePlus in (bool[])[true, false])
        {
            AdaptiveLayerNorm layer = Conditioned(shape, onePlus);
            Layers.AssertMatchesReference(layer, shape);
            NormReference reference = (NormReference)layer.CreateReference()!;
            (float[] x, float[] dy) = Layers.Data(shape);
            reference.Forward(Compare.Widen(x), shape);
            reference.Backward(Compare.Widen(dy));
            Compare.Within(reference.DGamma!, layer.ScaleGradient.ToArray(), Array.ConvertAll(reference.DGamma!, g => Tolerance.Sum(Math.Max(20, Math.Abs(g)))), "dScale");
            Compare.Within(reference.DBeta!, layer.ShiftGradient.ToArray(), Array.ConvertAll(reference.DBeta!, g => Tolerance.Sum(Math.Max(20, Math.Abs(g)))), "dShift");
        }
    }

    [Theory]
    [InlineData(3, 5, 7)]
    [InlineData(2, 300, 260)]
    public void Passes_OneSample_HaveTheBitsOfLayerNorm(int samples, int tokens, int features)
    {
        Shape shape = (samples, tokens, features);
        AdaptiveLayerNorm adaptive = Conditioned(shape, onePlus: false);
        (float[] y, float[] dx) = Layers.Run(adaptive, shape);
        (float[] x, float[] dy) = Layers.Data(shape);
        (float[] scale, float[] shift) = Condition(shape);
        int m = tokens * features;
        for (int n = 0; n < samples; n++)
        {
            LayerNorm1D layer = new(features);
            scale.AsSpan(n * features, features).CopyTo(layer.Gamma!.Value);
            shift.AsSpan(n * features, features).CopyTo(layer.Beta!.Value);
            float[] expectedY = new float[m];
            float[] expectedDx = new float[m];
            layer.Forward(x.AsSpan(n * m, m), (tokens, features), expectedY);
            layer.Backward(x.AsSpan(n * m, m), dy.AsSpan(n * m, m), expectedDx);
            Compare.SameBits(expectedY, y.AsSpan(n * m, m).ToArray(), "y");
            Compare.SameBits(expectedDx, dx.AsSpan(n * m, m).ToArray(), "dx");
        }
    }

    // A scale and shift of 0 is layer normalization without γ and β; that of 1 + a with a − 1 stored is that of a.
    [Fact]
    public void Forward_ZeroCondition_IsLayerNorm()
    {
        Shape shape = (3, 4, 6);
        AdaptiveLayerNorm layer = new(6);
        layer.SetCondition(new float[18], new float[18]);
        (float[] y, float[] dx) = Layers.Run(layer, shape);
        (float[] expectedY, float[] expectedDx) = Layers.Run(new LayerNorm1D(6), shape);
        Compare.SameBits(expectedY, y, "y");
        Compare.SameBits(expectedDx, dx, "dx");
    }

    [Fact]
    public void Backward_Twice_OverwritesTheConditionsGradients()
    {
        Shape shape = (3, 4, 6);
        AdaptiveLayerNorm layer = Conditioned(shape, onePlus: true);
        Layers.Run(layer, shape);
        float[] once = layer.ScaleGradient.ToArray();
        Layers.Run(layer, shape);
        Compare.SameBits(once, layer.ScaleGradient.ToArray(), "dScale");
        Assert.Contains(once, g => g != 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Passes_AnyNumberOfThreads_HaveTheSameBits(int threads)
    {
        Shape shape = (5, 90, 300);
        int before = Threads.Limit;
        AdaptiveLayerNorm layer = Conditioned(shape, onePlus: true);
        (float[] y, float[] dx) = WithThreads(1);
        float[] dScale = layer.ScaleGradient.ToArray();
        (float[] y2, float[] dx2) = WithThreads(threads);
        Compare.SameBits(y, y2, "y");
        Compare.SameBits(dx, dx2, "dx");
        Compare.SameBits(dScale, layer.ScaleGradient.ToArray(), "dScale");

        (float[] Y, float[] Dx) WithThreads(int limit)
        {
            Threads.Limit = limit;
            try
            {
                return Layers.Run(layer, shape);
            }
            finally
            {
                Threads.Limit = before;
            }
        }
    }

    [Fact]
    public void Forward_WithoutACondition_IsAnErrorThatSaysWhatToDo()
    {
        AdaptiveLayerNorm layer = new(6, name: "ada1");
        string message = Assert.Throws<InvalidOperationException>(() => layer.Forward(new float[24], (2, 2, 6), new float[24])).Message;
        Assert.Equal("ada1: the condition is of 0 samples, and the input of 2. SetCondition comes before Forward.", message);
        layer.SetCondition(new float[6], new float[6]);
        Assert.Throws<InvalidOperationException>(() => layer.Forward(new float[24], (2, 2, 6), new float[24]));
    }

    [Fact]
    public void SetCondition_WrongLengths_AreErrors()
    {
        AdaptiveLayerNorm layer = new(6);
        Assert.StartsWith("Expected whole rows of 6 elements, got 7 elements.", Assert.Throws<ArgumentException>(() => layer.SetCondition(new float[7], new float[7])).Message, StringComparison.Ordinal);
        Assert.Equal("shift", Assert.Throws<ArgumentException>(() => layer.SetCondition(new float[6], new float[12])).ParamName);
    }

    [Fact]
    public void Functional_WrongShapes_AreErrors()
    {
        float[] x = new float[12];
        Assert.Equal("shape", Assert.Throws<ArgumentException>(() => Functional.AdaptiveLayerNorm(x, 12, x, x, 1e-5, new float[12])).ParamName);
        Assert.Equal("scale", Assert.Throws<ArgumentException>(() => Functional.AdaptiveLayerNorm(x, (2, 6), new float[6], new float[6], 1e-5, new float[12])).ParamName);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => Functional.AdaptiveLayerNorm(x, (2, 6), x, new float[12], 1e-5, new float[11])).ParamName);
    }

    [Fact]
    public void Passes_EmptyBatch_WriteNothing()
    {
        AdaptiveLayerNorm layer = new(6);
        layer.Forward([], (0, 4, 6), []);
        layer.Backward([], [], []);
        Assert.True(layer.ScaleGradient.IsEmpty);
    }

    [Fact]
    public void Passes_AfterTheFirst_AllocateNothing()
    {
        Shape shape = (4, 7, 20);
        AdaptiveLayerNorm layer = Conditioned(shape, onePlus: true);
        (float[] scale, float[] shift) = Condition(shape);
        (float[] x, float[] dy) = Layers.Data(shape);
        float[] y = new float[x.Length];
        void Run()
        {
            layer.SetCondition(scale, shift);
            layer.Forward(x, shape, y);
            layer.Backward(x, dy, y);
        }

        Run();
        Assert.Equal(0, Allocations.Of(Run));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Backward_AfterANewCondition_IsAnErrorUntilTheNextForwardPass(int samples)
    {
        Shape shape = (2, 2, 6);
        AdaptiveLayerNorm layer = Conditioned(shape, onePlus: true);
        (float[] x, float[] dy) = Layers.Data(shape);
        float[] y = new float[x.Length];
        layer.Forward(x, shape, y);
        layer.SetCondition(new float[6 * samples], new float[6 * samples]);
        string message = Assert.Throws<InvalidOperationException>(() => layer.Backward(x, dy, new float[x.Length])).Message;
        Assert.Equal("adaptivelayernorm: SetCondition came after the forward pass, whose condition Backward needs.", message);

        (float[] scale, float[] shift) = Condition(shape);
        layer.SetCondition(scale, shift);
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, new float[x.Length]);
    }

    [Fact]
    public void SetCondition_AfterABackwardPass_LeavesItsGradients()
    {
        AdaptiveLayerNorm layer = Conditioned((3, 4, 6), onePlus: true);
        Assert.True(layer.ScaleGradient.IsEmpty);
        Layers.Run(layer, (3, 4, 6));
        (float[] dScale, float[] dShift) = (layer.ScaleGradient.ToArray(), layer.ShiftGradient.ToArray());
        Assert.Equal(18, dScale.Length);
        foreach (int samples in (int[])[1, 5])
        {
            layer.SetCondition(new float[6 * samples], new float[6 * samples]);
            Compare.SameBits(dScale, layer.ScaleGradient.ToArray(), "dScale");
            Compare.SameBits(dShift, layer.ShiftGradient.ToArray(), "dShift");
        }
    }

    private static (float[] Scale, float[] Shift) Condition(Shape shape) =>
        (SampleData.Normal(shape[0] * shape.Last, 0.3, 0.5, 11), SampleData.Normal(shape[0] * shape.Last, -0.2, 0.5, 12));

    private static AdaptiveLayerNorm Conditioned(Shape shape, bool onePlus)
    {
        AdaptiveLayerNorm layer = new(shape.Last, onePlusScale: onePlus);
        (float[] scale, float[] shift) = Condition(shape);
        layer.SetCondition(scale, shift);
        return layer;
    }
}
