using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using NormLayers.Exchange;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Exchange;

public sealed class LayerFilesTests
{
    public static TheoryData<string> Modes => [.. NormalizationKind.All.Where(k => !k.NeedsPositions).Select(k => k.Name)];

    private static readonly Dictionary<string, Func<Layer>> s_layers = new()
    {
        ["batch norm"] = () => new BatchNorm1D(3, momentum: Momentum.Cumulative),
        ["RMS norm"] = () => new RmsNorm(3, onePlusGamma: true),
        ["ScaleNorm"] = () => new ScaleNorm(3),
        ["DyT"] = () => new DyT(3),
        ["ScaleNorm with 1 + g"] = () => new ScaleNorm(3, onePlusG: true),
        ["DyT with 1 + γ"] = () => new DyT(3, onePlusGamma: true),
        ["weight norm with 1 + g"] = () => new WeightNorm(new Linear(3, 2, new RandomSource(1)), onePlusG: true),
        ["dynamic layer norm"] = () => new DynamicLayerNorm(3),
        ["weight norm"] = () => new WeightNorm(new Linear(3, 2, new RandomSource(1))),
        ["weight standardization"] = () => new WeightStandardization(new Linear(3, 2, new RandomSource(1))),
        ["local response norm"] = () => new LocalResponseNorm(2),
    };

    public static TheoryData<string> Layers => [.. s_layers.Keys];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Load_SavedNetwork_IsTheSameBitForBit(string mode)
    {
        Sequential trained = Trained(mode);
        byte[] file = SafetensorsBytes.Of(trained);
        Assert.Equal(file, SafetensorsBytes.Of(trained));
        Sequential copy = Create(mode, seed: 2);
        LoadReport report = copy.Load(new MemoryStream(file));
        Assert.Empty(report.Missing.Concat(report.Unexpected).Concat(report.Unstated).Concat(report.Different));
        Assert.Equal("The file and the network agree.", $"{report}");
        Assert.Equal("pt", report.Metadata["format"]);
        AssertSame(trained, copy);
        Assert.Equal(file, SafetensorsBytes.Of(copy));
        Sequential piped = Create(mode, seed: 3);
        using Pipe pipe = new(file);
        piped.Load(pipe);
        AssertSame(trained, piped);
        float[] x = Samples.Normal(32, seed: 9);
        foreach (bool training in (bool[])[false, true, false])
        {
            (trained.Training, copy.Training) = (training, training);
            Compare.SameBits(Samples.Forward(trained, x, (8, 4)), Samples.Forward(copy, x, (8, 4)), "output");
        }
    }

    [Fact]
    public void Save_BatchNorm_HasWhatLoadStateDictTakes()
    {
        Sequential network = Trained("batchnorm");
        network.Layers.OfType<BatchNorm1D>().Single().Running!.SkippedUpdates = 3;
        byte[] file = SafetensorsBytes.Of(network, new Dictionary<string, string> { ["note"] = "mine" });
        SafetensorsReader reader = new(new MemoryStream(file));
        Assert.Equal(
            [
                "I64 'norm1.num_batches_tracked' []", "F32 'linear1.bias' [5]", "F32 'linear1.weight' [5, 4]", "F32 'linear2.bias' [3]", "F32 'linear2.weight' [3, 5]",
                "F32 'norm1.bias' [5]", "F32 'norm1.running_mean' [5]", "F32 'norm1.running_var' [5]", "F32 'norm1.weight' [5]",
            ],
            reader.Tensors.Select(t => $"{t}"));
        Assert.Equal(
            ["format=pt", "norm1.epsilon=1E-05", "norm1.layer=batch normalization", "norm1.momentum=0.1", "norm1.num_batches_skipped=3", "norm1.relu=no", "norm1.running_variance=unbiased", "norm1.scale=gamma", "note=mine"],
            reader.Metadata.Select(m => $"{m.Key}={m.Value}").Order());
        Sequential copy = Create("batchnorm", seed: 2);
        copy.Load(new MemoryStream(file));
        Assert.Equal(3, copy.Layers.OfType<BatchNorm1D>().Single().Running!.SkippedUpdates);
    }

    /// <summary>Python reads the file by the format's description alone; repr of a double is exact, and each float is one.</summary>
    [Theory]
    [MemberData(nameof(Modes))]
    public void Save_Network_IsReadByPython(string mode)
    {
        Sequential network = Trained(mode);
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, SafetensorsBytes.Of(network));
            ProcessStartInfo start = new("python3", [Path.Combine(AppContext.BaseDirectory, "Exchange", "Files", "read_file.py"), file]) { RedirectStandardOutput = true };
            using Process? python = Start(start);
            Assert.SkipWhen(python is null, "no command 'python3' here");
            string[] lines = python!.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            python.WaitForExit();

            Assert.Equal(0, python.ExitCode);
            Dictionary<string, string[]> read = lines.Select(l => l.Split('\t')).ToDictionary(f => f[1]);
            NamedState[] saved = [.. network.NamedState.Where(s => s.IsInStateDict)];
            Assert.Equal(saved.Select(s => s.Name).Order(StringComparer.Ordinal), read.Keys.Order(StringComparer.Ordinal));
            foreach (NamedState state in saved)
            {
                string[] numbers = read[state.Name][3].Split(',');
                if (state.Floats is { } floats)
                {
                    Assert.Equal($"{state.Shape}", $"({read[state.Name][2].Replace(",", ", ", StringComparison.Ordinal)})");
                    Compare.SameBits(floats, [.. numbers.Select(n => (float)double.Parse(n, CultureInfo.InvariantCulture))], state.Name);
                }
                else
                {
                    Assert.Equal(state.Counters!, numbers.Select(n => long.Parse(n, CultureInfo.InvariantCulture)));
                }
            }
        }
        finally
        {
            File.Delete(file);
        }

        static Process? Start(ProcessStartInfo start)
        {
            try
            {
                return Process.Start(start);
            }
            catch (Win32Exception)
            {
                return null;
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_PyTorchsFile_ComputesWhatPyTorchDoes(bool pipe)
    {
        byte[] bytes = SafetensorsBytes.Python("pytorch.safetensors");
        using MemoryStream stream = pipe ? new Pipe(bytes) : new MemoryStream(bytes);
        Sequential network = PyTorchs();
        network.Layers.OfType<BatchNorm1D>().Single().Running!.SkippedUpdates = 5;
        LoadReport report = network.Load(stream);
        Assert.Equal(["norm1.epsilon", "norm1.layer", "norm1.momentum", "norm1.relu", "norm1.running_variance", "norm1.scale"], report.Unstated.Order());
        Assert.Equal(77, network.Layers.OfType<BatchNorm1D>().Single().Running!.BatchesSeen);
        Assert.Equal(0, network.Layers.OfType<BatchNorm1D>().Single().Running!.SkippedUpdates);
        network.Training = false;

        // By hand: linear1 of (1, 2) is (0.125, 4.5, 0.25); norm1 then (0.25 - 0.28125, -0.125 + 5.5, 0.5) but for ε; ReLU; linear2.
        float[] y = Samples.Forward(network, [1, 2], (1, 2));
        Compare.Within([0 - 2 * 5.375 + 0.5 * 0.5, 0 + 5.375 - 0.5 + 1], y, 3e-4, "logits");
    }

    [Fact]
    public void Load_OtherNames_AreRefusedOrTold()
    {
        Sequential network = Create("batchnorm", seed: 1);
        byte[] file = SafetensorsBytes.Of(Create("none", seed: 2));
        string message = Refused(network, file);
        Assert.Contains("expected a tensor for every part of the network, got none for 'norm1.weight', 'norm1.bias', 'norm1.running_mean', 'norm1.running_var', 'norm1.num_batches_tracked'.", message, StringComparison.Ordinal);
        LoadReport report = network.Load(new MemoryStream(file), strict: false);
        Assert.Equal(["norm1.weight", "norm1.bias", "norm1.running_mean", "norm1.running_var", "norm1.num_batches_tracked"], report.Missing);
        Assert.Equal(["norm1.epsilon", "norm1.layer", "norm1.momentum", "norm1.relu", "norm1.running_variance", "norm1.scale"], report.Unstated.Order());
        Assert.Equal(
            "The file lacks 'norm1.weight', 'norm1.bias', 'norm1.running_mean', 'norm1.running_var', 'norm1.num_batches_tracked'. "
            + $"The file does not state {string.Join(", ", report.Unstated.Select(c => $"'{c}'"))}.",
            $"{report}");
        Compare.SameBits(Weights(Create("none", seed: 2)), Weights(network), "the weights that are in both");
        Compare.AllEqual(1, network.Layers.OfType<BatchNorm1D>().Single().Gamma!.Value, "γ, which is not in the file");

        Sequential plain = Create("none", seed: 1);
        byte[] more = SafetensorsBytes.Of(Create("layernorm", seed: 2));
        using Pipe pipe = new(more);
        Assert.Contains("got also 'norm1.bias', 'norm1.weight'", Refused(plain, more), StringComparison.Ordinal);
        Assert.Equal(["norm1.bias", "norm1.weight"], plain.Load(new MemoryStream(more), strict: false).Unexpected);
        Assert.Equal("The network does not have 'norm1.bias', 'norm1.weight'.", $"{Create("none", seed: 1).Load(pipe, strict: false)}");
    }

    [Fact]
    public void Load_OneLayer_IsCalledALayer()
    {
        byte[] file = SafetensorsBytes.Of(new LayerNorm1D(3));
        Assert.Equal("The file and the layer agree.", $"{new LayerNorm1D(3).Load(new MemoryStream(file))}");
        Assert.Equal("The layer does not have 'bias'.", $"{new LayerNorm1D(3, withBeta: false).Load(new MemoryStream(file), strict: false)}");
    }

    [Fact]
    public void Load_OtherConventions_AreTheMessageThemselves()
    {
        Assert.Contains(
            "expected the conventions of this layer, got scale: '1 + gamma' in the file, 'gamma' here.",
            Refused(new RmsNorm(3), SafetensorsBytes.Of(new RmsNorm(3, onePlusGamma: true))), StringComparison.Ordinal);
        Assert.Contains(
            "expected the conventions of this network, got n.epsilon: '0.5' in the file, '0.25' here; n.scale: '1 + gamma' in the file, 'gamma' here.",
            Refused(new Sequential(new RmsNorm(3, 0.25, name: "n")), SafetensorsBytes.Of(new Sequential(new RmsNorm(3, 0.5, onePlusGamma: true, name: "n")))), StringComparison.Ordinal);
        Assert.Contains("expected only tensors that the layer has, got also 'bias'.", Refused(new LayerNorm1D(3, withBeta: false), SafetensorsBytes.Of(new LayerNorm1D(3))), StringComparison.Ordinal);
        Sequential many = new([.. Enumerable.Range(0, 9).Select(i => new RmsNorm(3, 0.5, name: $"n{i}"))]);
        Sequential others = new([.. Enumerable.Range(0, 9).Select(i => new RmsNorm(3, 0.25, name: $"n{i}"))]);
        Assert.EndsWith("n7.epsilon: '0.5' in the file, '0.25' here and 1 more.", Refused(others, SafetensorsBytes.Of(many)), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ManyMissingNames_AreShortened() =>
        Assert.EndsWith("'linear2.weight' and 1 more.", Refused(Create("batchnorm", seed: 1), SafetensorsBytes.File("{}")), StringComparison.Ordinal);

    [Fact]
    public void Conventions_EveryLayerWithEpsilon_AreStated()
    {
        Layer[] layers =
        [
            new BatchNorm1D(3, epsilon: 0.125), new LayerNorm1D(3, epsilon: 0.125), new RmsNorm(3, epsilon: 0.125), new ScaleNorm(3, epsilon: 0.125),
            new WeightStandardization(new Linear(3, 2, new RandomSource(1)), epsilon: 0.125),
        ];
        Assert.All(layers, l => Assert.Equal("0.125", l.Conventions["epsilon"]));
        Assert.Equal("1 + gamma", new RmsNorm(3, onePlusGamma: true).Conventions["scale"]);
        Assert.Equal("outside the root", new RmsNorm(3, epsilonOutsideRoot: true).Conventions["epsilon_place"]);
        Assert.Equal("cumulative", new BatchNorm1D(3, momentum: Momentum.Cumulative).Conventions["momentum"]);
        Assert.DoesNotContain("momentum", new BatchNorm1D(3, trackRunningStatistics: false).Conventions.Keys);
        Assert.DoesNotContain("scale", new LayerNorm1D(3, withGamma: false).Conventions.Keys);
    }

    /// <summary>What the parameters' shapes do not show: each file below loads without a word where its layer keeps silent about it.</summary>
    [Fact]
    public void Load_AnotherFunctionOfTheSameParameters_IsRefused()
    {
        Momentum half = Momentum.NewWeight(0.5);
        (Layer Saved, Layer Here, string Difference)[] pairs =
        [
            (new GroupNorm(2, 4), new GroupNorm(4, 4), "groups: '2' in the file, '4' here"),
            (new InstanceNorm(4, trackRunningStatistics: true), new InstanceNorm(4, momentum: half, trackRunningStatistics: true), "momentum: '0.1' in the file, '0.5' here"),
            (new GhostBatchNorm(4, 8), new GhostBatchNorm(4, 16), "chunk_size: '8' in the file, '16' here"),
            (new BatchRenorm(4, new RenormLimits(3, 5)), new BatchRenorm(4, new RenormLimits(3, 4)), "d_max: '5' in the file, '4' here"),
            (new BatchRenorm(4, RenormLimits.Paper), new BatchRenorm(4, new RenormLimits(3, 5)), "warm_up_steps: '5000' in the file, '0' here"),
            (new BatchRenorm(4, new RenormLimits(3, 5) { RMaxSteps = 7 }), new BatchRenorm(4, new RenormLimits(3, 5)), "r_max_steps: '7' in the file, '0' here"),
            (new BatchRenorm(4, new RenormLimits(3, 5) { DMaxSteps = 8 }), new BatchRenorm(4, new RenormLimits(3, 5)), "d_max_steps: '8' in the file, '0' here"),
            (new AdaptiveLayerNorm(4), new AdaptiveLayerNorm(4, onePlusScale: false), "scale: '1 + gamma' in the file, 'gamma' here"),
            (new BatchNorm(4, relu: true), new BatchNorm(4), "relu: 'yes' in the file, 'no' here"),
            (new GhostBatchNorm(4, 8), new GhostBatchNorm(4, 8, relu: true), "relu: 'no' in the file, 'yes' here"),
            (new BatchRenorm(4, new RenormLimits(3, 5), relu: true), new BatchRenorm(4, new RenormLimits(3, 5)), "relu: 'yes' in the file, 'no' here"),
            (new GroupNorm(2, 4), new GroupNorm(2, 4, relu: true), "relu: 'no' in the file, 'yes' here"),
            (new InstanceNorm(4, relu: true), new InstanceNorm(4), "relu: 'yes' in the file, 'no' here"),
            (new LayerNorm1D(4), new LayerNorm1D(4, relu: true), "relu: 'no' in the file, 'yes' here"),
            (new RmsNorm(4, epsilonOutsideRoot: true), new RmsNorm(4), "epsilon_place: 'outside the root' in the file, 'under the root' here"),
            (new Sequential(new GroupNorm(2, 4, name: "n")), new Sequential(new LayerNorm1D(4, name: "n")), "n.layer: 'group normalization' in the file, 'layer normalization' here"),
            (new LocalResponseNorm(3), new LocalResponseNorm(5), "size: '3' in the file, '5' here"),
        ];
        foreach ((Layer saved, Layer here, string difference) in pairs)
        {
            Assert.Contains(difference, Refused(here, SafetensorsBytes.Of(saved)), StringComparison.Ordinal);
            Assert.Empty(saved.Load(new MemoryStream(SafetensorsBytes.Of(saved))).Different);
        }
    }

    /// <summary>Layers with the same tensors: a file of one is refused by each of the others.</summary>
    [Fact]
    public void Load_AnotherKindOfLayer_IsRefused()
    {
        Layer[][] alike =
        [
            [new LayerNorm1D(4), new GroupNorm(2, 4), new InstanceNorm(4, withGamma: true, withBeta: true), new BatchNorm(4, trackRunningStatistics: false), new GhostBatchNorm(4, 8, trackRunningStatistics: false)],
            [new BatchNorm(4), new GhostBatchNorm(4, 8), new InstanceNorm(4, withGamma: true, withBeta: true, trackRunningStatistics: true)],
            [new RmsNorm(4), new LayerNorm1D(4, withBeta: false), new GroupNorm(2, 4, withBeta: false)],
        ];
        foreach ((Layer saved, Layer here) in alike.SelectMany(layers => layers.SelectMany(a => layers.Where(b => b != a).Select(b => (a, b)))))
        {
            string difference = $"layer: '{saved.Conventions["layer"]}' in the file, '{here.Conventions["layer"]}' here";
            Assert.Contains(difference, Refused(here, SafetensorsBytes.Of(saved)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Load_SavedLayer_IsTheSameBitForBit(string name)
    {
        Layer saved = s_layers[name]();
        RandomSource random = new(5);
        foreach (float[] values in saved.NamedState.Select(s => s.Floats).OfType<float[]>())
        {
            foreach (ref float value in values.AsSpan())
            {
                value = (float)(1 + random.NextDouble(0, 1));
            }
        }

        Layer loaded = s_layers[name]();
        LoadReport report = loaded.Load(new MemoryStream(SafetensorsBytes.Of(saved)));
        Assert.Empty(report.Unstated.Concat(report.Different));
        AssertSame(saved, loaded);
        (saved.Training, loaded.Training) = (false, false);
        float[] x = Samples.Normal(6);
        Compare.SameBits(Samples.Forward(saved, x, (2, 3)), Samples.Forward(loaded, x, (2, 3)), name);
    }

    [Fact]
    public void Load_OtherConventions_AreRefusedOrTold()
    {
        byte[] file = SafetensorsBytes.Of(new BatchNorm1D(3, epsilon: 1e-3, Momentum.OldWeight(0.8)));
        Assert.Contains("epsilon: '0.001' in the file, '1E-05' here", Refused(new BatchNorm1D(3, momentum: Momentum.OldWeight(0.9)), file), StringComparison.Ordinal);
        Assert.Contains("momentum: '0.2' in the file, 'cumulative' here", Refused(new BatchNorm1D(3, 1e-3, Momentum.Cumulative), file), StringComparison.Ordinal);
        LoadReport report = new BatchNorm1D(3).Load(new MemoryStream(file), checkConventions: false);
        Assert.Equal(2, report.Different.Count);
        Assert.Equal($"They differ: {report.Different[0]}; {report.Different[1]}.", $"{report}");

        byte[] onePlus = new byte[12];
        onePlus = SafetensorsBytes.File("""{"__metadata__":{"scale":"1 + gamma","epsilon":"0.00001"},"weight":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"bias":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}}""", [.. onePlus, .. onePlus]);
        Assert.Contains("scale: '1 + gamma' in the file, 'gamma' here", Refused(new LayerNorm1D(3), onePlus), StringComparison.Ordinal);
        Assert.Single(new LayerNorm1D(3).Load(new MemoryStream(onePlus), checkConventions: false).Different);
        Assert.Empty(new LayerNorm1D(3, withGamma: false).Load(new MemoryStream(onePlus), strict: false).Different);
    }

    [Theory]
    [InlineData("""{"weight":{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]}}""", "expected shape (3) of 'weight', got F32 'weight' [3, 1]")]
    [InlineData("""{"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "expected shape (3) of 'weight', got F32 'weight' [4]")]
    [InlineData("""{"weight":{"dtype":"I32","shape":[3],"data_offsets":[0,12]}}""", "expected F32, F64, F16 or BF16 in 'weight', got I32 'weight' [3]")]
    [InlineData("""{"weight":{"dtype":"F8_E5M2","shape":[3],"data_offsets":[0,3]}}""", "expected F32, F64, F16 or BF16 in 'weight', got F8_E5M2")]
    [InlineData("""{"num_batches_tracked":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", "expected integers in 'num_batches_tracked', got F32")]
    [InlineData("""{"num_batches_tracked":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}""", "expected shape (1) of 'num_batches_tracked', got I64")]
    [InlineData("""{"__metadata__":{"num_batches_skipped":"many"}}""", "as num_batches_skipped in the metadata, got 'many'")]
    [InlineData("""{"__metadata__":{"num_batches_skipped":"-1"}}""", "as num_batches_skipped in the metadata, got '-1'")]
    [InlineData("""{"__metadata__":{"num_batches_skipped":"1 2"}}""", "as num_batches_skipped in the metadata, got '1 2'")]
    public void Load_OtherShapeOrType_IsRefused(string header, string message)
    {
        int length = header.Contains("16]", StringComparison.Ordinal) ? 16 : header.Contains("12]", StringComparison.Ordinal) ? 12 : header.Contains("3]}", StringComparison.Ordinal) ? 3 : header.Contains("4]", StringComparison.Ordinal) ? 4 : 0;
        Assert.Contains(message, Refused(new BatchNorm1D(3), SafetensorsBytes.File(header, new byte[length]), strict: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SingleNumberAsRow_IsTaken()
    {
        BatchNorm1D norm = new(3);
        norm.Load(new MemoryStream(SafetensorsBytes.File("""{"num_batches_tracked":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}""", 9, 0, 0, 0)), strict: false);
        Assert.Equal(9, norm.Running!.BatchesSeen);
    }

    [Fact]
    public void Load_FileCutShortAnywhere_LeavesTheNetworkAsItWas()
    {
        byte[] file = SafetensorsBytes.Of(Trained("batchnorm"));
        Sequential network = Create("batchnorm", seed: 1);
        byte[] before = SafetensorsBytes.Of(network);
        for (int length = 0; length < file.Length; length++)
        {
            Assert.Throws<InvalidDataException>(() => network.Load(new MemoryStream(file[..length])));
            Assert.Throws<InvalidDataException>(() => network.Load(new Pipe(file[..length])));
            Assert.Throws<InvalidDataException>(() => network.Load(new Shrinking(file, length)));
        }

        Assert.Throws<InvalidDataException>(() => network.Load(new MemoryStream([.. file, 0])));
        Assert.Throws<InvalidDataException>(() => network.Load(new Pipe([.. file, 0])));
        Assert.Equal(before, SafetensorsBytes.Of(network));
    }

    [Fact]
    public void Save_KeyOfTheNetworksOwn_IsRefused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new BatchNorm1D(3).Save(Stream.Null, new Dictionary<string, string> { ["epsilon"] = "1" }));
        Assert.Contains("'epsilon'", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new BatchNorm1D(3).Save(Stream.Null, new Dictionary<string, string> { ["num_batches_skipped"] = "1" }));
        Assert.Throws<ArgumentException>(() => new ReLU().Save(new MemoryStream([], writable: false)));
        using MemoryStream stream = new();
        new ReLU().Save(stream, new Dictionary<string, string> { ["format"] = "other" });
        stream.Position = 0;
        Assert.Equal("other", new ReLU().Load(stream).Metadata["format"]);
    }

    [Fact]
    public void Sequential_NameWithADot_IsRefused() =>
        Assert.Contains("'a.b'", Assert.Throws<ArgumentException>(() => new Sequential(new ReLU("a.b"))).Message, StringComparison.Ordinal);

    private static string Refused(Layer layer, byte[] file, bool strict = true)
    {
        byte[] before = SafetensorsBytes.Of(layer);
        string message = Assert.Throws<InvalidDataException>(() => layer.Load(new MemoryStream(file), strict)).Message;
        Assert.Equal(before, SafetensorsBytes.Of(layer));
        return message;
    }

    private static float[] Weights(Sequential network) => network.Layers.OfType<Linear>().First().Weight.Value;

    private static void AssertSame(Layer expected, Layer actual)
    {
        foreach ((NamedState a, NamedState b) in expected.NamedState.Zip(actual.NamedState))
        {
            Assert.Equal(a.Counters, b.Counters);
            if (a.Floats is not null)
            {
                Compare.SameBits(a.Floats, b.Floats, a.Name);
            }
        }
    }

    private static Sequential Trained(string mode)
    {
        Sequential network = Create(mode, seed: 1);
        SgdOptimizer optimizer = new(network.Parameters, 0.05);
        for (int step = 0; step < 20; step++)
        {
            float[] x = Samples.Normal(32, 3, 2, seed: (ulong)step);
            Samples.Forward(network, x, (8, 4));
            network.ZeroGradients();
            network.Backward(x, Samples.Upstream(24), []);
            optimizer.Step();
        }

        return network;
    }

    private static Sequential PyTorchs() => new(
        new Linear(2, 3, new RandomSource(1), name: "linear1"), new BatchNorm1D(3, name: "norm1"), new ReLU("relu1"), new Linear(3, 2, new RandomSource(1), name: "linear2"));

    [Fact]
    public void Load_NegativeRunningVariance_IsRefusedAndChangesNothing()
    {
        Sequential bad = Create("batchnorm", seed: 1);
        bad.NamedState.Single(s => s.Name == "norm1.running_var").Floats![3] = -2;
        Sequential network = Create("batchnorm", seed: 2);
        byte[] before = SafetensorsBytes.Of(network);

        InvalidDataException e = Assert.Throws<InvalidDataException>(() => network.Load(new MemoryStream(Unchecked(bad))));
        Assert.Contains("Expected values ≥ 0", Assert.Throws<ArgumentException>("layer", () => SafetensorsBytes.Of(bad)).Message, StringComparison.Ordinal);

        Assert.Contains("expected values ≥ 0 in 'norm1.running_var', got -2 at position 3", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, SafetensorsBytes.Of(network));

        // NaN is what a layer that accepts it has saved.
        bad.NamedState.Single(s => s.Name == "norm1.running_var").Floats![3] = float.NaN;
        network.Load(new MemoryStream(SafetensorsBytes.Of(bad)));
    }

    private static byte[] Unchecked(Layer network)
    {
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, network.NamedState.Where(s => s.IsInStateDict), network.Conventions);
        return stream.ToArray();
    }

    [Fact]
    public void Load_LayerWithoutTensorsThatIsElsewhere_IsRefusedOrTold()
    {
        byte[] file = SafetensorsBytes.Of(new Sequential(new Linear(3, 3, new RandomSource(1)), new RmsNorm(3, withGamma: false)));
        Sequential plain = new(new Linear(3, 3, new RandomSource(1)));
        Assert.Contains("expected only layers that the network has, got also 'rmsnorm (RMS normalization)'", Refused(plain, file), StringComparison.Ordinal);
        LoadReport report = plain.Load(new MemoryStream(file), strict: false);
        Assert.Equal(["rmsnorm (RMS normalization)"], report.UnexpectedLayers);
        Assert.Empty(report.Unexpected);
        Assert.Equal("The network does not have 'rmsnorm (RMS normalization)'.", $"{report}");

        byte[] response = SafetensorsBytes.Of(new LocalResponseNorm(3, name: "n"));
        Assert.Contains("got also 'local response normalization'", Refused(new ReLU("n"), response), StringComparison.Ordinal);
        Assert.Contains("layer: ", Refused(new LocalResponseNorm(3), SafetensorsBytes.Of(new InstanceNorm(3))), StringComparison.Ordinal);
        Assert.Equal("The file and the layer agree.", $"{new LocalResponseNorm(3).Load(new MemoryStream(response))}");
    }

    [Fact]
    public void Load_TensorsOfAnotherKindOfLayer_AreRefused()
    {
        Sequential linear = new(new Linear(3, 3, new RandomSource(1), name: "n"));
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, linear.NamedState, new Dictionary<string, string> { ["n.layer"] = "batch normalization" });
        Assert.Contains("n.layer: 'batch normalization' in the file, no kind here", Refused(linear, stream.ToArray()), StringComparison.Ordinal);
        stream.Position = 0;
        Assert.Single(linear.Load(stream, checkConventions: false).Different);
    }

    // Whoever writes a file may have keys of their own.
    [Theory]
    [InlineData("layer", "12")]
    [InlineData("my.layer", "normalization")]
    public void Save_KeyThatLooksLikeAKind_IsLoaded(string key, string text)
    {
        Sequential linear = new(new Linear(3, 3, new RandomSource(1), name: "my"));
        Assert.Equal(text, linear.Load(new MemoryStream(SafetensorsBytes.Of(linear, new Dictionary<string, string> { [key] = text }))).Metadata[key]);
        Assert.Throws<ArgumentException>("metadata", () => SafetensorsBytes.Of(linear, new Dictionary<string, string> { [key] = "batch normalization" }));
    }

    [Fact]
    public void Conventions_EveryKind_IsKnownInFiles() => Assert.All(
        (Layer[])
        [
            new AdaptiveLayerNorm(4), new BatchNorm(4), new BatchRenorm(4, RenormLimits.Paper), new DynamicLayerNorm(4), new DyT(4), new GhostBatchNorm(4, 2), new GroupNorm(2, 4),
            new InstanceNorm(4), new LayerNorm(4), new LocalResponseNorm(3), new RmsNorm(4), new ScaleNorm(4), new WeightNorm(new Linear(4, 3, new RandomSource(1))),
            new WeightStandardization(new Linear(4, 3, new RandomSource(1))),
        ],
        layer => Assert.True(LayerConventions.IsKind("n.layer", layer.Conventions["layer"])));

    // Files of earlier versions have all digits of 1 − 0.9.
    [Theory]
    [InlineData(0.9)]
    [InlineData(0.99)]
    [InlineData(0.9999)]
    public void Load_TheSameMomentumByTheOldOrTheNewWeight_IsNoDifference(double oldWeight)
    {
        double newWeight = Math.Round(1 - oldWeight, 10);
        BatchNorm byOld = new(3, momentum: Momentum.OldWeight(oldWeight));
        BatchNorm byNew = new(3, momentum: Momentum.NewWeight(newWeight));
        byNew.Load(new MemoryStream(SafetensorsBytes.Of(byOld)));
        byOld.Load(new MemoryStream(SafetensorsBytes.Of(byNew)));
        Assert.Equal(byNew.Conventions, byOld.Conventions);
        string text = (1 - oldWeight).ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Empty(byNew.Load(new MemoryStream(SafetensorsBytes.File($$$"""{"__metadata__":{"momentum":"{{{text}}}"}}""")), strict: false).Different);
        Assert.NotEmpty(byNew.Load(new MemoryStream(SafetensorsBytes.File("""{"__metadata__":{"momentum":"0.5"}}""")), strict: false, checkConventions: false).Different);
        Assert.NotEmpty(new BatchNorm(3, epsilon: 1e-16).Load(new MemoryStream(SafetensorsBytes.File("""{"__metadata__":{"epsilon":"2e-16"}}""")), strict: false, checkConventions: false).Different);
    }

    [Fact]
    public void Load_NegativeCountOfBatches_IsRefusedAndChangesNothing()
    {
        Sequential bad = Create("batchnorm", seed: 1);
        bad.NamedState.Single(s => s.Name == "norm1.num_batches_tracked").Counters![0] = -1;
        Sequential network = Create("batchnorm", seed: 2);
        byte[] before = SafetensorsBytes.Of(network);

        InvalidDataException e = Assert.Throws<InvalidDataException>(() => network.Load(new MemoryStream(Unchecked(bad))));
        Assert.Contains("Expected values ≥ 0", Assert.Throws<ArgumentException>("layer", () => SafetensorsBytes.Of(bad)).Message, StringComparison.Ordinal);

        Assert.Contains("expected values ≥ 0 in 'norm1.num_batches_tracked', got -1 at position 0", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, SafetensorsBytes.Of(network));
    }

    // The state of a random generator, for one, may be any number.
    [Fact]
    public void Load_NegativeCounterOfALayerOfOnesOwn_IsTaken()
    {
        Counting saved = new() { Inside = { [0] = -5 }, Outside = { [0] = -7, [1] = long.MinValue } };
        Counting loaded = new();
        loaded.Load(new MemoryStream(SafetensorsBytes.Of(saved)));
        Assert.Equal([-5], loaded.Inside);
        Assert.Equal([-7, long.MinValue], loaded.Outside);
    }

    private sealed class Counting() : Layer("counting")
    {
        public long[] Inside { get; } = new long[1];

        public long[] Outside { get; } = new long[2];

        public override IReadOnlyList<NamedState> NamedState => [new("inside", Inside), new("outside", Outside) { IsInStateDict = false }];

        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }

    private static Sequential Create(string mode, ulong seed) => Mlp.Create(
        new MlpOptions { InputFeatures = 4, Classes = 3, HiddenFeatures = [5], Normalization = NormalizationKind.Find(mode)!, Seed = seed });
}
