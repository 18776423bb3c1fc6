using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class MlpTests
{
    private static readonly MlpOptions s_options = new() { InputFeatures = 20, Classes = 3 };

    [Theory]
    [InlineData("none", "linear1,relu1,linear2", null)]
    [InlineData("batchnorm", "linear1,norm1,relu1,linear2", typeof(BatchNorm1D))]
    [InlineData("layernorm", "linear1,norm1,relu1,linear2", typeof(LayerNorm1D))]
    [InlineData("rmsnorm", "linear1,norm1,relu1,linear2", typeof(RmsNorm))]
    [InlineData("groupnorm", "linear1,norm1,relu1,linear2", typeof(GroupNorm))]
    [InlineData("weightnorm", "linear1,relu1,linear2", null)]
    [InlineData("weightstandardization", "linear1,norm1,relu1,linear2", typeof(GroupNorm))]
    [InlineData("dynamiclayernorm", "linear1,norm1,relu1,linear2", typeof(DynamicLayerNorm))]
    public void Create_Normalization_StandsBeforeTheRectifier(string mode, string names, Type? type)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        Sequential network = Mlp.Create(s_options with { Normalization = normalization });
        Assert.Equal(names, string.Join(',', network.Layers.Select(l => l.Name)));
        Assert.Equal((Shape)(7, 3), network.OutputShape((7, 20)));
        Assert.Equal(type, network.Layers.FirstOrDefault(l => l.Name == "norm1")?.GetType());
    }

    [Theory]
    [InlineData("none")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    [InlineData("groupnorm")]
    [InlineData("ghostbatchnorm")]
    [InlineData("batchrenorm")]
    [InlineData("scalenorm")]
    [InlineData("dyt")]
    [InlineData("localresponsenorm")]
    [InlineData("weightnorm")]
    [InlineData("weightstandardization")]
    [InlineData("dynamiclayernorm")]
    public void Forward_RowInAnyBatchInEvaluation_GivesTheSameBits(string mode)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        Sequential network = Mlp.Create(s_options with { HiddenFeatures = [150, 33], Normalization = normalization });
        float[] x = Samples.Normal(600 * 20);
        Samples.Forward(network, x, (600, 20));
        network.Training = false;
        float[] all = Samples.Forward(network, x, (600, 20));
        foreach (int size in (int[])[1, 2, 3, 7, 16, 50])
        {
            for (int n = 0; n + size <= 600; n += 41)
            {
                float[] some = new float[size * 3];
                network.Forward(x.AsSpan(n * 20, size * 20), (size, 20), some);
                Compare.SameBits(all.AsSpan(n * 3, size * 3), some, $"rows from {n}, {size} of them");
            }
        }
    }

    [Fact]
    public void CountParameters_EveryKind_IsWhatANetworkHasMore()
    {
        foreach (NormalizationKind kind in NormalizationKind.All)
        {
            MlpOptions options = s_options with { InputFeatures = 64, HiddenFeatures = [24, 40], Patches = kind.NeedsPositions ? new PatchOptions(4, 4) : null };
            long Parameters(NormalizationKind of) => Mlp.Create(options with { Normalization = of }).Parameters.Sum(p => (long)p.Value.Length);
            long counted = options.HiddenFeatures.Sum(width => kind.CountParameters(new NormalizationSettings(width)));
            Assert.True(Parameters(kind) - Parameters(NormalizationKind.None) == counted, $"{kind}: {counted}");
        }
    }

    [Fact]
    public void Create_SeveralHiddenLayers_AreNumbered()
    {
        Sequential network = Mlp.Create(s_options with { HiddenFeatures = [16, 8, 4], Normalization = NormalizationKind.LayerNorm });
        Assert.Equal(
            "linear1,norm1,relu1,linear2,norm2,relu2,linear3,norm3,relu3,linear4", string.Join(',', network.Layers.Select(l => l.Name)));
        Assert.Equal(
            [(16, 20), (8, 16), (4, 8), (3, 4)],
            network.Layers.OfType<Linear>().Select(l => (l.Weight.Shape[0], l.Weight.Shape[1])));
        Assert.Equal((Shape)(2, 3), network.OutputShape((2, 20)));
    }

    [Fact]
    public void Create_Options_ReachTheLayers()
    {
        Sequential network = Mlp.Create(s_options with { Epsilon = 0.5, Momentum = Momentum.Cumulative });
        BatchNorm1D norm = Assert.IsType<BatchNorm1D>(network.Layers[1]);
        Assert.Equal(0.5, norm.Epsilon);
        Assert.Equal(Momentum.Cumulative, norm.Momentum);
        Sequential layerNorm = Mlp.Create(s_options with { Epsilon = 0.5, Normalization = NormalizationKind.LayerNorm });
        Assert.Equal(0.5, Assert.IsType<LayerNorm1D>(layerNorm.Layers[1]).Epsilon);
    }

    [Fact]
    public void Create_InitializationScale_MultipliesEveryWeight()
    {
        float[][] Weights(double scale) =>
            [.. Mlp.Create(s_options with { InitializationScale = scale, HiddenFeatures = [8, 8] }).Layers.OfType<Linear>().Select(l => l.Weight.Value)];

        Assert.Equal(3, Weights(1).Length);
        Assert.All(Weights(4).Zip(Weights(1)), pair => Assert.Equal(pair.Second.Select(w => 4 * w), pair.First));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Create_InitializationScaleOutOfRange_NamesIt(double scale) =>
        Assert.Equal("InitializationScale", Assert.Throws<ArgumentOutOfRangeException>(() => Mlp.Create(s_options with { InitializationScale = scale })).ParamName);

    [Fact]
    public void Create_SameSeed_GivesTheSameBits()
    {
        Assert.Equal(Hash(Mlp.Create(s_options)), Hash(Mlp.Create(s_options)));
        Assert.NotEqual(Hash(Mlp.Create(s_options)), Hash(Mlp.Create(s_options with { Seed = 43 })));
        Assert.NotEqual(Hash(Mlp.Create(s_options)), Hash(Mlp.Create(s_options with { Initialization = Initialization.HeUniform })));
    }

    [Fact]
    public void Create_EveryMode_StartsFromTheSameWeights()
    {
        float[] expected = Mlp.Create(s_options).Layers.OfType<Linear>().Last().Weight.Value;
        foreach (NormalizationKind normalization in NormalizationKind.All.Where(k => !k.NeedsPositions))
        {
            Sequential network = Mlp.Create(s_options with { Normalization = normalization });
            Compare.SameBits(expected, network.Layers.OfType<Linear>().Last().Weight.Value, $"{normalization}");
        }
    }

    [Fact]
    public void Create_DefaultSeed_GivesThePinnedBits() =>
        Assert.Equal("47C0CC9F35672D06", Hash(Mlp.Create(s_options)));

    [Fact]
    public void Create_OptionsOutOfRange_NameTheOption()
    {
        Assert.Equal("InputFeatures", Assert.ThrowsAny<ArgumentException>(() => Mlp.Create(s_options with { InputFeatures = 0 })).ParamName);
        Assert.Equal("Classes", Assert.ThrowsAny<ArgumentException>(() => Mlp.Create(s_options with { Classes = 1 })).ParamName);
        Assert.Equal("HiddenFeatures", Assert.ThrowsAny<ArgumentException>(() => Mlp.Create(s_options with { HiddenFeatures = [] })).ParamName);
        Assert.Equal("HiddenFeatures", Assert.ThrowsAny<ArgumentException>(() => Mlp.Create(s_options with { HiddenFeatures = [8, 0] })).ParamName);
        Assert.Equal("initialization", Assert.ThrowsAny<ArgumentException>(() => Mlp.Create(s_options with { Initialization = (Initialization)9 })).ParamName);
        Assert.Equal("options.Normalization", Assert.Throws<ArgumentNullException>(() => Mlp.Create(s_options with { Normalization = null! })).ParamName);
    }

    [Fact]
    public void Create_KindOfTheCaller_UsesItsLayer()
    {
        NormalizationKind own = new("own", "a layer of the caller", "each sample", settings => new LayerNorm1D(settings.Features, settings.Epsilon, name: "own"));
        Sequential network = Mlp.Create(s_options with { HiddenFeatures = [9], Normalization = own });
        Assert.Equal("linear1,own,relu1,linear2", string.Join(',', network.Layers.Select(l => l.Name)));
        Assert.Null(NormalizationKind.Find("own"));
    }

    [Fact]
    public void All_Kinds_AreFoundByTheirNamesAndCreateLayersOfTheGivenName()
    {
        Assert.NotEmpty(NormalizationKind.All);
        foreach (NormalizationKind kind in NormalizationKind.All)
        {
            Assert.Same(kind, NormalizationKind.Find(kind.Name.ToUpperInvariant()));
            Layer? layer = kind.Create(new NormalizationSettings(6) { Name = "norm7", Positions = 2 });
            Assert.Equal(kind == NormalizationKind.None || kind == NormalizationKind.WeightNorm ? null : "norm7", layer?.Name);
            Assert.Equal(kind.UsesBatch, layer is INormalization { Running: not null });
            Assert.Equal(kind.IsPerChannel, layer is BatchNorm or GroupNorm or InstanceNorm or LocalResponseNorm);
            Assert.All(kind.Options, o => Assert.NotNull(typeof(NormalizationOptions).GetProperty(o)));
            Assert.Equal(kind.NeedsPositions, kind.Check(new NormalizationSettings(6)) is not null);
        }
    }

    [Fact]
    public void All_Kinds_HaveEveryLayerOfTheLibrary()
    {
        // Adaptive layer normalization needs a condition of each sample: dynamic layer normalization makes one of the sample.
        Type[] layers = [.. typeof(NormalizationKind).Assembly.GetTypes().Where(t => t.IsPublic && !t.IsAbstract
            && (typeof(INormalization).IsAssignableFrom(t) || typeof(NormalizedLinear).IsAssignableFrom(t) || t == typeof(LocalResponseNorm)))];
        HashSet<Type> ofKinds = [];
        foreach (NormalizationKind kind in NormalizationKind.All)
        {
            NormalizationSettings settings = new(6) { Positions = 2 };
            ofKinds.UnionWith(((Layer?[])[kind.Create(settings), kind.Wrap?.Invoke(new Linear(3, 6, new RandomSource(1)), settings)]).OfType<Layer>().Select(l => l.GetType()));
        }

        Assert.Equal(
            ["AdaptiveLayerNorm", "BatchNorm", "BatchNorm2D", "BatchNorm3D", "LayerNorm"],
            layers.Except(ofKinds).Select(t => t.Name).Order());
        Assert.Equal(13, ofKinds.Count);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(7, 1)]
    [InlineData(8, 2)]
    [InlineData(20, 5)]
    [InlineData(32, 8)]
    [InlineData(100, 25)]
    [InlineData(128, 32)]
    [InlineData(1280, 32)]
    public void GroupsOf_Width_DividesItWithFourChannelsOrMore(int width, int groups) => Assert.Equal(groups, NormalizationOptions.GroupsOf(width));

    [Fact]
    public void Create_NormalizationOptions_ReachTheLayers()
    {
        NormalizationOptions options = new() { Groups = 8, ChunkSize = 5, Limits = new RenormLimits(2, 1), WindowSize = 3, ResponseScale = 0.5 };
        Assert.Equal(8, Norm<GroupNorm>(NormalizationKind.GroupNorm).Groups);
        Assert.Equal(5, Norm<GhostBatchNorm>(NormalizationKind.GhostBatchNorm).ChunkSize);
        Assert.Same(options.Limits, Norm<BatchRenorm>(NormalizationKind.BatchRenorm).Limits);
        Assert.Equal((3, 0.5), Norm<LocalResponseNorm>(NormalizationKind.LocalResponseNorm) is var lrn ? (lrn.Size, lrn.Alpha) : default);
        Assert.Equal(8, Norm<GroupNorm>(NormalizationKind.WeightStandardization).Groups);
        Sequential standardized = Mlp.Create(s_options with { Normalization = NormalizationKind.WeightStandardization, Epsilon = 0.5 });
        Assert.Equal(0.5, Assert.IsType<WeightStandardization>(standardized.Layers[0]).Epsilon);

        T Norm<T>(NormalizationKind kind) => Assert.IsType<T>(Mlp.Create(s_options with { Normalization = kind, NormalizationOptions = options, HiddenFeatures = [16] }).Layers[1]);
    }

    [Theory]
    [InlineData("groupnorm", 5, 1, "5 groups do not divide a width of 6")]
    [InlineData("groupnorm", 6, 1, "leave one value a group")]
    [InlineData("weightstandardization", 4, 1, "4 groups do not divide a width of 6")]
    [InlineData("instancenorm", null, 1, "two positions of a channel")]
    [InlineData("groupnorm", 6, 2, null)]
    [InlineData("groupnorm", 3, 1, null)]
    [InlineData("instancenorm", null, 2, null)]
    [InlineData("layernorm", 5, 1, null)]
    public void Check_Settings_SaysWhyTheLayerHasNoUse(string mode, int? groups, int positions, string? expected)
    {
        NormalizationKind kind = NormalizationKind.Find(mode)!;
        NormalizationSettings settings = new(6) { Positions = positions, Options = new() { Groups = groups } };
        if (expected is null)
        {
            Assert.Null(kind.Check(settings));
            return;
        }

        Assert.Contains(expected, kind.Check(settings), StringComparison.Ordinal);
        Assert.Equal("settings", Assert.Throws<ArgumentException>(() => kind.Create(settings)).ParamName);
    }

    private static string Hash(Sequential network)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Parameter parameter in network.Parameters)
        {
            hash.AppendData(MemoryMarshal.AsBytes<float>(parameter.Value));
        }

        return Convert.ToHexString(hash.GetHashAndReset())[..16];
    }
}
