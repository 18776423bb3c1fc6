using Microsoft.ML.OnnxRuntime;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Docs;
using NormLayers.Tests.Support;

namespace NormLayers.Onnx.Tests;

/// <summary>ONNX Runtime loads what is written, and computes what the network computes in evaluation, within the bound of float arithmetic.</summary>
public sealed class OnnxRuntimeTests
{
    public static TheoryData<string, bool> Modes
    {
        get
        {
            TheoryData<string, bool> modes = [];
            foreach (NormalizationKind kind in NormalizationKind.All)
            {
                modes.Add(kind.Name, true);
                if (!kind.NeedsPositions)
                {
                    modes.Add(kind.Name, false);
                }
            }

            return modes;
        }
    }

    public static TheoryData<string> Networks => [.. s_networks.Keys];

    private static readonly Dictionary<string, (Func<Layer> Create, Shape Sample)> s_networks = new()
    {
        ["linear"] = (() => Linear(5, 3, "linear"), 5),
        ["linear without bias"] = (() => new Linear(5, 3, new RandomSource(1), withBias: false), 5),
        ["layer norm without γ and β"] = (() => new LayerNorm1D(6, withGamma: false, withBeta: false), 6),
        ["layer norm without β, ε 0.1"] = (() => new LayerNorm1D(6, epsilon: 0.1, withBeta: false), (4, 6)),
        ["layer norm without γ, with ReLU"] = (() => new Sequential(new LayerNorm1D(6, withGamma: false, relu: true, name: "norm"), Linear(6, 4, "last")), 6),
        ["RMS norm"] = (() => new RmsNorm(6), (2, 6)),
        ["RMS norm without γ"] = (() => new RmsNorm(6, withGamma: false), 6),
        ["RMS norm with 1 + γ"] = (() => new Sequential(Linear(3, 6, "first"), new RmsNorm(6, epsilon: 1e-6, onePlusGamma: true, name: "norm"), Linear(6, 2, "last")), 3),
        ["layer norm of two dimensions with 1 + γ"] = (() => new LayerNorm((3, 4), onePlusGamma: true), (2, 3, 4)),
        ["linear of more dimensions"] = (() => new Sequential(Linear(3, 4, "a"), new ReLU(), new LayerNorm1D(4, name: "n"), new Linear(4, 2, new RandomSource(2), withBias: false, name: "b")), (5, 3)),
        ["SiLU"] = (() => new Sequential(Linear(5, 4, "a"), new SiLU("s"), Linear(4, 3, "b")), 5),
        ["GELU"] = (() => new Sequential(Linear(5, 4, "a"), new Gelu("g"), Linear(4, 3, "b")), 5),
        ["batch norm of images with 1 + γ"] = (() => new BatchNorm(3, onePlusGamma: true), (3, 4, 5)),
        ["batch norm without γ and β"] = (() => new BatchNorm1D(4, withGamma: false, withBeta: false), 4),
        ["batch norm of planes, with ReLU"] = (() => new BatchNorm1D(4, epsilon: 1e-3, relu: true), (4, 9)),
        ["local response norm"] = (() => new Sequential(Linear(5, 7, "a"), new LocalResponseNorm(3, alpha: 0.5), Linear(7, 3, "b")), 5),
        ["local response norm of planes"] = (() => new LocalResponseNorm(5, alpha: 0.9, beta: 0.6, k: 2), (7, 6)),
        ["local response norm of images"] = (() => new LocalResponseNorm(3, alpha: 0.9), (7, 3, 2)),
        ["axes that are swapped"] = (() => new Sequential(Rearrangement.SwapAxes(3, 4, "swap"), new LayerNorm1D(3, name: "norm")), (3, 4)),
        ["group norm of planes"] = (() => new GroupNorm(2, 6), (6, 5)),
        ["group norm of images with 1 + γ, with ReLU"] = (() => new GroupNorm(3, 6, epsilon: 0.1, onePlusGamma: true, relu: true), (6, 3, 4)),
        ["group norm of features"] = (() => new Sequential(Linear(5, 6, "a"), new GroupNorm(2, 6), Linear(6, 3, "b")), 5),
        ["instance norm of planes"] = (() => new InstanceNorm(4), (4, 9)),
        ["instance norm of images with γ and β"] = (() => new InstanceNorm(4, epsilon: 1e-3, withGamma: true, withBeta: true), (4, 3, 5)),
        ["instance norm with running statistics"] = (() => new InstanceNorm(4, withGamma: true, trackRunningStatistics: true), (4, 6)),
        ["ghost batch norm"] = (() => new GhostBatchNorm(4, 2), (4, 6)),
        ["batch renorm"] = (() => new BatchRenorm(4, new RenormLimits(3, 5)), (4, 6)),
        ["batch renorm of features"] = (() => new Sequential(Linear(5, 6, "a"), new BatchRenorm(6, new RenormLimits(3, 5)), Linear(6, 3, "b")), 5),
        ["ScaleNorm"] = (() => new Sequential(Linear(5, 6, "a"), new ScaleNorm(6), Linear(6, 3, "b")), 5),
        ["ScaleNorm with a large ε"] = (() => new ScaleNorm(6, epsilon: 7), (2, 6)),
        ["DyT"] = (() => new Sequential(Linear(5, 6, "a"), new DyT(6), Linear(6, 3, "b")), 5),
        ["ScaleNorm with 1 + g"] = (() => new Sequential(Linear(5, 6, "a"), new ScaleNorm(6, onePlusG: true), Linear(6, 3, "b")), 5),
        ["DyT with 1 + γ"] = (() => new Sequential(Linear(5, 6, "a"), new DyT(6, onePlusGamma: true), Linear(6, 3, "b")), 5),
        ["weight norm with 1 + g"] = (() => new Sequential(new WeightNorm(Linear(5, 6, "a"), onePlusG: true), new ReLU(), Linear(6, 3, "b")), 5),
        ["dynamic layer norm of more dimensions"] = (() => new DynamicLayerNorm(5, epsilon: 0.1), (3, 5)),
        ["DyT without γ and β"] = (() => new DyT(6, alpha: 0.8, withGamma: false, withBeta: false), (2, 6)),
        ["DyT without β"] = (() => new DyT(6, withBeta: false), 6),
        ["weight norm"] = (() => new Sequential(new WeightNorm(Linear(5, 6, "a")), new ReLU(), Linear(6, 3, "b")), 5),
        ["weight norm of more dimensions"] = (() => new WeightNorm(Linear(5, 4, "a")), (3, 5)),
        ["weight standardization"] = (() => new Sequential(new WeightStandardization(Linear(5, 6, "a")), Linear(6, 3, "b")), 5),
        ["nested, with sigmoid"] = (() => new Sequential(new Sequential(Linear(5, 4, "a"), new Sigmoid("s")), new LayerNorm1D(4, epsilon: 0.1, name: "n"), Linear(4, 3, "a")), 5),
    };

    [Fact]
    public void Networks_TheirNumber_IsThatOfTheDocument() =>
        Assert.Contains($"every mode of the tool and {s_networks.Count} other networks", string.Join('\n', RepositoryFiles.ReadLines("docs/verification.md")), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Modes))]
    public void Run_Mlp_GivesTheSameLogits(string mode, bool patches)
    {
        int features = patches ? 36 : 20;
        Sequential network = Mlp.Create(new MlpOptions
        {
            InputFeatures = features,
            Classes = 3,
            HiddenFeatures = [32, 17],
            Normalization = NormalizationKind.Find(mode)!,
            Patches = patches ? new PatchOptions(4, 2) : null,
        });
        RandomSource random = new(5);
        foreach (Parameter parameter in network.Parameters)
        {
            foreach (ref float value in parameter.Value.AsSpan())
            {
                value += (float)(0.1 * random.NextNormal());
            }
        }

        for (int step = 0; step < 30; step++)
        {
            // Training mode: running statistics follow the batches.
            Samples.Forward(network, Samples.Normal(16 * features, 2, 3, seed: (ulong)step), (16, features));
        }

        AssertSame(network, features, patches ? 4 : 1);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Run_OtherNetworks_GiveTheSameOutputs(string name)
    {
        (Func<Layer> create, Shape sample) = s_networks[name];
        Layer network = create();
        RandomSource random = new(7);
        foreach (NamedState state in network.NamedState.Where(s => s.Floats is not null))
        {
            bool isVariance = state.Name.Contains("running_var", StringComparison.Ordinal) || state.Name.Contains("running_std", StringComparison.Ordinal);
            for (int i = 0; i < state.Floats!.Length; i++)
            {
                state.Floats[i] = (float)(isVariance ? 0.1 + random.NextDouble(0, 2) : 0.3 + random.NextNormal());
            }
        }

        AssertSame(network, sample);
    }

    [Fact]
    public void Run_Standardization_IsThatOfDoubles()
    {
        const int D = 4;
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = D, Classes = 3, Normalization = NormalizationKind.LayerNorm });
        network.Training = false;
        (double Scale, double Shift, double Mean, double Deviation)[] features = [(1, 0, 0.5, 2), (Math.ScaleB(1, -24), 0.75, 1e-7, 3e-7), (1, 5, 0, 0), (0.25, -3, 0.1, 1e-3)];

        // Far from 0, where a float's subtraction loses the digits.
        float[] x = Samples.Normal(9 * D);
        float[] z = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = i % D == 1 ? 12582912f + i : x[i];
            (double scale, double shift, double mean, double deviation) = features[i % D];
            z[i] = deviation == 0 ? 0 : (float)((scale * x[i] - shift - mean) / deviation);
        }

        using InferenceSession session = Open(network, D, new OnnxOptions { Standardization = features });
        using InferenceSession without = Open(network, D, null);
        Assert.Equal(Run(without, z, D), Run(session, x, D));
        Assert.NotEqual(Run(without, x, D), Run(session, x, D));
        Assert.Throws<ArgumentException>(() => Open(network, D, new OnnxOptions { Standardization = features[1..] }));
    }

    private static float[] Run(InferenceSession session, float[] x, int features)
    {
        using OrtValue value = OrtValue.CreateTensorValueFromMemory(x, [x.Length / features, features]);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["x"], [value], ["y"]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    [Fact]
    public void Open_Model_HasNamesShapesAndText()
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 20, Classes = 3, Normalization = NormalizationKind.LayerNorm });
        using InferenceSession session = Open(network, 20, new OnnxOptions
        {
            Name = "classifier",
            Documentation = "what it is: größe",
            Input = "features",
            Output = "logits",
            Softmax = "probabilities",
            Metadata = new Dictionary<string, string> { ["classes"] = "a,b,c" },
        });
        Assert.Equal(["features"], session.InputMetadata.Keys);
        Assert.Equal([-1, 20], session.InputMetadata["features"].Dimensions);
        Assert.Equal(["batch", ""], session.InputMetadata["features"].SymbolicDimensions);
        Assert.Equal(["logits", "probabilities"], session.OutputMetadata.Keys);
        Assert.All(session.OutputMetadata.Values, o => Assert.Equal([-1, 3], o.Dimensions));
        Assert.Equal("classifier", session.ModelMetadata.GraphName);
        Assert.Equal("NormLayers", session.ModelMetadata.ProducerName);
        Assert.Equal("what it is: größe", session.ModelMetadata.Description);
        Assert.Equal("a,b,c", session.ModelMetadata.CustomMetadataMap["classes"]);

        using OrtValue x = OrtValue.CreateTensorValueFromMemory(Samples.Normal(40), [2, 20]);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["features"], [x], ["logits", "probabilities"]);
        float[] logits = outputs[0].GetTensorDataAsSpan<float>().ToArray();
        double[] probabilities = [.. logits.Chunk(3).SelectMany(row => row.Select(v => Math.Exp(v) / row.Sum(w => Math.Exp(w))))];
        Compare.Within(probabilities, outputs[1].GetTensorDataAsSpan<float>(), 1e-6, "probabilities");
    }

    private static void AssertSame(Layer network, Shape sample, int positions = 1)
    {
        network.Training = false;
        using InferenceSession session = Open(network, sample, null);
        foreach (int batch in (int[])[1, 7, 33])
        {
            Shape shape = new([batch, .. Enumerable.Range(0, sample.Rank).Select(a => sample[a])]);
            float[] x = Samples.Normal(shape.Length, 2, 3, seed: (ulong)batch);
            float[] y = Samples.Forward(network, x, shape);
            int length = network is BatchNorm or GroupNorm or InstanceNorm or LocalResponseNorm ? shape.Length / batch / sample[0] : positions;
            (double[] exact, double[] error) = FloatError.Of(network, Compare.Widen(x), new double[x.Length], length, batch);
            Compare.Within(exact, Compare.Widen(y), error, "the network's own");
            using OrtValue value = OrtValue.CreateTensorValueFromMemory(x, [.. Enumerable.Range(0, shape.Rank).Select(a => (long)shape[a])]);
            using RunOptions options = new();
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["x"], [value], ["y"]);
            ReadOnlySpan<float> runtimes = outputs[0].GetTensorDataAsSpan<float>();
            Compare.Within(exact, Compare.Widen(runtimes), error, "ONNX Runtime's");
            Compare.Within(Compare.Widen(y), Compare.Widen(runtimes), Array.ConvertAll(error, e => 2 * e), "ONNX Runtime's beside the network's");
            if (batch == 33)
            {
                AssertTells(network, x, (exact, error), length, batch);
            }
        }
    }

    // Every second number of a parameter or running statistic 2 % larger, a single number 10 % larger, every second number of a bias left out. Each moves an
    // output by more than two bounds, so no runtime that has it so is within the bound. (A bias before an instance normalization moves nothing.)
    private static void AssertTells(Layer network, float[] x, (double[] Exact, double[] Error) right, int length, int batch)
    {
        bool forgetsBiases = network is Sequential { Layers: var layers } && layers.Any(l => l is InstanceNorm { Running: null });
        foreach (NamedState state in network.NamedState.Where(s => s.Floats is not null && !(forgetsBiases && s.Name is "linear1.bias" or "linear2.bias")))
        {
            float factor = state.Name.EndsWith("bias", StringComparison.Ordinal) ? 0 : state.Floats!.Length == 1 ? 1.1f : 1.02f;
            float[] before = [.. state.Floats!];
            for (int i = 0; i < before.Length; i += 2)
            {
                state.Floats![i] *= factor;
            }

            (double[] other, _) = FloatError.Of(network, Compare.Widen(x), new double[x.Length], length, batch);
            before.CopyTo(state.Floats!, 0);
            double most = Enumerable.Range(0, other.Length).Max(i => Math.Abs(other[i] - right.Exact[i]) / right.Error[i]);
            Assert.True(most > 2, $"{state.Name} times {factor} moves no output by more than {most:g3} bounds.");
        }
    }

    private static InferenceSession Open(Layer network, Shape sample, OnnxOptions? options)
    {
        using MemoryStream stream = new();
        network.WriteOnnx(stream, sample, options);
        return new InferenceSession(stream.ToArray());
    }

    private static Linear Linear(int inputs, int outputs, string name) => new(inputs, outputs, new RandomSource(3), name: name);
}
