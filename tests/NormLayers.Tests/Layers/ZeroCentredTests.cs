using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>A scale that is stored minus 1: on every layer that has one it is the same function of the same scale, with the same gradients.</summary>
public sealed class ZeroCentredTests
{
    private static readonly Shape s_rows = (5, 6);
    private static readonly Shape s_planes = (4, 6, 20);

    private static readonly Dictionary<string, (Func<bool, Layer> Create, Shape Shape)> s_layers = new()
    {
        ["LayerNorm"] = (one => new LayerNorm(6, onePlusGamma: one), s_rows),
        ["LayerNorm1D"] = (one => new LayerNorm1D(6, onePlusGamma: one), s_rows),
        ["RmsNorm"] = (one => new RmsNorm(6, onePlusGamma: one), s_rows),
        ["GroupNorm"] = (one => new GroupNorm(2, 6, onePlusGamma: one), s_planes),
        ["InstanceNorm"] = (one => new InstanceNorm(6, withGamma: true, onePlusGamma: one), s_planes),
        ["BatchNorm"] = (one => new BatchNorm(6, onePlusGamma: one), s_planes),
        ["BatchNorm1D"] = (one => new BatchNorm1D(6, onePlusGamma: one), s_rows),
        ["BatchNorm2D"] = (one => new BatchNorm2D(6, onePlusGamma: one), (2, 6, 3, 4)),
        ["BatchNorm3D"] = (one => new BatchNorm3D(6, onePlusGamma: one), new Shape([2, 6, 3, 2, 2])),
        ["GhostBatchNorm"] = (one => new GhostBatchNorm(6, 2, onePlusGamma: one), s_planes),
        ["BatchRenorm"] = (one => new BatchRenorm(6, new RenormLimits(3, 5), onePlusGamma: one), s_planes),
        ["ScaleNorm"] = (one => new ScaleNorm(6, onePlusG: one), s_rows),
        ["DyT"] = (one => new DyT(6, onePlusGamma: one), s_rows),
        ["WeightNorm"] = (one => new WeightNorm(new Linear(6, 3, new RandomSource(5)), onePlusG: one), s_rows),
        ["AdaptiveLayerNorm"] = (Conditioned, s_rows),
    };

    public static TheoryData<string> Layers => [.. s_layers.Keys];

    [Fact]
    public void Layers_EveryOneWithAScale_IsListed()
    {
        string[] withScale =
        [
            .. from type in typeof(Layer).Assembly.GetExportedTypes()
               where typeof(Layer).IsAssignableFrom(type) && !type.IsAbstract && (type.GetProperty("Gamma") ?? type.GetProperty("G")) is not null
               select type.Name,
        ];
        Assert.Empty(withScale.Except(s_layers.Keys));
        Assert.Equal(14, withScale.Length);
    }

    // Multiples of 1/8, to which 1 is added without rounding.
    [Theory]
    [MemberData(nameof(Layers))]
    public void Passes_StoredMinusOne_HaveTheBitsOfTheScale(string name)
    {
        (Func<bool, Layer> create, Shape shape) = s_layers[name];
        (Layer centred, Layer plain) = (create(true), create(false));
        if (ScaleOf(centred) is { } stored)
        {
            float[] scale = ScaleOf(plain)!.Value;
            Assert.Equal(Array.ConvertAll(scale, v => (float)(v - 1.0)), Array.ConvertAll(stored.Value, v => v), (a, b) => Math.Abs(a - b) <= 2 * Tolerance.Ulp(b));
            for (int i = 0; i < scale.Length; i++)
            {
                stored.Value[i] = (i % 5 - 1.5f) / 8f;
                scale[i] = 1 + stored.Value[i];
            }
        }

        float[] x = Samples.Normal(shape.Length, mean: 1);
        foreach (bool training in (bool[])[true, false])
        {
            (centred.Training, plain.Training) = (training, training);
            Compare.SameBits(Samples.Forward(plain, x, shape), Samples.Forward(centred, x, shape), "y");
        }

        float[] dy = Samples.Upstream(centred.OutputShape(shape).Length);
        Compare.SameBits(Samples.Backward(plain, x, dy), Samples.Backward(centred, x, dy), "dx");
        Assert.All(plain.Parameters.Zip(centred.Parameters), p => Compare.SameBits(p.First.Gradient, p.Second.Gradient, p.First.Name));
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Conventions_StoredMinusOne_AreStatedAndRefusedElsewhere(string name)
    {
        (Func<bool, Layer> create, Shape _) = s_layers[name];
        Assert.Equal(("1 + gamma", "gamma"), (create(true).Conventions["scale"], create(false).Conventions["scale"]));
        MemoryStream file = new();
        create(true).Save(file);
        file.Position = 0;
        string refused = Assert.Throws<InvalidDataException>(() => create(false).Load(file)).Message;
        Assert.Contains("scale: '1 + gamma' in the file, 'gamma' here", refused, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ScaleNorm")]
    [InlineData("DyT")]
    [InlineData("WeightNorm")]
    public void Backward_StoredMinusOne_IsTheDifferenceQuotient(string name)
    {
        (Func<bool, Layer> create, Shape shape) = s_layers[name];
        Layer layer = create(true);
        Samples.Normal(ScaleOf(layer)!.Value.Length, 0.2, 0.4, seed: 3).CopyTo(ScaleOf(layer)!.Value, 0);
        GradientReport report = GradientCheck.Check(layer, shape);
        Assert.True(report.Passed, report.ToString());
    }

    [Fact]
    public void InitializeFrom_StoredMinusOne_SetsTheSameLengths()
    {
        (WeightNorm centred, WeightNorm plain) = (new(new Linear(12, 5, new RandomSource(5)), onePlusG: true), new(new Linear(12, 5, new RandomSource(5))));
        float[] x = Samples.Normal(40 * 12, mean: 3, deviation: 2);
        Array.ForEach([centred, plain], layer => Array.Clear(layer.V.Value, 12, 12));
        Assert.Equal([1], centred.InitializeFrom(x, (40, 12)));
        Assert.Equal([1], plain.InitializeFrom(x, (40, 12)));
        Assert.Equal(0, centred.G.Value[1]);
        for (int o = 0; o < 5; o++)
        {
            Assert.Equal(plain.G.Value[o], 1 + centred.G.Value[o], 2e-7);
        }

        Assert.Throws<ArgumentException>("onePlusGamma", () => new DyT(3, withGamma: false, onePlusGamma: true));
        Assert.Equal((true, true, true), (new ScaleNorm(3, onePlusG: true).OnePlusG, new DyT(3, onePlusGamma: true).OnePlusGamma, centred.OnePlusG));
    }

    private static Parameter? ScaleOf(Layer layer) => layer.Parameters.FirstOrDefault(p => p.Name is "gamma" or "g" or "weight_g");

    // Its scale is an input.
    private static AdaptiveLayerNorm Conditioned(bool one)
    {
        AdaptiveLayerNorm layer = new(6, onePlusScale: one);
        float[] stored = [.. Enumerable.Range(0, 30).Select(i => (i % 5 - 1.5f) / 8f)];
        layer.SetCondition(one ? stored : Array.ConvertAll(stored, a => 1 + a), Samples.Normal(30));
        return layer;
    }
}
