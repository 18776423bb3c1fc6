using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>The libraries' defaults, and layers carried from one library's conventions to another's.</summary>
public sealed class ConventionsTests
{
    private const double MachineEpsilon = 1.1920928955078125e-7;

    private static readonly FrameworkConventions[] s_all = [FrameworkConventions.PyTorch, FrameworkConventions.Keras, FrameworkConventions.Flax, FrameworkConventions.Onnx];

    // Batch, layer, RMS, group and instance normalization's ε; the weight of a new batch; whether the running variance is biased; whether instances have γ and β.
    [Theory]
    [InlineData("PyTorch", 1e-5, 1e-5, MachineEpsilon, 1e-5, 1e-5, 0.1, false, false)]
    [InlineData("Keras", 1e-3, 1e-3, 1e-6, 1e-3, 1e-3, 0.01, true, true)]
    [InlineData("Flax", 1e-5, 1e-6, 1e-6, 1e-6, 1e-6, 0.01, true, true)]
    [InlineData("ONNX", 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 0.1, true, true)]
    public void Presets_NothingGiven_HaveTheLibrarysDefaults(
        string library, double batch, double layer, double rms, double group, double instance, double newWeight, bool biased, bool affine)
    {
        FrameworkConventions conventions = Of(library);
        BatchNorm norm = conventions.BatchNorm(6);
        Assert.Equal((batch, biased), (norm.Epsilon, norm.BiasedRunningVariance));
        Assert.Equal(newWeight, norm.Momentum.WeightOfBatch(1), 1e-15);
        Assert.Equal((true, true), (norm.Gamma is not null, norm.Beta is not null));
        Assert.Equal(layer, conventions.LayerNorm(6).Epsilon);
        Assert.Equal(rms, conventions.RmsNorm(6).Epsilon);
        Assert.Equal((group, 2), (conventions.GroupNorm(2, 6).Epsilon, conventions.GroupNorm(2, 6).Groups));
        InstanceNorm instances = conventions.InstanceNorm(6);
        Assert.Equal((instance, affine, affine), (instances.Epsilon, instances.Gamma is not null, instances.Beta is not null));
        Assert.Equal((library, library), (conventions.Name, conventions.ToString()));

        BatchNorm given = conventions.BatchNorm(6, epsilon: 0.5, momentum: 0.75, withBeta: false);
        Assert.Equal((0.5, library == "PyTorch" ? 0.75 : 0.25, true), (given.Epsilon, given.Momentum.WeightOfBatch(1), given.Beta is null));
        Assert.Throws<ArgumentOutOfRangeException>(() => conventions.BatchNorm(6, momentum: 1.5));
    }

    [Fact]
    public void BiasedRunningVariance_Training_FollowsThePopulationVariance()
    {
        BatchNorm keras = FrameworkConventions.Keras.BatchNorm(2, momentum: 0);
        keras.Mask = [true, true, false];
        Samples.Forward(keras, [1, 2, 0, 5, 5, 0], (1, 2, 3));
        Assert.Equal([1.5f, 5], keras.Running!.Mean);
        Assert.Equal([0.25f, 0], keras.Running.Variance);

        float[] x = Samples.Normal(24);
        GhostBatchNorm biased = new(3, 4) { BiasedRunningVariance = true };
        GhostBatchNorm unbiased = new(3, 4);
        Samples.Forward(biased, x, (8, 3));
        Samples.Forward(unbiased, x, (8, 3));
        for (int c = 0; c < 3; c++)
        {
            Assert.Equal(0.81 + (unbiased.Running!.Variance[c] - 0.81) * 3 / 4, biased.Running!.Variance[c], 1e-6);
        }
    }

    [Theory]
    [InlineData("PyTorch", "weight", "bias", "running_mean", "running_var", "eps", 0.2)]
    [InlineData("Keras", "gamma", "beta", "moving_mean", "moving_variance", "epsilon", 0.8)]
    [InlineData("Flax", "scale", "bias", "mean", "var", "epsilon", 0.8)]
    [InlineData("ONNX", "scale", "B", "input_mean", "input_var", "epsilon", 0.8)]
    public void Convert_BatchNorm_CarriesAllValues(string library, string gamma, string beta, string mean, string variance, string epsilon, double momentum)
    {
        BatchNorm layer = new(5, 0.02, Momentum.NewWeight(0.2), onePlusGamma: true, relu: true);
        Layers.Fill(layer);
        (float[] x, _) = Layers.Data((7, 5));
        Samples.Forward(layer, x, (7, 5));
        Conversion conversion = Of(library).Convert(layer);
        BatchNorm converted = Assert.IsType<BatchNorm>(conversion.Layer);
        Assert.Equal([(epsilon, 0.02), ("momentum", momentum)], conversion.Arguments.Select(a => (a.Key, a.Value)));
        Assert.Equal([gamma, beta, mean, variance], conversion.Tensors.Keys);
        Assert.Same(converted.Gamma!.Value, conversion.Tensors[gamma]);
        Assert.Same(converted.Running!.Variance, conversion.Tensors[variance]);
        Assert.Equal(layer.Running!.BatchesSeen, converted.Running.BatchesSeen);
        Assert.Equal([.. layer.Gamma!.Value.Select(v => 1 + v)], converted.Gamma.Value);
        Assert.Contains($"{library} has no ReLU in the layer: put one behind it.", conversion.NotExpressed);
        Assert.Equal(library == "PyTorch" ? 1 : 2, conversion.NotExpressed.Count);
        foreach (bool training in (bool[])[false, true])
        {
            (layer.Training, converted.Training) = (training, training);
            Compare.SameBits(Samples.Forward(layer, x, (7, 5)), [.. Samples.Forward(converted, x, (7, 5)).Select(v => v > 0 ? v : 0)], "y");
        }

        Compare.SameBits(layer.Running.Mean, converted.Running.Mean, "running mean");
        Assert.Equal(library == "PyTorch", layer.Running.Variance.AsSpan().SequenceEqual(converted.Running.Variance));
    }

    [Fact]
    public void Convert_ThereAndBack_IsTheSameLayer()
    {
        foreach (FrameworkConventions one in s_all)
        {
            BatchNorm layer = one.BatchNorm(4);
            Layers.Fill(layer);
            foreach (FrameworkConventions other in s_all)
            {
                Conversion there = other.Convert(layer);
                Conversion back = one.Convert(there.Layer);
                Assert.Equal(one.RunningVarianceIsBiased == other.RunningVarianceIsBiased ? 0 : 1, there.NotExpressed.Count);
                Assert.Equal(layer.Conventions, back.Layer.Conventions);
                Assert.Equal(one.Convert(layer).Arguments, back.Arguments);
                Layers.AssertSameBits(layer, back.Layer, (6, 4));
            }
        }
    }

    [Fact]
    public void Convert_EachOtherLayer_HasTheSameBits()
    {
        foreach (FrameworkConventions conventions in s_all)
        {
            (Layer Layer, Shape Shape, string Tensors)[] cases =
            [
                (new LayerNorm((3, 4), 0.3, onePlusGamma: true), (5, 3, 4), "PyTorch weight bias, Keras gamma beta, Flax scale bias, ONNX Scale B"),
                (new RmsNorm(6, 0.3, onePlusGamma: true), (5, 6), "PyTorch weight, Keras scale, Flax scale, ONNX scale"),
                (new GroupNorm(2, 6, 0.3), (3, 6, 4), "PyTorch weight bias, Keras gamma beta, Flax scale bias, ONNX scale bias"),
                (new InstanceNorm(6, 0.3, withGamma: true, withBeta: true), (3, 6, 4), "PyTorch weight bias, Keras gamma beta, Flax scale bias, ONNX scale B"),
            ];
            foreach ((Layer layer, Shape shape, string tensors) in cases)
            {
                Layers.Fill(layer);
                Conversion conversion = conventions.Convert(layer);
                Assert.Equal(layer is LayerNorm && conventions.Name is ("Keras" or "Flax") ? 1 : 0, conversion.NotExpressed.Count);
                Assert.Equal(0.3, conversion.Arguments.First().Value);
                Assert.Contains($"{conventions.Name} {string.Join(' ', conversion.Tensors.Keys)}", tensors.Split(", "));
                (float[] x, _) = Layers.Data(shape);
                Compare.SameBits(Samples.Forward(layer, x, shape), Samples.Forward(conversion.Layer, x, shape), "y");
                Assert.Equal(layer.Parameters.Count, conversion.Layer.Parameters.Count);
            }

            Assert.Equal(2, conventions.Convert(cases[2].Layer).Arguments[conventions.Name == "Keras" ? "groups" : "num_groups"]);
        }

        Assert.Equal(
            ["BatchNorm1d, BatchNorm2d or BatchNorm3d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"],
            new BatchNorm[] { new(3), new BatchNorm1D(3), new BatchNorm2D(3), new BatchNorm3D(3) }.Select(layer => FrameworkConventions.PyTorch.Convert(layer).Name));
        Assert.Equal(-1, FrameworkConventions.Keras.Convert(new InstanceNorm(6)).Arguments["groups"]);
    }

    public static TheoryData<string, string, string> NotExpressed => new()
    {
        { "cumulative", "Keras Flax ONNX", "has no cumulative average, so momentum is its default" },
        { "untracked", "Keras Flax ONNX", "always tracks running statistics" },
        { "unbiased", "Keras Flax ONNX", "tracks the biased variance" },
        { "biased", "PyTorch", "tracks the unbiased variance" },
        { "masked batch", "PyTorch ONNX", "takes no mask" },
        { "masked rows", "PyTorch Keras ONNX", "takes no mask" },
        { "outside", "PyTorch Keras Flax ONNX", "has ε under the root alone" },
        { "no beta", "PyTorch ONNX", "cannot leave β out" },
        { "no gamma", "PyTorch ONNX", "cannot leave γ out" },
        { "rms without gamma", "Keras ONNX", "cannot leave γ out" },
        { "layer without beta", "", "cannot leave" },
        { "layer without gamma", "PyTorch ONNX", "cannot leave γ out" },
        { "instances without both", "ONNX", "cannot leave γ and β out" },
        { "instance statistics", "Keras Flax ONNX", "has no running statistics here" },
    };

    [Theory]
    [MemberData(nameof(NotExpressed))]
    public void Convert_WhatALibraryLacks_IsSaid(string what, string libraries, string note)
    {
        bool[] mask = [.. Enumerable.Range(0, 15).Select(i => i % 4 != 1)];
        Layer layer = what switch
        {
            "cumulative" => new BatchNorm(4, momentum: Momentum.Cumulative),
            "untracked" => new BatchNorm(4, trackRunningStatistics: false),
            "unbiased" => new BatchNorm(4),
            "biased" => new BatchNorm(4) { BiasedRunningVariance = true },
            "masked batch" => new BatchNorm(4) { Mask = mask },
            "masked rows" => new LayerNorm1D(4) { Mask = mask },
            "outside" => new RmsNorm(4, 0.1, epsilonOutsideRoot: true),
            "no beta" => new GroupNorm(2, 4, withBeta: false),
            "no gamma" => new GroupNorm(2, 4, withGamma: false),
            "rms without gamma" => new RmsNorm(4, withGamma: false),
            "layer without beta" => new LayerNorm1D(4, withBeta: false),
            "layer without gamma" => new LayerNorm1D(4, withGamma: false),
            "instances without both" => new InstanceNorm(4),
            _ => new InstanceNorm(4, trackRunningStatistics: true, withGamma: true, withBeta: true),
        };
        Layers.Fill(layer);
        (float[] x, _) = Layers.Data((3, 4, 5));
        Shape shape = layer is RmsNorm or LayerNorm ? (3, 5, 4) : (3, 4, 5);
        float[] own = Samples.Forward(layer, x, shape);
        foreach (FrameworkConventions conventions in s_all)
        {
            Conversion conversion = conventions.Convert(layer);
            bool lacks = libraries.Split(' ').Contains(conventions.Name);
            Assert.Equal(lacks, conversion.NotExpressed.Any(n => n.StartsWith($"{conventions.Name} {note}", StringComparison.Ordinal)));

            // Without the mask, or with ε under the root, it is another function. All else changes no bit: constants in place of γ and β do not learn.
            Layer? other = (what, lacks) switch
            {
                ("masked batch", true) => new BatchNorm(4),
                ("masked rows", true) => new LayerNorm1D(4),
                ("outside", true) => new RmsNorm(4, 0.1),
                _ => null,
            };
            float[] expected = own;
            if (other is not null)
            {
                Layers.Fill(other);
                expected = Samples.Forward(other, x, shape);
                Assert.NotEqual(own, expected);
            }

            Compare.SameBits(expected, Samples.Forward(conversion.Layer, x, shape), "y");
            Assert.All(conversion.Layer.Parameters, p => Assert.Equal(p.Frozen, layer.Parameters.All(o => o.Name != p.Name)));
        }
    }

    public static TheoryData<string, string, string> AlsoNotExpressed => new()
    {
        { "cumulative", "PyTorch", "takes momentum=None for a cumulative average, which is no number among the arguments." },
        { "cumulative instances", "PyTorch", "has no cumulative average, so momentum is its default 0.1." },
        { "throwing", "PyTorch Keras Flax ONNX", "takes batches whose statistics are not finite." },
        { "throwing instances", "PyTorch Keras Flax ONNX", "takes batches whose statistics are not finite." },
        { "untracked, throwing", "", "takes batches" },
        { "frozen", "PyTorch Keras Flax ONNX", "has no argument for frozen statistics: run the layer as in evaluation." },
        { "masked", "Keras Flax", "normalizes masked elements too, while y is 0 there in this library." },
        { "masked rows", "Flax", "normalizes masked elements too, while y is 0 there in this library." },
        { "two axes", "Keras", "normalizes over the last axis unless axis = [-2, -1], which is no number among the arguments." },
        { "two axes", "Flax", "normalizes over the last axis unless reduction_axes = feature_axes = [-2, -1], which is no number among the arguments." },
        { "one axis", "", "normalizes over" },
    };

    [Theory]
    [MemberData(nameof(AlsoNotExpressed))]
    public void Convert_WhatArgumentsDoNotSay_IsSaid(string what, string libraries, string note)
    {
        Layer layer = what switch
        {
            "cumulative" => new BatchNorm(4, momentum: Momentum.Cumulative),
            "cumulative instances" => new InstanceNorm(4, momentum: Momentum.Cumulative, withGamma: true, withBeta: true, trackRunningStatistics: true),
            "throwing" => new BatchNorm(4, nonFinite: NonFiniteStatistics.Throw),
            "throwing instances" => new InstanceNorm(4, withGamma: true, withBeta: true, trackRunningStatistics: true, nonFinite: NonFiniteStatistics.Throw),
            "untracked, throwing" => new BatchNorm(4, trackRunningStatistics: false, nonFinite: NonFiniteStatistics.Throw),
            "frozen" => new BatchNorm(4) { FreezeStatistics = true },
            "masked" => new BatchNorm(4) { Mask = [true] },
            "masked rows" => new RmsNorm(4) { Mask = [true] },
            "two axes" => new LayerNorm((2, 4)),
            _ => new LayerNorm1D(4),
        };
        Assert.Equal(libraries, string.Join(' ', s_all.Where(c => c.Convert(layer).NotExpressed.Any(n => n.StartsWith($"{c.Name} {note}", StringComparison.Ordinal))).Select(c => c.Name)));
    }

    // What a library takes for granted where it is told nothing, and the layer does otherwise.
    [Theory]
    [InlineData("PyTorch", "batch", "eps momentum")]
    [InlineData("PyTorch", "batch alone", "eps momentum affine=0 track_running_stats=0")]
    [InlineData("PyTorch", "instances", "eps")]
    [InlineData("PyTorch", "tracked instances", "eps momentum affine=1 track_running_stats=1")]
    [InlineData("PyTorch", "group without both", "eps num_groups affine=0")]
    [InlineData("PyTorch", "layer without beta", "eps bias=0")]
    [InlineData("PyTorch", "layer without both", "eps elementwise_affine=0")]
    [InlineData("PyTorch", "rms without gamma", "eps elementwise_affine=0")]
    [InlineData("PyTorch", "two axes", "eps")]
    [InlineData("Keras", "batch alone", "epsilon momentum scale=0 center=0")]
    [InlineData("Keras", "instances", "epsilon groups scale=0 center=0")]
    [InlineData("Keras", "layer without beta", "epsilon center=0")]
    [InlineData("Keras", "rms without gamma", "epsilon")]
    [InlineData("Flax", "instances", "epsilon use_scale=0 use_bias=0")]
    [InlineData("Flax", "rms without gamma", "epsilon use_scale=0")]
    [InlineData("ONNX", "layer without beta", "epsilon")]
    [InlineData("ONNX", "two axes", "epsilon axis=-2")]
    [InlineData("ONNX", "three axes", "epsilon axis=-3")]
    public void Convert_SwitchesAndAxes_AreArgumentsWhereTheyAreNotTheDefault(string library, string what, string arguments)
    {
        Layer layer = what switch
        {
            "batch" => new BatchNorm(4),
            "batch alone" => new BatchNorm(4, withGamma: false, withBeta: false, trackRunningStatistics: false),
            "instances" => new InstanceNorm(4),
            "tracked instances" => new InstanceNorm(4, withGamma: true, withBeta: true, trackRunningStatistics: true),
            "group without both" => new GroupNorm(2, 4, withGamma: false, withBeta: false),
            "layer without beta" => new LayerNorm(4, withBeta: false),
            "layer without both" => new LayerNorm(4, withGamma: false, withBeta: false),
            "two axes" => new LayerNorm((2, 4)),
            "three axes" => new LayerNorm((2, 4, 3)),
            _ => new RmsNorm(4, withGamma: false),
        };
        Assert.Equal(arguments, string.Join(' ', Of(library).Convert(layer).Arguments.Select(a => a.Value is 0 or 1 or < -1 ? $"{a.Key}={a.Value}" : a.Key)));
    }

    [Fact]
    public void Convert_PolicyOfNonFiniteBatches_IsKept()
    {
        foreach (NonFiniteStatistics policy in Enum.GetValues<NonFiniteStatistics>())
        {
            BatchNorm batch = new(1, nonFinite: policy);
            InstanceNorm instances = new(1, trackRunningStatistics: true, nonFinite: policy);
            Assert.Equal((policy, policy), (batch.NonFinite, instances.NonFinite));
            Assert.All(s_all, c => Assert.Equal(policy, ((BatchNorm)c.Convert(batch).Layer).NonFinite));
            Assert.All(s_all, c => Assert.Equal(policy, ((InstanceNorm)c.Convert(instances).Layer).NonFinite));
        }

        Layer converted = FrameworkConventions.PyTorch.Convert(new BatchNorm(1, nonFinite: NonFiniteStatistics.Throw)).Layer;
        Assert.Throws<InvalidOperationException>(() => Samples.Forward(converted, [float.NaN, 1], (2, 1)));
        Assert.Equal(0.1, ((InstanceNorm)FrameworkConventions.PyTorch.Convert(new InstanceNorm(4, momentum: Momentum.Cumulative, trackRunningStatistics: true)).Layer).Momentum.WeightOfBatch(7));
        Assert.Equal("InstanceNorm1d, InstanceNorm2d or InstanceNorm3d", FrameworkConventions.PyTorch.Convert(new InstanceNorm(4)).Name);
    }

    [Fact]
    public void Convert_LayersThatItDoesNotKnow_AreRefused()
    {
        foreach (Layer layer in (Layer[])
            [
                new GhostBatchNorm(3, 2), new BatchRenorm(3, RenormLimits.Paper), new ScaleNorm(3), new DyT(3), new LocalResponseNorm(3), new DynamicLayerNorm(3),
                new WeightNorm(new NormLayers.Network.Linear(new float[6], 3)),
            ])
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => FrameworkConventions.Keras.Convert(layer));
            Assert.Contains($"got {layer.GetType().Name}, which the conversion to Keras does not know.", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Conversion_AsText_ShowsTheArguments()
    {
        Assert.Equal("PyTorch: GroupNorm(eps = 0.125, num_groups = 2)", FrameworkConventions.PyTorch.Convert(new GroupNorm(2, 4, 0.125)).ToString());
        Conversion withNote = FrameworkConventions.PyTorch.Convert(new RmsNorm(4, 0.125, epsilonOutsideRoot: true));
        Assert.Equal("PyTorch: RMSNorm(eps = 0.125) PyTorch has ε under the root alone, so small rows come out different.", $"{withNote}");
    }

    [Fact]
    public void Load_AnotherKindOfRunningVariance_IsRefused()
    {
        MemoryStream file = new();
        FrameworkConventions.Keras.BatchNorm(3, epsilon: 1e-5, momentum: 0.9).Save(file);
        file.Position = 0;
        Exception error = Assert.ThrowsAny<Exception>(() => new BatchNorm(3).Load(file));
        Assert.Contains("running_variance: ", error.Message, StringComparison.Ordinal);
        file.Position = 0;
        FrameworkConventions.Onnx.BatchNorm(3).Load(file);
    }

    // A layer has a property of the name Conventions.
    [Fact]
    public void FrameworkConventions_WithinALayer_CanBeNamed() => Assert.Equal(("PyTorch", 0), (new Named().Own.Name, new Named().Conventions.Count));

    private sealed class Named() : Layer("named")
    {
        public FrameworkConventions Own { get; } = FrameworkConventions.PyTorch;

        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }

    private static FrameworkConventions Of(string library) => s_all.Single(c => c.Name == library);
}
