using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>The check must find what is wrong, name it, and leave the rest alone.</summary>
public sealed class GradientCheckSabotageTests
{
    private static readonly Shape s_shape = (4, 3);

    [Fact]
    public void Check_RightLayer_Passes()
    {
        GradientReport report = GradientCheck.Check(new QuadraticReference(3), s_shape);
        Assert.True(report.Passed, report.ToString());
        Assert.All(report.Tensors, t => Assert.False(t.Vacuous));
    }

    [Theory]
    [InlineData("a", 1)]
    [InlineData("a", 2)]
    [InlineData("b", 0)]
    [InlineData("input", 7)]
    [InlineData("input", 11)]
    public void Check_OneWrongElement_IsNamedWithItsIndex(string tensor, int index)
    {
        foreach (Func<double, double> distort in (Func<double, double>[])
            [g => 0, g => -g, g => 2 * g, g => g + 1e-3, g => 1e9 * g, _ => double.NaN, _ => double.PositiveInfinity, _ => double.NegativeInfinity])
        {
            GradientReport report = GradientCheck.Check(
                new QuadraticReference(3) { Wrong = tensor, WrongIndex = index, Distort = distort }, s_shape);
            Assert.False(report.Passed, report.ToString());
            TensorGradientError wrong = report.Tensors.Single(t => !t.Passed);
            Assert.Equal(tensor, wrong.Tensor);
            Assert.Equal(index, wrong.WorstIndex);
            Assert.Contains($"WRONG at [{index}]", report.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Check_EveryGradientZero_Fails()
    {
        GradientReport report = GradientCheck.Check(new SilentReference(), s_shape);
        Assert.False(report.Passed, report.ToString());
    }

    [Fact]
    public void Check_ConstantFunction_IsVacuous()
    {
        GradientReport report = GradientCheck.Check(new ConstantReference(), s_shape);
        Assert.True(report.Passed);
        Assert.All(report.Tensors, t => Assert.True(t.Vacuous));
    }

    [Fact]
    public void Check_NaNInTheForwardPass_Fails()
    {
        double[] x = new double[12];
        x[5] = double.NaN;
        GradientReport report = GradientCheck.Check(new QuadraticReference(3), s_shape, new GradientCheckOptions { Input = x });
        Assert.False(report.Passed);
        Assert.Contains(report.Tensors, t => double.IsNaN(t.LargestError));
    }

    [Fact]
    public void Check_UsersFloatLayer_IsDifferencedInFloat()
    {
        GradientReport report = GradientCheck.Check(new ScaleLayer(3), s_shape);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(["scale", "input"], report.Tensors.Select(t => t.Tensor));
        Assert.All(report.Tensors, t => Assert.False(t.Vacuous));
        Assert.True(report.Tensors.Max(t => t.LargestError) > 0);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(1.01f)]
    [InlineData(float.NaN)]
    public void Check_UsersWrongFloatLayer_NamesTheInput(float factor)
    {
        GradientReport report = GradientCheck.Check(new ScaleLayer(3) { Distort = g => factor * g }, s_shape);
        Assert.Equal("input", report.Tensors.Single(t => !t.Passed).Tensor);
    }

    [Fact]
    public void Check_UsersFloatLayer_KeepsItsParameters()
    {
        ScaleLayer layer = new(3);
        GradientCheck.Check(layer, s_shape);
        Assert.Equal([1.5f, 1.5f, 1.5f], layer.Parameters[0].Value);
    }

    public static TheoryData<double, double> Data => new()
    {
        { 0, 1 }, { 1e6, 1 }, { -1e8, 1 }, { 1e7, 30 }, { 0, 1e-6 }, { 3, 1e-6 }, { 0, 1e6 }, { 1e6, 1e-3 }, { 0, 1e-12 },
    };

    // Data as it comes: far from 0, tiny, huge. The floats of a layer are what is left of it.
    [Theory]
    [MemberData(nameof(Data))]
    public void Check_RightLayersAnyData_Pass(double mean, double spread)
    {
        double[] x = [.. Samples.Normal(24, 0, 1, seed: 5).Select(v => mean + spread * v)];
        GradientCheckOptions options = new() { Input = x };
        foreach (Layer layer in (Layer[])[new LayerNorm1D(6), new BatchNorm1D(6), new Linear(6, 5, new RandomSource(2)), new ReLU(), new Sigmoid()])
        {
            AssertPasses(GradientCheck.Check(layer.CreateReference()!, (4, 6), options));
            AssertPasses(GradientCheck.Check(layer, (4, 6), options));
        }

        AssertPasses(GradientCheck.Check(new Sequential(new Linear(6, 5, new RandomSource(2)), new BatchNorm1D(5), new ReLU(), new Linear(5, 3, new RandomSource(3), name: "last")), (4, 6), options));
        AssertPasses(GradientCheck.Check(new QuadraticReference(3), (8, 3), options));
    }

    [Theory]
    [MemberData(nameof(Data))]
    public void Check_WholeFamilyAnyData_Passes(double mean, double spread)
    {
        double[] x = [.. Samples.Normal(24, 0, 1, seed: 5).Select(v => mean + spread * v)];
        GradientCheckOptions options = new() { Input = x };
        (Layer Layer, Shape Input)[] family =
        [
            (new RmsNorm(6), (4, 6)), (new ScaleNorm(6), (4, 6)), (new DyT(6), (4, 6)), (new LocalResponseNorm(3), (4, 6)),
            (new GroupNorm(2, 6), (4, 6)), (new GroupNorm(2, 4), (2, 4, 3)), (new InstanceNorm(3, withGamma: true, withBeta: true), (4, 3, 2)),
            (new GhostBatchNorm(3, 2), (4, 3, 2)), (new BatchRenorm(3, RenormLimits.Paper) { Training = false }, (4, 3, 2)), (new BatchNorm(3) { Training = false }, (4, 3, 2)),
            (new WeightNorm(new Linear(6, 5, new RandomSource(2))), (4, 6)), (new WeightStandardization(new Linear(6, 5, new RandomSource(2))), (4, 6)),
            (new Gelu(), (4, 6)), (new SiLU(), (4, 6)), (new Softmax(), (4, 6)),
            (new Sequential(new WeightNorm(new Linear(6, 5, new RandomSource(2))), new RmsNorm(5), new Gelu(), new Linear(5, 3, new RandomSource(3), name: "last")), (4, 6)),
        ];
        foreach ((Layer layer, Shape input) in family)
        {
            AssertPasses(GradientCheck.Check(layer.CreateReference()!, input, options));
            AssertPasses(GradientCheck.Check(layer, input, options));
        }
    }

    [Theory]
    [InlineData(1e-9)]
    [InlineData(1e-12)]
    [InlineData(0)]
    [InlineData(1e-30)]
    [InlineData(1e3)]
    public void Check_BiasBeforeBatchNorm_Passes(double bias)
    {
        foreach (bool one in (bool[])[false, true])
        {
            Linear linear = new(4, 3, new RandomSource(1));
            Samples.Normal(3, 0, 1, seed: 3).Select(v => (float)(one ? 0 : bias * v)).ToArray().CopyTo(linear.Bias!.Value, 0);
            linear.Bias.Value[1] = (float)bias;
            Sequential network = new(linear, new BatchNorm1D(3), new ReLU(), new Linear(3, 2, new RandomSource(4), name: "last"));
            AssertPasses(GradientCheck.Check(network, (6, 4)));
            AssertPasses(GradientCheck.Check(network.CreateReference()!, (6, 4)));
        }
    }

    [Fact]
    public void Check_MixedScalesInOneTensor_Passes() =>
        AssertPasses(GradientCheck.Check(new QuadraticReference(3), (4, 3), new GradientCheckOptions { Input = [1e6, -1e-6, 1, 3e-9, 1e8, 2, -7e5, 1e-3, 0, 1e-12, 5, -1e4] }));

    // One element of a dx whose elements span fourteen orders of magnitude.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(11)]
    public void Check_OneElementOffByOnePercent_IsFound(int index)
    {
        double[] x = [1e6, -1e-6, 1, 3e-7, 1e7, 2, -7e5, 1e-3, 4, 1e-5, 5, -1e4];
        GradientReport report = GradientCheck.Check(
            new QuadraticReference(3) { Wrong = "input", WrongIndex = index, Distort = g => 1.01 * g }, s_shape, new GradientCheckOptions { Input = x });
        Assert.Equal(index, Assert.Single(report.Tensors, t => !t.Passed).WorstIndex);
    }

    [Theory]
    [InlineData(false, 0, false)]
    [InlineData(false, 4, false)]
    [InlineData(true, 2, false)]
    [InlineData(true, 5, false)]
    [InlineData(true, 2, true)]
    public void Check_NormalizationWithOneElementOffByOnePercent_IsFound(bool gamma, int index, bool far)
    {
        double[] x = [.. Samples.Normal(24, 0, 1, seed: 5).Select(v => (far ? 1e6 : 0) + v)];
        OffByAPercent wrong = new(new LayerNorm1D(6).CreateReference(), gamma, index);
        GradientReport report = GradientCheck.Check(wrong, (4, 6), new GradientCheckOptions { Input = x });
        TensorGradientError row = Assert.Single(report.Tensors, t => !t.Passed);
        Assert.Equal((gamma ? "gamma" : "input", index), (row.Tensor, row.WorstIndex));
    }

    [Fact]
    public void Check_AssignedParameterGradient_IsNamed()
    {
        GradientReport report = GradientCheck.Check(new Gain { Assigns = true }, (2, 3));
        Assert.Contains("must add", Assert.Single(report.Tensors, t => !t.Passed).Fault, StringComparison.Ordinal);
        Assert.Contains("WRONG: the backward pass must add to this gradient", report.ToString(), StringComparison.Ordinal);
        AssertPasses(GradientCheck.Check(new Gain(), (2, 3)));
        FloatGain layer = new() { Assigns = true };
        Assert.Equal("scale", Assert.Single(GradientCheck.Check(layer, (2, 3)).Tensors, t => !t.Passed).Tensor);
    }

    [Fact]
    public void Check_InputGradientThatAdds_IsNamed()
    {
        Assert.Contains("must overwrite", Assert.Single(GradientCheck.Check(new Gain { AddsToInput = true }, (2, 3)).Tensors, t => t.Fault is not null).Fault, StringComparison.Ordinal);
        GradientReport report = GradientCheck.Check(new FloatGain { AddsToInput = true }, (2, 3));
        Assert.Equal("input", Assert.Single(report.Tensors, t => !t.Passed).Tensor);
        Assert.Contains("must overwrite", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_LayerWithRandomNumbers_SaysSo()
    {
        GradientReport report = GradientCheck.Check(new FloatGain { Random = new RandomSource(3) }, (2, 3));
        Assert.False(report.Passed);
        Assert.Contains("draws random numbers", report.Hint, StringComparison.Ordinal);
        Assert.EndsWith(report.Hint!, report.ToString(), StringComparison.Ordinal);
        Assert.Null(GradientCheck.Check(new FloatGain(), (2, 3)).Hint);
    }

    // A layer whose factor grows by one with each pass is a function all the same, if the check knows its state.
    [Fact]
    public void Check_LayerWithStateOfItsOwn_IsDifferencedFromOneState()
    {
        FloatGain named = new() { Counts = true, NamesItsState = true };
        AssertPasses(GradientCheck.Check(named, (2, 3)));
        Assert.Equal(1, named.Counter[0]);
        Assert.NotNull(GradientCheck.Check(new FloatGain { Counts = true }, (2, 3)).Hint);
    }

    [Fact]
    public void Check_NetworkWithoutReference_TakesInOneBatch()
    {
        BatchNorm1D norm = new(4);
        Sequential network = new(new Linear(3, 4, new RandomSource(1)), norm, new ScaleLayer(4));
        norm.Running!.BatchesSeen = 7;
        AssertPasses(GradientCheck.Check(network, (5, 3)));
        Assert.Equal(8, norm.Running.BatchesSeen);

        BatchNorm1D once = new(4);
        float[] x = Array.ConvertAll(Input(15), v => (float)v);
        Samples.Forward(new Sequential(new Linear(3, 4, new RandomSource(1)), once, new ScaleLayer(4)), x, (5, 3));
        BatchNorm1D given = new(4);
        GradientCheck.Check(new Sequential(new Linear(3, 4, new RandomSource(1)), given, new ScaleLayer(4)), (5, 3), new GradientCheckOptions { Input = Input(15) });
        Assert.Equal(once.Running!.Mean, given.Running!.Mean);
        Assert.Equal(once.Running.Variance, given.Running.Variance);
    }

    [Fact]
    public void Check_Gradients_AreThoseOfOnePass()
    {
        (LayerNorm1D one, LayerNorm1D another) = (new LayerNorm1D(4), new LayerNorm1D(4));
        GradientCheck.Check(one, (3, 4));
        float[] first = (float[])one.Gamma!.Gradient.Clone();
        GradientCheck.Check(one, (3, 4));
        Assert.Equal(first, one.Gamma.Gradient);
        Assert.Equal(another.Gamma!.Value, one.Gamma.Value);
    }

    // At the kink itself every slope between the two sides is right, and 3 is none.
    [Theory]
    [InlineData(0.0, 1, true)]
    [InlineData(1e-7, 1, true)]
    [InlineData(-1e-7, 1, true)]
    [InlineData(1e-12, 1, true)]
    [InlineData(0.0, 1.01, false)]
    [InlineData(1e-7, 1.01, false)]
    [InlineData(1e-12, 1.01, false)]
    public void Check_RectifierNearItsKink_FollowsTheSlope(double at, double factor, bool right)
    {
        GradientReport report = GradientCheck.Check(new Rectifier(factor), 3, new GradientCheckOptions { Input = [at, -2, -1] });
        Assert.Equal(right, report.Passed);
    }

    // y = table[⌊x⌋]: no gradient for x, and one for the rows that are looked up.
    [Fact]
    public void Check_Embedding_HasNoInputGradient()
    {
        AssertPasses(GradientCheck.Check(new Embedding(), 3, new GradientCheckOptions { Input = [0, 3, 2] }));
        Assert.Equal("input", Assert.Single(GradientCheck.Check(new Embedding { InputGradient = 1e-9 }, 3, new GradientCheckOptions { Input = [0.5, 3.25, 2.5] }).Tensors, t => !t.Passed).Tensor);
    }

    [Theory]
    [InlineData(1e-30)]
    [InlineData(1e-12)]
    [InlineData(1e12)]
    [InlineData(1e30)]
    public void Check_GradientsOfAnySize_AreComparedAsSharply(double scale)
    {
        AssertPasses(GradientCheck.Check(new Gain { Scale = scale }, (2, 3)));
        Assert.False(GradientCheck.Check(new Gain { Scale = scale, InputFactor = 1.001 }, (2, 3)).Passed);
        Assert.False(GradientCheck.Check(new Gain { Scale = scale, InputFactor = 0 }, (2, 3)).Passed);
    }

    [Fact]
    public void Check_SmallParameterBesideALargeOne_IsCompared()
    {
        AssertPasses(GradientCheck.Check(new TwoScales(1), (2, 3)));
        foreach (double factor in (double[])[0, 1.01, -4])
        {
            Assert.Equal("b", Assert.Single(GradientCheck.Check(new TwoScales(factor), (2, 3)).Tensors, t => !t.Passed).Tensor);
        }
    }

    private static double[] Input(int length) => [.. Samples.Normal(length, 0.5, 1, seed: 9).Select(v => (double)v)];

    private static void AssertPasses(GradientReport report)
    {
        Assert.True(report.Passed, report.ToString());
        Assert.Null(report.Hint);
    }

    /// <summary>y = x², and a backward pass that returns zeros.</summary>
    private sealed class SilentReference : ReferenceLayer
    {
        public override double[] Forward(double[] x, Shape shape) => Array.ConvertAll(x, v => v * v);

        public override double[] Backward(double[] dy) => new double[dy.Length];
    }

    /// <summary>y = 1.</summary>
    private sealed class ConstantReference : ReferenceLayer
    {
        public override double[] Forward(double[] x, Shape shape) => Array.ConvertAll(x, _ => 1.0);

        public override double[] Backward(double[] dy) => new double[dy.Length];
    }

    /// <summary>Another layer with one element of one gradient off by 1 %.</summary>
    private sealed class OffByAPercent(ReferenceLayer inner, bool gamma, int index) : ReferenceLayer
    {
        public override IReadOnlyList<ReferenceParameter> Parameters => inner.Parameters;

        public override double[] Forward(double[] x, Shape shape) => inner.Forward(x, shape);

        public override double[] Backward(double[] dy)
        {
            double before = inner.Parameters[0].Gradient[index % 6];
            double[] dx = inner.Backward(dy);
            if (gamma)
            {
                inner.Parameters[0].Gradient[index] += 0.01 * (inner.Parameters[0].Gradient[index] - before);
            }
            else
            {
                dx[index] *= 1.01;
            }

            return dx;
        }
    }

    /// <summary>y = scale·gain·x, and what can be wrong with its backward pass.</summary>
    private sealed class Gain : ReferenceLayer
    {
        private readonly double[] _dx = new double[6];
        private double[] _x = [];

        public bool Assigns { get; init; }

        public bool AddsToInput { get; init; }

        public double Scale { get; init; } = 1;

        public double InputFactor { get; init; } = 1;

        public override IReadOnlyList<ReferenceParameter> Parameters { get; } = [new("gain", [1.5, -2, 0.5], new double[3])];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = [.. x];
            return [.. x.Select((v, i) => Scale * v * Parameters[0].Value[i % 3])];
        }

        public override double[] Backward(double[] dy)
        {
            for (int k = 0; k < 3; k++)
            {
                double sum = Assigns ? 0 : Parameters[0].Gradient[k];
                for (int i = k; i < 6; i += 3)
                {
                    sum += Scale * dy[i] * _x[i];
                    _dx[i] = (AddsToInput ? _dx[i] : 0) + InputFactor * Scale * dy[i] * Parameters[0].Value[k];
                }

                Parameters[0].Gradient[k] = sum;
            }

            return [.. _dx];
        }
    }

    /// <summary>The same in float, without a reference; random, or counting its passes, if wanted.</summary>
    private sealed class FloatGain() : Layer("gain")
    {
        private readonly Parameter _scale = new("scale", 3, fill: 1.5f);
        private float _factor;

        public bool Assigns { get; init; }

        public bool AddsToInput { get; init; }

        public bool Counts { get; init; }

        public bool NamesItsState { get; init; }

        public RandomSource? Random { get; init; }

        public long[] Counter { get; } = new long[1];

        public override IReadOnlyList<Parameter> Parameters => [_scale];

        public override IReadOnlyList<NamedState> NamedState => NamesItsState ? [.. base.NamedState, new NamedState("passes", Counter)] : base.NamedState;

        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
        {
            _factor = Counts ? ++Counter[0] : 1;
            for (int i = 0; i < x.Length; i++)
            {
                y[i] = _factor * _scale.Value[i % 3] * x[i] * (Random is null || Random.NextInt(2) == 0 ? 1 : 2);
            }
        }

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
        {
            for (int i = 0; i < x.Length; i++)
            {
                _scale.Gradient[i % 3] = (Assigns && i < 3 ? 0 : _scale.Gradient[i % 3]) + _factor * dy[i] * x[i];
                dx[i] = (AddsToInput ? dx[i] : 0) + _factor * _scale.Value[i % 3] * dy[i];
            }
        }
    }

    /// <summary>y = max(x, 0), whose slope above 0 is said to be the factor, and at 0 three times too large where the factor is not 1.</summary>
    private sealed class Rectifier(double factor) : ReferenceLayer
    {
        private double[] _x = [];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = [.. x];
            return Array.ConvertAll(x, v => Math.Max(v, 0));
        }

        public override double[] Backward(double[] dy) => [.. dy.Zip(_x, (d, v) => v > 0 ? factor * d : v == 0 && factor != 1 ? 3 * d : 0)];
    }

    private sealed class Embedding : ReferenceLayer
    {
        private double[] _x = [];

        public double InputGradient { get; init; }

        public override IReadOnlyList<ReferenceParameter> Parameters { get; } = [new("table", [0.5, -1e-7, 2e5, 7], new double[4])];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = [.. x];
            return Array.ConvertAll(x, v => Parameters[0].Value[Math.Clamp((int)Math.Floor(v), 0, 3)]);
        }

        public override double[] Backward(double[] dy)
        {
            for (int i = 0; i < dy.Length; i++)
            {
                Parameters[0].Gradient[Math.Clamp((int)Math.Floor(_x[i]), 0, 3)] += dy[i];
            }

            return Array.ConvertAll(dy, d => InputGradient * d);
        }
    }

    /// <summary>y = 10⁶·a·x + 0.001·b², whose gradient for b is off by a factor.</summary>
    private sealed class TwoScales(double factor) : ReferenceLayer
    {
        private double[] _x = [];

        public override IReadOnlyList<ReferenceParameter> Parameters { get; } = [new("a", [1], new double[1]), new("b", [2], new double[1])];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = [.. x];
            return [.. x.Select(v => 1e6 * Parameters[0].Value[0] * v + 1e-3 * Parameters[1].Value[0] * Parameters[1].Value[0])];
        }

        public override double[] Backward(double[] dy)
        {
            for (int i = 0; i < dy.Length; i++)
            {
                Parameters[0].Gradient[0] += dy[i] * 1e6 * _x[i];
                Parameters[1].Gradient[0] += factor * dy[i] * 2e-3 * Parameters[1].Value[0];
            }

            return [.. dy.Select(d => d * 1e6 * Parameters[0].Value[0])];
        }
    }
}
