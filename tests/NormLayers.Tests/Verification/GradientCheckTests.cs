using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>Every layer and whole networks against central differences; and the check itself against layers that are wrong.</summary>
public sealed class GradientCheckTests
{
    public static TheoryData<string> Layers => [.. s_layers.Keys];

    private static readonly Dictionary<string, (Func<Layer> Create, Shape Input)> s_layers = new()
    {
        ["batch norm, training"] = (() => Prepared(new BatchNorm1D(5)), (7, 5)),
        ["batch norm, training, two rows"] = (() => Prepared(new BatchNorm1D(3, epsilon: 0.1)), (2, 3)),
        ["batch norm, training, (N, C, L)"] = (() => Prepared(new BatchNorm1D(3)), (4, 3, 5)),
        ["batch norm, evaluation"] = (() => Prepared(new BatchNorm1D(5) { Training = false }), (7, 5)),
        ["batch norm, evaluation, one row"] = (() => Prepared(new BatchNorm1D(5) { Training = false }), (1, 5)),
        ["batch norm, evaluation, (N, C, L)"] = (() => Prepared(new BatchNorm1D(3) { Training = false }), (4, 3, 5)),
        ["batch norm, frozen statistics"] = (() => Prepared(new BatchNorm1D(5) { FreezeStatistics = true }), (7, 5)),
        ["batch norm, untracked evaluation"] = (() => Prepared(new BatchNorm1D(5, trackRunningStatistics: false) { Training = false }), (7, 5)),
        ["batch norm without gamma and beta"] = (() => new BatchNorm1D(5, withGamma: false, withBeta: false), (7, 5)),
        ["layer norm"] = (() => Prepared(new LayerNorm1D(6)), (4, 6)),
        ["layer norm, pairs"] = (() => Prepared(new LayerNorm1D(2, epsilon: 0.1)), (5, 2)),
        ["layer norm, rank 3"] = (() => Prepared(new LayerNorm1D(6)), (2, 3, 6)),
        ["layer norm without beta"] = (() => Prepared(new LayerNorm1D(6, withBeta: false)), (4, 6)),
        ["RMS norm"] = (() => Prepared(new RmsNorm(6)), (4, 6)),
        ["RMS norm, one element"] = (() => Prepared(new RmsNorm(1, epsilon: 0.1)), (5, 1)),
        ["RMS norm, rank 3"] = (() => Prepared(new RmsNorm(6)), (2, 3, 6)),
        ["RMS norm, 1 + gamma"] = (() => Prepared(new RmsNorm(6, onePlusGamma: true)), (4, 6)),
        ["RMS norm, epsilon outside"] = (() => Prepared(new RmsNorm(6, epsilon: 0.3, epsilonOutsideRoot: true)), (4, 6)),
        ["RMS norm without gamma"] = (() => new RmsNorm(6, withGamma: false), (4, 6)),
        ["scale norm"] = (() => Prepared(new ScaleNorm(6)), (4, 6)),
        ["scale norm, rank 3"] = (() => Prepared(new ScaleNorm(6, epsilon: 0)), (2, 3, 6)),
        ["scale norm, all rows below epsilon"] = (() => Prepared(new ScaleNorm(6, epsilon: 50)), (4, 6)),
        ["DyT"] = (() => Prepared(new DyT(6)), (4, 6)),
        ["DyT without gamma and beta"] = (() => Prepared(new DyT(6, withGamma: false, withBeta: false)), (2, 3, 6)),
        ["local response norm"] = (() => new LocalResponseNorm(3, alpha: 2), (2, 5, 3)),
        ["local response norm, even window up"] = (() => new LocalResponseNorm(4, alpha: 2, beta: 0.5, k: 0.3, evenReachesUp: true), (2, 6)),
        ["weight norm"] = (() => Prepared(new WeightNorm(new Linear(4, 3, new RandomSource(1)))), (5, 4)),
        ["weight norm without bias"] = (() => Prepared(new WeightNorm(new Linear(4, 3, new RandomSource(1), withBias: false))), (5, 4)),
        ["weight standardization"] = (() => Prepared(new WeightStandardization(new Linear(4, 3, new RandomSource(1)))), (5, 4)),
        ["linear"] = (() => Prepared(new Linear(4, 3, new RandomSource(1))), (5, 4)),
        ["linear without bias"] = (() => new Linear(4, 3, new RandomSource(1), withBias: false), (5, 4)),
        ["rectifier"] = (() => new ReLU(), (4, 6)),
        ["sigmoid"] = (() => new Sigmoid(), (4, 6)),
        ["gelu"] = (() => new Gelu(), (4, 6)),
        ["silu"] = (() => new SiLU(), (4, 6)),
        ["softmax"] = (() => new Softmax(), (4, 6)),
        ["linear, rank 3"] = (() => Prepared(new Linear(4, 3, new RandomSource(1))), (2, 3, 4)),
    };

    public static TheoryData<string, int, bool> Networks
    {
        get
        {
            TheoryData<string, int, bool> networks = [];
            foreach (NormalizationKind normalization in NormalizationKind.All.Where(k => !k.NeedsPositions))
            {
                foreach (int hiddenLayers in (int[])[1, 2])
                {
                    networks.Add(normalization.Name, hiddenLayers, true);
                    networks.Add(normalization.Name, hiddenLayers, false);
                }
            }

            return networks;
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Check_Layer_Passes(string name)
    {
        (Func<Layer> create, Shape input) = s_layers[name];
        AssertPassesAndSays(GradientCheck.Check(create(), input), create(), _ => false);
        AssertPassesAndSays(GradientCheck.Check(create().CreateReference()!, input), create(), _ => false);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Check_Network_Passes(string mode, int hiddenLayers, bool training)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        Sequential network = Create();
        // Batch normalization takes out what a bias before it adds: that bias has gradient zero.
        bool HasNoGradient(string tensor) =>
            normalization.UsesBatch && training && tensor.EndsWith(".bias", StringComparison.Ordinal)
            && tensor != $"linear{hiddenLayers + 1}.bias";
        AssertPassesAndSays(GradientCheck.Check(network, (6, 4)), network, HasNoGradient);
        AssertPassesAndSays(GradientCheck.Check(Create().CreateReference()!, (6, 4)), network, HasNoGradient);

        Sequential Create()
        {
            Sequential created = Mlp.Create(new MlpOptions
            {
                InputFeatures = 4,
                Classes = 3,
                HiddenFeatures = hiddenLayers == 1 ? [5] : [5, 6],
                Normalization = normalization,
            });
            created.Training = training;
            foreach (Layer layer in created.Layers)
            {
                Prepared(layer);
            }

            return created;
        }
    }

    [Fact]
    public void Check_FloatLayer_LeavesGradientsAndTakesOneBatch()
    {
        BatchNorm1D layer = new(5);
        Array.Fill(layer.Gamma!.Gradient, 1e6f);
        Assert.True(GradientCheck.Check(layer, (7, 5)).Passed);
        Assert.Equal(1, layer.Running!.BatchesSeen);
    }

    [Fact]
    public void Check_FrozenParameter_IsLeftOut()
    {
        LayerNorm1D layer = new(5);
        layer.Gamma!.Frozen = true;
        Assert.Equal(["beta", "input"], GradientCheck.Check(layer, (3, 5)).Tensors.Select(t => t.Tensor));
    }

    [Fact]
    public void Check_GivenInput_IsUsed()
    {
        // x = 3 and −2: the derivative of the rectifier is 1 and 0, with the same upstream gradient whatever the input.
        TensorGradientError positive = Assert.Single(GradientCheck.Check(new ReLU(), 1, new GradientCheckOptions { Input = [3] }).Tensors);
        Assert.NotEqual(0, positive.Analytic);
        Assert.Equal(0, Assert.Single(GradientCheck.Check(new ReLU(), 1, new GradientCheckOptions { Input = [-2] }).Tensors).Analytic);
        ArgumentException error =
            Assert.Throws<ArgumentException>(() => GradientCheck.Check(new ReLU(), 2, new GradientCheckOptions { Input = [3] }));
        Assert.Contains("2 elements", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_Seeds_DrawDifferentInputs()
    {
        double first = GradientCheck.Check(new LayerNorm1D(5), (3, 5)).Tensors[0].LargestGradient;
        Assert.Equal(first, GradientCheck.Check(new LayerNorm1D(5), (3, 5)).Tensors[0].LargestGradient);
        Assert.NotEqual(first, GradientCheck.Check(new LayerNorm1D(5), (3, 5), new GradientCheckOptions { Seed = 2 }).Tensors[0].LargestGradient);
    }

    [Fact]
    public void Check_KinkBetweenTheTwoPoints_IsNotAnError()
    {
        // 1e-7 is nearer to the rectifier's kink than the first step width, 5e-6.
        GradientReport report = GradientCheck.Check(new ReLU().CreateReference()!, 2, new GradientCheckOptions { Input = [1e-7, 1] });
        Assert.True(report.Passed, report.ToString());
    }

    private static void AssertPassesAndSays(GradientReport report, Layer layer, Func<string, bool> hasNoGradient)
    {
        Assert.True(report.Passed, report.ToString());
        string[] names = layer is Sequential network ? [.. network.NamedParameters.Select(p => p.Name)] : [.. layer.Parameters.Select(p => p.Name)];
        Assert.Equal([.. names, "input"], report.Tensors.Select(t => t.Tensor));
        foreach (TensorGradientError row in report.Tensors)
        {
            Assert.True(row.Elements > 0);
            if (hasNoGradient(row.Tensor))
            {
                Assert.True(row.Vacuous, $"{row.Tensor} should have no gradient: {report}");
            }
            else
            {
                Assert.True(row.LargestGradient >= 100 * row.Tolerance && !row.Vacuous, $"{row.Tensor} proves nothing: {report}");
            }
        }
    }

    // Values that are all different, so that a term that forgets one of them shows.
    private static Layer Prepared(Layer layer)
    {
        ulong seed = 21;
        foreach (Parameter parameter in layer.Parameters.Where(p => p.Name is not ("weight" or "weight_v")))
        {
            Samples.Normal(parameter.Value.Length, parameter.Name is "gamma" or "alpha" or "weight_g" ? 1.2 : 0.2, 0.4, seed++).CopyTo(parameter.Value, 0);
        }

        if (layer is BatchNorm1D { Running: { } running })
        {
            Samples.Normal(running.Mean.Length, 0.4, 0.5, seed++).CopyTo(running.Mean, 0);
            Array.ConvertAll(Samples.Normal(running.Mean.Length, 0, 0.5, seed), v => MathF.Pow(2, v)).CopyTo(running.Variance, 0);
        }

        return layer;
    }

    [Theory]
    [InlineData(1, "Expected 6 numbers from the layer's backward pass, one for each of its input, got 7")]
    [InlineData(-1, "Expected 6 numbers from the layer's backward pass, one for each of its input, got 5")]
    [InlineData(null, "Expected 6 numbers from the layer's backward pass, one for each of its input, got null")]
    public void Check_BackwardOfAnotherLength_IsRefused(int? more, string expected)
    {
        Own layer = new() { BackwardOf = dy => more is { } n ? new double[dy.Length + n] : null! };
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => GradientCheck.Check(layer, (2, 3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_ParametersThatDoNotFit_AreRefused()
    {
        Assert.StartsWith("Expected 2 numbers in the gradient of the layer's 'a', as in its value, got 1.", Refused(new ReferenceParameter("a", [1, 2], [0])), StringComparison.Ordinal);
        Assert.StartsWith("Expected 2 numbers in the gradient of the layer's 'a', as in its value, got 3.", Refused(new ReferenceParameter("a", [1, 2], [0, 0, 0])), StringComparison.Ordinal);
        Assert.StartsWith("Expected 2 numbers in the gradient of the layer's 'a', as in its value, got null.", Refused(new ReferenceParameter("a", [1, 2], null!)), StringComparison.Ordinal);
        const string NoParameters = "Expected parameters with names and values from the layer, got null.";
        Assert.StartsWith(NoParameters, Refused(new ReferenceParameter("a", null!, [])), StringComparison.Ordinal);
        Assert.StartsWith(NoParameters, Refused(new ReferenceParameter(null!, [], [])), StringComparison.Ordinal);
        Assert.StartsWith(NoParameters, Refused((ReferenceParameter)null!), StringComparison.Ordinal);
        Assert.StartsWith(NoParameters, Refused(null!), StringComparison.Ordinal);

        static string Refused(params ReferenceParameter[] parameters) =>
            Assert.Throws<ArgumentException>("layer", () => GradientCheck.Check(new Own { Held = parameters }, (2, 3))).Message;
    }

    [Fact]
    public void Check_LayerWhoseReferenceIsAnotherFunction_IsRefused()
    {
        Assert.StartsWith("Expected parameters of (3) numbers from the reference, as the layer's, got ().", Refused(new Own()), StringComparison.Ordinal);
        ReferenceParameter gamma = new("gamma", [1, 1, 1], [0, 0, 0]);
        Assert.StartsWith("Expected 6 numbers from the reference's forward pass, as the layer gives, got 5.", Refused(new Own { Held = [gamma], ForwardOf = x => x[1..] }), StringComparison.Ordinal);
        Assert.StartsWith("Expected 6 numbers from the reference's forward pass, as the layer gives, got null.", Refused(new Own { Held = [gamma], ForwardOf = _ => null! }), StringComparison.Ordinal);
        Assert.StartsWith("Expected 6 numbers from the reference's backward pass, one for each of its input, got 5.", Refused(new Own { Held = [gamma], BackwardOf = dy => dy[1..] }), StringComparison.Ordinal);

        static string Refused(ReferenceLayer reference) => Assert.Throws<ArgumentException>("layer", () => GradientCheck.Check(new WithReference(reference), (2, 3))).Message;
    }

    [Fact]
    public void Check_LayerWithoutParameters_IsRefused()
    {
        Assert.Contains("parameters of 'own', got null", Assert.Throws<ArgumentException>("layer", () => GradientCheck.Check(new WithReference(null!) { Held = null! }, (2, 3))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("layer", () => GradientCheck.Check(new WithReference(null!) { Held = [null!] }, (2, 3)));
        Assert.Throws<ArgumentException>("create", () => AccuracyCheck.Of((_, _) => new WithReference(null!) { Held = null! }));
    }

    [Fact]
    public void Check_NothingToCompare_IsRefused()
    {
        Assert.Contains("got (0, 3)", Assert.Throws<ArgumentException>("shape", () => GradientCheck.Check(new Own(), (0, 3))).Message, StringComparison.Ordinal);
        Assert.Contains("got (0, 3)", Assert.Throws<ArgumentException>("shape", () => GradientCheck.Check(new ReLU(), (0, 3))).Message, StringComparison.Ordinal);
        Assert.Contains("got none", Assert.Throws<ArgumentException>("layer", () => GradientCheck.Check(new Own { ForwardOf = _ => [] }, (2, 3))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("shape", () => GradientCheck.Check(new LayerNorm1D(4), (2, 3)));
    }

    [Fact]
    public void Check_ForwardThatGivesNoOutput_IsRefusedOrSaid()
    {
        Assert.Contains("got null", Assert.Throws<ArgumentException>(() => GradientCheck.Check(new Own { ForwardOf = _ => null! }, (2, 3))).Message, StringComparison.Ordinal);
        int calls = 0;
        Assert.Contains("give 7 and 8 numbers", HintOf(x => new double[x.Length + calls++]), StringComparison.Ordinal);
        Assert.Contains("not finite", HintOf(x => [.. x.Select(_ => double.NaN)]), StringComparison.Ordinal);
        Assert.Contains("overwrites its input", HintOf(x => { x[0]++; return x; }), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new GradientCheckOptions { Tolerance = -1 });
    }

    private static string HintOf(Func<double[], double[]> forward)
    {
        GradientReport report = GradientCheck.Check(new Own { ForwardOf = forward }, (2, 3));
        Assert.False(report.Passed);
        return report.Hint!;
    }

    private sealed class Own : ReferenceLayer
    {
        public Func<double[], double[]> ForwardOf { get; init; } = x => [.. x];

        public Func<double[], double[]> BackwardOf { get; init; } = dy => [.. dy.Take(6)];

        public IReadOnlyList<ReferenceParameter> Held { get; init; } = [];

        public override IReadOnlyList<ReferenceParameter> Parameters => Held;

        public override double[] Forward(double[] x, Shape shape) => ForwardOf(x);

        public override double[] Backward(double[] dy) => BackwardOf(dy);
    }

    // The identity, with parameters and a reference that may not fit it.
    private sealed class WithReference(ReferenceLayer reference) : Layer("own")
    {
        public IReadOnlyList<Parameter> Held { get; init; } = [new("gamma", 3, [1, 1, 1])];

        public override IReadOnlyList<Parameter> Parameters => Held;

        public override Shape OutputShape(Shape shape) => shape;

        public override ReferenceLayer CreateReference() => reference;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }
}
