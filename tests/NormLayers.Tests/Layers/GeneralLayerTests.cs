using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Layer normalization over any trailing shape and batch normalization of any rank: the bits of the flat forms, and what they refuse.</summary>
public sealed class GeneralLayerTests
{
    public static TheoryData<Shape, int> TrailingShapes => new()
    {
        { (4, 2, 2, 5), 3 },
        { (4, 2, 2, 5), 2 },
        { (3, 4, 17), 1 },
        { (3, 4, 17), 2 },
        { (3, 4, 17), 3 },
        { 6, 1 },
        { new Shape(2, 3, 1, 4, 2, 1, 3, 2), 5 },
    };

    public static TheoryData<Shape> ChannelShapes =>
    [
        new Shape(5, 3), new Shape(5, 3, 4), new Shape(5, 3, 2, 2), new Shape(2, 3, 5, 7), new Shape(1, 3, 4, 4), new Shape(2, 3, 2, 3, 4), new Shape(3, 4, 1, 1, 1), new Shape(2, 3, 2, 1, 2, 3, 1, 2),
    ];

    public static TheoryData<Func<BatchNorm>, Shape, bool, string> Ranks => new()
    {
        { () => new BatchNorm(5), 5, false, "(N, 5, …)" },
        { () => new BatchNorm(5), (4, 6), false, "(N, 5, …)" },
        { () => new BatchNorm(5), (4, 5), true, "" },
        { () => new BatchNorm(5), new Shape(2, 5, 1, 2, 1, 2, 1, 2), true, "" },
        { () => new BatchNorm1D(5), (2, 5, 3, 3), false, "(N, 5) or (N, 5, L)" },
        { () => new BatchNorm2D(5), (2, 5, 3, 3), true, "" },
        { () => new BatchNorm2D(5), (2, 5), false, "(N, 5, H, W)" },
        { () => new BatchNorm2D(5), (2, 5, 3), false, "(N, 5, H, W)" },
        { () => new BatchNorm2D(5), (2, 3, 5, 3), false, "(N, 5, H, W)" },
        { () => new BatchNorm2D(5), new Shape(2, 5, 3, 3, 1), false, "(N, 5, H, W)" },
        { () => new BatchNorm3D(5), new Shape(2, 5, 3, 3, 1), true, "" },
        { () => new BatchNorm3D(5), (2, 5, 3, 3), false, "(N, 5, D, H, W)" },
    };

    [Theory]
    [MemberData(nameof(TrailingShapes))]
    public void LayerNorm_TrailingShape_HasTheBitsOfTheRows(Shape shape, int trailing)
    {
        Shape normalized = new([.. Enumerable.Range(shape.Rank - trailing, trailing).Select(axis => shape[axis])]);
        LayerNorm layer = new(normalized);
        LayerNorm1D rows = new(normalized.Length);
        Assert.Equal(normalized, layer.Gamma!.Shape);
        Assert.Equal(normalized, layer.Beta!.Shape);
        SameBits(rows, (shape.Length / normalized.Length, normalized.Length), layer, shape);
    }

    [Theory]
    [MemberData(nameof(ChannelShapes))]
    public void BatchNorm_AnyRank_HasTheBitsOfPlanes(Shape shape)
    {
        BatchNorm layer = new(shape[1]);
        BatchNorm1D flat = new(shape[1]);
        foreach (bool training in (bool[])[true, false])
        {
            (layer.Training, flat.Training) = (training, training);
            SameBits(flat, (shape[0], shape[1], shape.Length / (shape[0] * shape[1])), layer, shape);
            Compare.SameBits(flat.Running!.Mean, layer.Running!.Mean, "running mean");
            Compare.SameBits(flat.Running.Variance, layer.Running.Variance, "running variance");
        }
    }

    [Theory]
    [MemberData(nameof(Ranks))]
    public void BatchNorm_Rank_IsTakenOrNamed(Func<BatchNorm> create, Shape shape, bool fits, string expected)
    {
        BatchNorm layer = create();
        if (fits)
        {
            Assert.Equal(shape, layer.OutputShape(shape));
            return;
        }

        ArgumentException error = Assert.Throws<ArgumentException>(() => Samples.Forward(layer, new float[shape.Length], shape));
        Assert.Equal($"Expected a shape {expected} for batchnorm, got {shape}. (Parameter 'shape')", error.Message);
    }

    [Fact]
    public void LayerNorm_ShapesThatDoNotFit_AreNamed()
    {
        foreach ((Shape normalized, Shape input) in (ReadOnlySpan<(Shape, Shape)>)[((2, 2), (2, 2, 3)), ((2, 3), 3), (2, (1, 2, 3)), (10, (2, 3)), ((1, 2, 3), (2, 3)), ((3, 2), (2, 3))])
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => new LayerNorm(normalized).OutputShape(input));
            Assert.Equal($"Expected a shape whose last dimensions are {normalized} for layernorm, got {input}. (Parameter 'shape')", error.Message);
        }

        foreach (Shape empty in (ReadOnlySpan<Shape>)[default, 0, (2, 0), (0, 3)])
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => new LayerNorm(empty));
            Assert.Equal($"Expected one dimension or more, each ≥ 1, got {empty}. (Parameter 'normalizedShape')", error.Message);
        }

        Assert.Equal("epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerNorm((2, 3), epsilon: double.NaN)).ParamName);
    }

    [Fact]
    public void Empty_NoSets_GiveNothingAndChangeNothing()
    {
        LayerNorm layer = new((2, 5), relu: true);
        Assert.Empty(Samples.Forward(layer, [], (0, 2, 5)));
        layer.Backward([], [], []);
        BatchNorm2D images = new(3, relu: true);
        foreach (Shape shape in (ReadOnlySpan<Shape>)[(0, 3, 2, 2), (4, 3, 0, 2)])
        {
            Assert.Empty(Samples.Forward(images, [], shape));
            images.Backward([], [], []);
        }

        Assert.Equal(0, images.Running!.BatchesSeen);
        Assert.All(layer.Parameters.Concat(images.Parameters), p => Compare.AllEqual(0, p.Gradient, p.Name));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void GradientCheck_GeneralLayers_Agree(bool onePlusGamma, bool relu)
    {
        foreach ((NormalizationLayer layer, Shape shape) in (ReadOnlySpan<(NormalizationLayer, Shape)>)
        [
            (new LayerNorm((3, 4), relu: relu, onePlusGamma: onePlusGamma), (5, 3, 4)),
            (new BatchNorm2D(3, relu: relu, onePlusGamma: onePlusGamma), (3, 3, 2, 4)),
            (new BatchNorm3D(2, relu: relu, onePlusGamma: onePlusGamma) { FreezeStatistics = true }, new Shape(2, 2, 2, 1, 3)),
        ])
        {
            Fill(layer);
            GradientReport report = GradientCheck.Check(layer, shape);
            Assert.True(report.Passed, report.ToString());
            Assert.Equal(3, report.Tensors.Count);
        }
    }

    [Fact]
    public void OnePlusGamma_FromZero_HasTheBitsOfGammaPlusOne()
    {
        foreach ((NormalizationLayer centred, NormalizationLayer plain, Shape shape) in (ReadOnlySpan<(NormalizationLayer, NormalizationLayer, Shape)>)
        [
            (new LayerNorm((3, 7), onePlusGamma: true), new LayerNorm((3, 7)), (4, 3, 7)),
            (new LayerNorm1D(7, onePlusGamma: true), new LayerNorm1D(7), (4, 7)),
            (new BatchNorm1D(3, onePlusGamma: true), new BatchNorm1D(3), (4, 3, 20)),
        ])
        {
            Assert.Equal((true, false), (centred.OnePlusGamma, plain.OnePlusGamma));
            Compare.AllEqual(0, centred.Gamma!.Value, "gamma at the start");
            SameBits(plain, shape, centred, shape);

            // Multiples of 1/8, to which 1 is added without rounding.
            for (int i = 0; i < plain.Gamma!.Value.Length; i++)
            {
                centred.Gamma.Value[i] = (i % 5 - 2) / 8f;
                plain.Gamma.Value[i] = 1 + centred.Gamma.Value[i];
            }

            SameBits(plain, shape, centred, shape);
        }

        Assert.Equal("onePlusGamma", Assert.Throws<ArgumentException>(() => new BatchNorm2D(3, withGamma: false, onePlusGamma: true)).ParamName);
        Assert.Equal("onePlusGamma", Assert.Throws<ArgumentException>(() => new LayerNorm(3, withGamma: false, onePlusGamma: true)).ParamName);
    }

    [Fact]
    public void FreezeParameters_LayerNorm_LeavesGradientsAlone()
    {
        LayerNorm layer = new((2, 3)) { FreezeParameters = true };
        float[] x = Samples.Normal(12);
        Samples.Forward(layer, x, (2, 2, 3));
        Samples.Backward(layer, x, Samples.Upstream(12));
        Assert.All(layer.Parameters, p => Compare.AllEqual(0, p.Gradient, p.Name));
        layer.FreezeParameters = false;
        Samples.Backward(layer, x, Samples.Upstream(12));
        Assert.All(layer.Parameters, p => Assert.Contains(p.Gradient, g => g != 0));
    }

    [Fact]
    public void Passes_SteadyState_AllocateNothing()
    {
        foreach ((Layer layer, Shape shape) in (ReadOnlySpan<(Layer, Shape)>)[(new LayerNorm((3, 40), relu: true, onePlusGamma: true), (6, 3, 40)), (new BatchNorm2D(3, relu: true, onePlusGamma: true), (4, 3, 5, 6))])
        {
            float[] x = Samples.Normal(shape.Length);
            float[] dy = Samples.Upstream(shape.Length);
            float[] y = new float[x.Length];
            float[] dx = new float[x.Length];
            void Step()
            {
                layer.Forward(x, shape, y);
                layer.Backward(x, dy, dx);
                layer.Backward(x, dy, default);
            }

            Step();
            Assert.Equal(0, Allocations.Of(Step));
        }
    }

    private static void Fill(NormalizationLayer layer)
    {
        Samples.Normal(layer.Gamma!.Value.Length, layer.OnePlusGamma ? 0.2 : 1.2, 0.4, seed: 3).CopyTo(layer.Gamma.Value, 0);
        Samples.Normal(layer.Beta!.Value.Length, -0.3, 0.5, seed: 4).CopyTo(layer.Beta.Value, 0);
    }

    private static void SameBits(NormalizationLayer expected, Shape expectedShape, NormalizationLayer actual, Shape actualShape)
    {
        float[] x = Samples.Normal(actualShape.Length);
        float[] dy = Samples.Upstream(actualShape.Length);
        Compare.SameBits(Samples.Forward(expected, x, expectedShape), Samples.Forward(actual, x, actualShape), "y");
        Compare.SameBits(Samples.Backward(expected, x, dy), Samples.Backward(actual, x, dy), "dx");
        Compare.SameBits(expected.Gamma!.Gradient, actual.Gamma!.Gradient, "dGamma");
        Compare.SameBits(expected.Beta!.Gradient, actual.Beta!.Gradient, "dBeta");
    }

    [Fact]
    public void FreezeParameters_AnyWay_SaysWhatTheParametersSay()
    {
        BatchNorm layer = new(3) { FreezeParameters = true };
        Assert.All(layer.Parameters, p => Assert.True(p.Frozen));
        BatchNorm converted = (BatchNorm)FrameworkConventions.PyTorch.Convert(layer).Layer;
        Assert.True(converted.FreezeParameters);
        converted.Gamma!.Frozen = false;
        Assert.False(converted.FreezeParameters);
        converted.Gamma.Frozen = true;
        Assert.True(converted.FreezeParameters);
        converted.FreezeParameters = false;
        Assert.All(converted.Parameters, p => Assert.False(p.Frozen));
        Assert.False(new LayerNorm(3, withGamma: false, withBeta: false) { FreezeParameters = true }.FreezeParameters);
    }
}
