using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.SameBits;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>What ScaleNorm, DyT, local response norm and the normalized linear layers have in common with every layer; their numbers are in tests of their own.</summary>
public sealed class FormsTests : IDisposable
{
    private static readonly Dictionary<string, (Func<Layer> Create, Shape Input)> s_layers = new()
    {
        ["ScaleNorm"] = (() => new ScaleNorm(70), (9, 70)),
        ["DyT"] = (() => new DyT(70), (9, 70)),
        ["LocalResponseNorm"] = (() => new LocalResponseNorm(4, alpha: 0.5), (3, 7, 5, 6)),
        ["WeightNorm"] = (() => new WeightNorm(new Linear(21, 14, new RandomSource(1))), (9, 21)),
        ["WeightStandardization"] = (() => new WeightStandardization(new Linear(21, 14, new RandomSource(1))), (9, 21)),
    };

    private readonly int _limit = Threads.Limit;

    public static TheoryData<string> Layers => [.. s_layers.Keys];

    public void Dispose() => Threads.Limit = _limit;

    [Theory]
    [InlineData("ScaleNorm", 2100, 130, "CF25501899278FF3")]
    [InlineData("ScaleNorm", 3, 70_000, "1768DCDE2E6146E8")]
    [InlineData("ScaleNorm", 40_000, 3, "0DFDE46CFF60EEB1")]
    [InlineData("DyT", 2100, 130, "6FF023FC53923896")]
    [InlineData("DyT", 40_000, 3, "116236778056479F")]
    [InlineData("LocalResponseNorm", 90, 1000, "3811E54434716BC5")]
    [InlineData("WeightNorm", 150, 513, "407045DBDB68C39B")]
    [InlineData("WeightStandardization", 150, 513, "BA734DCA55E1B097")]
    public void Passes_LargeProblem_PinnedBitsWithAnyNumberOfThreads(string name, int rows, int columns, string pinned)
    {
        Shape shape = name == "LocalResponseNorm" ? (rows, 25, columns / 25) : (rows, columns);
        float[] x = Samples.Normal(shape.Length);
        foreach (int threads in (int[])[1, 2, 3, 8])
        {
            Threads.Limit = threads;
            Layer layer = Prepared(name switch
            {
                "ScaleNorm" => new ScaleNorm(columns),
                "DyT" => new DyT(columns),
                "LocalResponseNorm" => new LocalResponseNorm(5, alpha: 0.5, evenReachesUp: true),
                "WeightNorm" => new WeightNorm(new Linear(columns, 260, new RandomSource(1))),
                _ => new WeightStandardization(new Linear(columns, 260, new RandomSource(1))),
            });
            using BitHash hash = new();
            hash.Add(Samples.Forward(layer, x, shape));
            hash.Add(Samples.Backward(layer, x, Samples.Upstream(layer.OutputShape(shape).Length)));
            hash.Add(layer.Parameters.SelectMany(p => p.Gradient));
            Assert.Equal((threads, pinned), (threads, hash.Text()));
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Passes_SecondTime_AllocateNothing(string name)
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case(name);
        float[] y = new float[dy.Length];
        float[] dx = new float[x.Length];
        void Run()
        {
            layer.Forward(x, shape, y);
            layer.Backward(x, dy, dx);
        }

        Run();
        Assert.Equal(0, Allocations.Of(Run));
    }

    [Theory]
    [InlineData("ScaleNorm")]
    [InlineData("DyT")]
    [InlineData("LocalResponseNorm")]
    public void Passes_InPlace_GiveTheSameBits(string name)
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case(name);
        float[] y = Samples.Forward(layer, x, shape);
        float[] dx = Samples.Backward(layer, x, dy);
        float[] over = [.. x];
        layer.Forward(over, shape, over);
        Compare.SameBits(y, over, "y");
        layer.Backward(x, dy, dy);
        Compare.SameBits(dx, dy, "dx");
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Passes_SampleInAnyBatch_GivesTheSameBits(string name)
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case(name);
        float[] y = Samples.Forward(layer, x, shape);
        float[] dx = Samples.Backward(layer, x, dy);
        (int inputs, int outputs) = (x.Length / shape[0], y.Length / shape[0]);
        Shape one = shape.Rank == 2 ? (1, shape[1]) : (1, shape[1], shape[2], shape[3]);
        for (int n = 0; n < shape[0]; n++)
        {
            float[] sample = x[(n * inputs)..((n + 1) * inputs)];
            Compare.SameBits(y.AsSpan(n * outputs, outputs), Samples.Forward(layer, sample, one), $"y of sample {n}");
            Compare.SameBits(dx.AsSpan(n * inputs, inputs), Samples.Backward(layer, sample, dy[(n * outputs)..((n + 1) * outputs)]), $"dx of sample {n}");
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Backward_Twice_AddsParameterGradientsAndOverwritesDx(string name)
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case(name);
        Samples.Forward(layer, x, shape);
        float[] dx = Samples.Backward(layer, x, dy);
        float[][] first = [.. layer.Parameters.Select(p => (float[])p.Gradient.Clone())];
        Compare.SameBits(dx, Samples.Backward(layer, x, dy), "dx");
        foreach ((Parameter parameter, float[] once) in layer.Parameters.Zip(first))
        {
            Assert.Contains(once, g => g != 0);
            Compare.Within(Array.ConvertAll(once, g => 2.0 * g), parameter.Gradient, Tolerance.Sum(2 * once.Max(Math.Abs)), parameter.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Backward_FrozenOrUnwanted_LeavesTheRestAsItWas(string name)
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case(name);
        Samples.Forward(layer, x, shape);
        float[] dx = Samples.Backward(layer, x, dy);
        float[][] all = [.. layer.Parameters.Select(p => (float[])p.Gradient.Clone())];
        foreach (Parameter frozen in layer.Parameters)
        {
            layer.ZeroGradients();
            frozen.Frozen = true;
            Compare.SameBits(dx, Samples.Backward(layer, x, dy), "dx");
            frozen.Frozen = false;
            foreach ((Parameter parameter, float[] gradient) in layer.Parameters.Zip(all))
            {
                Assert.Equal(parameter == frozen ? new float[gradient.Length] : gradient, parameter.Gradient);
            }
        }

        layer.ZeroGradients();
        layer.Backward(x, dy, []);
        Assert.Equal(all, layer.Parameters.Select(p => p.Gradient));
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Passes_EmptyBatch_ChangeNothing(string name)
    {
        Layer layer = s_layers[name].Create();
        Shape shape = s_layers[name].Input;
        layer.Forward([], shape.Rank == 2 ? (0, shape[1]) : (0, shape[1], shape[2], shape[3]), []);
        layer.Backward([], [], []);
        Assert.All(layer.Parameters, p => Compare.AllEqual(0, p.Gradient, p.Name));
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Forward_SmallerBatchAfterLarger_ForgetsTheLarger(string name)
    {
        (Layer used, float[] x, float[] dy, Shape shape) = Case(name);
        Samples.Forward(used, x, shape);
        Samples.Backward(used, x, dy);
        used.ZeroGradients();
        (Layer fresh, _, _, _) = Case(name);
        Shape two = shape.Rank == 2 ? (2, shape[1]) : (2, shape[1], shape[2], shape[3]);
        (x, dy) = (x[..two.Length], dy[..used.OutputShape(two).Length]);
        Compare.SameBits(Samples.Forward(fresh, x, two), Samples.Forward(used, x, two), "y");
        Compare.SameBits(Samples.Backward(fresh, x, dy), Samples.Backward(used, x, dy), "dx");
        Assert.Equal(fresh.Parameters.SelectMany(p => p.Gradient), used.Parameters.SelectMany(p => p.Gradient));
    }

    // ⟨Jv, u⟩ = ⟨v, Jᵀu⟩, with Jv from the forward pass alone: the difference quotient along v.
    [Theory]
    [MemberData(nameof(Layers))]
    public void Reference_RandomDirections_BackwardIsTheAdjointOfForward(string name)
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case(name);
        ReferenceLayer reference = layer.CreateReference()!;
        double[] v = Compare.Widen(Samples.Normal(x.Length, seed: 5));
        double[] u = Compare.Widen(dy);
        const double h = 1e-5;
        double[] above = [.. reference.Forward([.. x.Zip(v, (a, b) => a + h * b)], shape)];
        double[] below = [.. reference.Forward([.. x.Zip(v, (a, b) => a - h * b)], shape)];
        double forward = above.Select((y, i) => (y - below[i]) * u[i]).Sum() / (2 * h);
        reference.Forward(Compare.Widen(x), shape);
        double backward = reference.Backward(u).Zip(v, (a, b) => a * b).Sum();
        Assert.True(Math.Abs(backward) > 1, "The product is too small to say anything.");
        Assert.Equal(forward, backward, 1e-6);
    }

    [Fact]
    public void Functional_ScaleNorm_HasTheLayersBits()
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case("ScaleNorm");
        ScaleNorm norm = (ScaleNorm)layer;
        NormStatistics statistics = new();
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        float dG = 0;
        Functional.ScaleNorm(x, 70, norm.G.Value[0], norm.Epsilon, y, statistics);
        Functional.ScaleNormBackward(x, dy, 70, norm.G.Value[0], norm.Epsilon, statistics, dx, ref dG);

        Compare.SameBits(Samples.Forward(norm, x, shape), y, "y");
        Compare.SameBits(Samples.Backward(norm, x, dy), dx, "dx");
        Assert.Equal(norm.G.Gradient[0], dG);
    }

    [Fact]
    public void Functional_DyT_HasTheLayersBits()
    {
        (Layer layer, float[] x, float[] dy, Shape shape) = Case("DyT");
        DyT dyt = (DyT)layer;
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        (float[] dGamma, float[] dBeta, float dAlpha) = (new float[70], new float[70], 0);
        Functional.DyT(x, 70, dyt.Alpha.Value[0], dyt.Gamma!.Value, dyt.Beta!.Value, y);
        Functional.DyTBackward(x, dy, 70, dyt.Alpha.Value[0], dyt.Gamma.Value, dx, ref dAlpha, dGamma, dBeta);

        Compare.SameBits(Samples.Forward(dyt, x, shape), y, "y");
        Compare.SameBits(Samples.Backward(dyt, x, dy), dx, "dx");
        Compare.SameBits(dyt.Gamma.Gradient, dGamma, "dGamma");
        Compare.SameBits(dyt.Beta.Gradient, dBeta, "dBeta");
        Assert.Equal(dyt.Alpha.Gradient[0], dAlpha);
    }

    [Fact]
    public void Functional_WeightNorm_HasTheLayersBits()
    {
        WeightNorm layer = Weights(new WeightNorm(new Linear(21, 14, new RandomSource(1))));
        Samples.Normal(14, 1.2, 0.4, seed: 3).CopyTo(layer.G.Value, 0);
        (float[] w, float[] dw, float[] dg) = Passed(layer);
        NormStatistics statistics = new();
        float[] ownW = new float[w.Length];
        float[] dv = Filled(w.Length, float.NaN);
        float[] ownDg = Filled(14, 0.5f);
        Functional.WeightNorm(layer.V.Value, 21, layer.G.Value, ownW, statistics);
        Functional.WeightNormBackward(layer.V.Value, dw, 21, layer.G.Value, statistics, dv, ownDg);
        Compare.SameBits(w, ownW, "w");
        Compare.SameBits(layer.V.Gradient, dv, "dv");
        Compare.Within(Array.ConvertAll(dg, v => v + 0.5), ownDg, 3e-7, "dg is added to");

        // In place, and each gradient alone.
        float[] place = [.. layer.V.Value];
        Functional.WeightNorm(place, 21, layer.G.Value, place);
        Compare.SameBits(w, place, "w in place of v");
        float[] dwAndDv = [.. dw];
        Functional.WeightNormBackward(layer.V.Value, dwAndDv, 21, layer.G.Value, statistics, dwAndDv, dg: []);
        Compare.SameBits(dv, dwAndDv, "dv in place of dw");
        float[] dgAlone = Filled(14, 0.5f);
        Functional.WeightNormBackward(layer.V.Value, dw, 21, layer.G.Value, statistics, dv: [], dgAlone);
        Compare.SameBits(ownDg, dgAlone, "dg alone");
    }

    [Fact]
    public void Functional_WeightStandardization_HasTheLayersBits()
    {
        WeightStandardization layer = Weights(new WeightStandardization(new Linear(21, 14, new RandomSource(1)), epsilon: 0.01));
        (float[] w, float[] dw, _) = Passed(layer);
        NormStatistics statistics = new();
        float[] ownW = new float[w.Length];
        float[] dv = Filled(w.Length, float.NaN);
        Functional.WeightStandardization(layer.Weight.Value, 21, layer.Epsilon, ownW, statistics);
        Functional.WeightStandardizationBackward(layer.Weight.Value, dw, 21, statistics, dv);
        Compare.SameBits(w, ownW, "w");
        Compare.SameBits(layer.Weight.Gradient, dv, "dv");
    }

    [Fact]
    public void Functional_WeightsOfNoOutput_AreNone()
    {
        NormStatistics statistics = new();
        Functional.WeightNorm([], 3, [], [], statistics);
        Functional.WeightNormBackward([], [], 3, [], statistics, [], []);
        Functional.WeightStandardization([], 3, 0, [], statistics);
        Functional.WeightStandardizationBackward([], [], 3, statistics, []);
        Assert.Equal(0, statistics.Count);
    }

    [Fact]
    public void Constructors_OutOfRange_NameTheArgument()
    {
        static void Names(string argument, Func<object> create) => Assert.Equal(argument, Assert.Throws<ArgumentOutOfRangeException>(create).ParamName);
        Names("features", () => new ScaleNorm(0));
        Names("epsilon", () => new ScaleNorm(3, epsilon: double.NaN));
        Names("features", () => new DyT(-1));
        Names("alpha", () => new DyT(3, alpha: 1e39));
        Names("alpha", () => new DyT(3, alpha: double.NaN));
        Names("size", () => new LocalResponseNorm(0));
        Names("alpha", () => new LocalResponseNorm(3, alpha: -1e-4));
        Names("beta", () => new LocalResponseNorm(3, beta: double.PositiveInfinity));
        Names("k", () => new LocalResponseNorm(3, k: -1));
        Names("epsilon", () => new WeightStandardization(new Linear(2, 2, new RandomSource(1)), epsilon: -1));
    }

    [Fact]
    public void Forward_WrongShape_NamesExpectedAndActual()
    {
        static string Message(Layer layer, Shape shape) => Assert.Throws<ArgumentException>(() => layer.OutputShape(shape)).Message;
        Assert.StartsWith("Expected a shape whose last dimension is 5 for scalenorm, got (2, 6).", Message(new ScaleNorm(5), (2, 6)), StringComparison.Ordinal);
        Assert.StartsWith("Expected a shape whose last dimension is 5 for dyt, got (2, 6).", Message(new DyT(5), (2, 6)), StringComparison.Ordinal);
        Assert.StartsWith("Expected a shape (N, C, …) with C ≥ 1 for localresponsenorm, got (6).", Message(new LocalResponseNorm(3), 6), StringComparison.Ordinal);
        Assert.StartsWith("Expected a shape (N, C, …) with C ≥ 1 for localresponsenorm, got (2, 0, 5).", Message(new LocalResponseNorm(3), (2, 0, 5)), StringComparison.Ordinal);
        Assert.StartsWith("Expected a shape (N, …, 4) for fc, got (2, 6).", Message(new WeightNorm(new Linear(4, 2, new RandomSource(1), name: "fc")), (2, 6)), StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_WrongSpans_NameTheArgument()
    {
        static void Names(string argument, Action call) => Assert.Equal(argument, Assert.ThrowsAny<ArgumentException>(call).ParamName);
        float[] six = new float[6];
        NormStatistics two = NormStatistics.From(new double[2], new double[2]);
        float sum = 0;
        Names("x", () => Functional.ScaleNorm(new float[7], 3, 1, 0, six));
        Names("y", () => Functional.ScaleNorm(six, 3, 1, 0, new float[5]));
        Names("statistics", () => Functional.ScaleNormBackward(six, six, 2, 1, 0, two, new float[6], ref sum));
        Names("dx", () => Functional.ScaleNormBackward(six, new float[6], 3, 1, 0, two, six, ref sum));
        Names("gamma", () => Functional.DyT(six, 3, 1, default, Functional.Zeros, new float[6]));
        Names("beta", () => Functional.DyT(six, 3, 1, Functional.Ones, new float[2], new float[6]));
        Names("dGamma", () => Functional.DyTBackward(six, new float[6], 3, 1, Functional.Ones, new float[6], ref sum, new float[2], default));
        Names("v", () => Functional.WeightNorm(new float[7], 3, new float[2], six));
        Names("features", () => Functional.WeightNorm(six, 0, new float[2], six));
        Names("g", () => Functional.WeightNorm(six, 3, Functional.Ones, new float[6]));
        Names("g", () => Functional.WeightNormBackward(six, six, 3, new float[1], two, default, default));
        Names("w", () => Functional.WeightNorm(six, 3, new float[2], new float[5]));
        Names("w", () => Functional.WeightNorm(new float[6], 3, six.AsSpan(0, 2), six));
        Names("statistics", () => Functional.WeightNormBackward(six, six, 2, new float[3], two, default, default));
        Names("dw", () => Functional.WeightNormBackward(six, new float[5], 3, new float[2], two, new float[6], default));
        Names("dv", () => Functional.WeightNormBackward(six, new float[6], 3, new float[2], two, six, default));
        Names("dv", () => Functional.WeightNormBackward(new float[6], new float[6], 3, six.AsSpan(0, 2), two, six, default));
        Names("dg", () => Functional.WeightNormBackward(six, new float[6], 3, new float[2], two, default, new float[3]));
        Names("dg", () => Functional.WeightNormBackward(new float[6], six, 3, new float[2], two, default, six.AsSpan(0, 2)));
        Names("epsilon", () => Functional.WeightStandardization(six, 3, -1, new float[6]));
        Names("v", () => Functional.WeightStandardizationBackward(new float[7], six, 3, two, six));
        Names("dv", () => Functional.WeightStandardizationBackward(six, new float[6], 3, two, six));
        Names("shape", () => Functional.LocalResponseNorm(six, 6, 3, 1, 1, 1, new float[6]));
        Names("x", () => Functional.LocalResponseNorm(six, (2, 4), 3, 1, 1, 1, new float[6]));
        Names("dx", () => Functional.LocalResponseNormBackward(six, new float[6], (2, 3), 3, 1, 1, 1, six));
    }

    private static float[] Filled(int count, float value) => [.. Enumerable.Repeat(value, count)];

    private static T Weights<T>(T layer)
        where T : NormalizedLinear
    {
        Parameter raw = layer.Parameters.Single(p => p.Name is "weight" or "weight_v");
        Samples.Normal(raw.Value.Length, 0.3, 1, seed: 4).CopyTo(raw.Value, 0);
        return layer;
    }

    // The weights in use after a forward and a backward pass, their gradient, and that of g.
    private static (float[] W, float[] Dw, float[] Dg) Passed(NormalizedLinear layer)
    {
        float[] x = Samples.Normal(9 * 21);
        Samples.Forward(layer, x, (9, 21));
        Samples.Backward(layer, x, Samples.Upstream(9 * 14));
        return ([.. layer.Linear.Weight.Value], [.. layer.Linear.Weight.Gradient], [.. layer.Parameters[0].Gradient]);
    }

    // Values that are all different, γ and g with an offset.
    private static Layer Prepared(Layer layer)
    {
        ulong seed = 31;
        foreach (Parameter parameter in layer.Parameters.Where(p => p.Name is not ("weight" or "weight_v")))
        {
            Samples.Normal(parameter.Value.Length, 0.8, 0.3, seed++).CopyTo(parameter.Value, 0);
        }

        return layer;
    }

    private static (Layer Layer, float[] X, float[] Dy, Shape Shape) Case(string name)
    {
        (Func<Layer> create, Shape shape) = s_layers[name];
        Layer layer = Prepared(create());
        return (layer, Samples.Normal(shape.Length), Samples.Upstream(layer.OutputShape(shape).Length), shape);
    }
}
