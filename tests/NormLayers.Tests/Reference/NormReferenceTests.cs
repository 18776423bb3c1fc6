using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Reference;

/// <summary>The reference over index sets against the layers' own references, against central differences, and at its edges.</summary>
[Trait("Width", "any")]
public sealed class NormReferenceTests
{
    private static readonly (string Name, IndexSets Sets, IndexSets Parameters)[] s_partitions =
    [
        ("rows", IndexSets.Rows(), IndexSets.Columns()),
        ("rows of two dimensions", IndexSets.Rows(2), IndexSets.Columns(2)),
        ("rows, γ per row", IndexSets.Rows(2), IndexSets.Rows(2)),
        ("rows, one γ", IndexSets.Rows(), IndexSets.All),
        ("channels", IndexSets.Channels, IndexSets.Channels),
        ("groups", IndexSets.Groups(2), IndexSets.Channels),
        ("instances", IndexSets.Instances, IndexSets.Channels),
        ("axes 0 and 2", IndexSets.Over(0, -1), IndexSets.Over(1)),
        ("every fifth, every seventh", IndexSets.By((_, i) => i % 5), IndexSets.By((_, i) => i % 7)),
    ];

    public static TheoryData<string, Statistic> Kinds
    {
        get
        {
            TheoryData<string, Statistic> kinds = [];
            foreach ((string name, _, _) in s_partitions)
            {
                foreach (Statistic statistic in Enum.GetValues<Statistic>())
                {
                    kinds.Add(name, statistic);
                }
            }

            return kinds;
        }
    }

    [Theory]
    [InlineData(1, 7)]
    [InlineData(5, 33)]
    [InlineData(17, 6)]
    public void Passes_Rows_HaveTheBitsOfLayerNormReference(int rows, int features)
    {
        Data d = new(rows * features, features);
        (double[] y, double[] mean, double[] rstd) = LayerNormReference.Forward(d.X, d.Gamma, d.Beta, 1e-5);
        (double[] dGamma, double[] dBeta) = (new double[features], new double[features]);
        double[] dx = LayerNormReference.Backward(d.X, d.Dy, d.Gamma, mean, rstd, dGamma, dBeta);

        NormReference norm = Family.LayerNorm.Reference(1e-5, d.Gamma, d.Beta);
        Verify.SameBits("y", y, norm.Forward(d.X, (rows, features)));
        Verify.SameBits("dx", dx, norm.Backward(d.Dy));
        Verify.SameBits("mean", mean, norm.Mean);
        Verify.SameBits("rstd", rstd, norm.Rstd);
        Verify.SameBits("dGamma", dGamma, norm.DGamma);
        Verify.SameBits("dBeta", dBeta, norm.DBeta);
    }

    [Theory]
    [InlineData(1, 7, false)]
    [InlineData(5, 33, true)]
    [InlineData(17, 6, true)]
    public void Passes_RowsWithoutMean_HaveTheBitsOfRmsNormReference(int rows, int features, bool outside)
    {
        Data d = new(rows * features, features);
        (double[] y, double[] meanSquare, double[] rstd) = RmsNormReference.Forward(d.X, d.Gamma, 0.1, outside);
        double[] dGamma = new double[features];
        double[] dx = RmsNormReference.Backward(d.X, d.Dy, d.Gamma, meanSquare, rstd, dGamma, outside ? 0.1 : 0);

        NormReference norm = (outside ? Family.RmsNormEpsilonOutside : Family.RmsNorm).Reference(0.1, d.Gamma, beta: null);
        Verify.SameBits("y", y, norm.Forward(d.X, (rows, features)));
        Verify.SameBits("dx", dx, norm.Backward(d.Dy));
        Verify.SameBits("meanSquare", meanSquare, norm.Variance);
        Verify.SameBits("rstd", rstd, norm.Rstd);
        Verify.SameBits("dGamma", dGamma, norm.DGamma);
    }

    [Theory]
    [InlineData(2, 5, 1, true)]
    [InlineData(9, 4, 6, true)]
    [InlineData(9, 4, 6, false)]
    public void Passes_Channels_HaveTheBitsOfBatchNormReference(int rows, int channels, int length, bool training)
    {
        Data d = new(rows * channels * length, channels);
        (double[], double[])? given = training ? null : (d.Beta, Array.ConvertAll(d.Gamma, v => v * v + 0.5));
        int[][] sets = IndexSets.Channels.Of((rows, channels, length));
        (double[] mean, double[] variance) = given ?? BatchNormReference.Statistics(d.X, sets);
        (double[] y, double[] rstd) = BatchNormReference.Normalize(d.X, sets, mean, variance, d.Gamma, d.Beta, 1e-5);
        (double[] dGamma, double[] dBeta) = (new double[channels], new double[channels]);
        double[] dx = BatchNormReference.Backward(d.X, d.Dy, sets, mean, rstd, d.Gamma, training, dGamma, dBeta);

        NormReference norm = Family.BatchNorm.Reference(1e-5, d.Gamma, d.Beta, given);
        Verify.SameBits("y", y, norm.Forward(d.X, (rows, channels, length)));
        Verify.SameBits("dx", dx, norm.Backward(d.Dy));
        Verify.SameBits("mean", mean, norm.Mean);
        Verify.SameBits("variance", variance, norm.Variance);
        Verify.SameBits("rstd", rstd, norm.Rstd);
        Verify.SameBits("dGamma", dGamma, norm.DGamma);
        Verify.SameBits("dBeta", dBeta, norm.DBeta);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gradients_AnyKind_AgreeWithDifferences(string partition, Statistic statistic)
    {
        Shape shape = (3, 4, 5);
        (_, IndexSets sets, IndexSets parameters) = s_partitions.Single(p => p.Name == partition);
        Data d = new(shape.Length, parameters.Of(shape).Length);
        bool[] mask = [.. Enumerable.Range(0, shape.Length).Select(i => i % 7 is not (2 or 3))];
        double[] variance = Array.ConvertAll(sets.Of(shape), S => 0.5 + S.Length);
        foreach (bool outside in (bool[])[false, true])
        {
            NormReference Norm(bool affine, bool onePlus, bool relu, bool masked, bool given) => new(sets, parameters)
            {
                Statistic = statistic,
                Epsilon = 0.05,
                EpsilonOutsideRoot = outside,
                Gamma = affine ? d.Gamma : null,
                Beta = affine ? d.Beta : null,
                OnePlusGamma = onePlus,
                ReLU = relu,
                Mask = masked ? mask : null,
                Given = given ? (variance, variance) : null,
            };

            foreach (NormReference norm in (NormReference[])
            [
                Norm(true, false, false, false, false), Norm(true, false, true, true, false), Norm(true, true, false, true, false),
                Norm(false, false, false, true, false), Norm(true, true, true, false, true),
            ])
            {
                GradientReport report = GradientCheck.Check(norm, shape);
                Assert.True(report.Passed, $"epsilon outside: {outside}, mask: {norm.Mask is not null}, ReLU: {norm.ReLU}, given: {norm.Given is not null}\n{report}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Passes_MaskedElements_AreAsIfTheyWereNotThere(string partition, Statistic statistic)
    {
        Shape shape = (4, 4, 6);
        (_, IndexSets sets, IndexSets parameters) = s_partitions.Single(p => p.Name == partition);
        Data d = new(shape.Length, parameters.Of(shape).Length);
        bool[] mask = [.. Enumerable.Range(0, shape.Length).Select(i => (i * 7 + i / 5) % 3 != 0)];
        int[] counted = [.. Enumerable.Range(0, shape.Length).Where(i => mask[i])];
        (int[] setOf, int[] parameterOf) = (sets.NumberOf(shape), parameters.NumberOf(shape));
        NormReference compacted = new(IndexSets.By((_, k) => setOf[counted[k]]), IndexSets.By((_, k) => parameterOf[counted[k]]))
        {
            Statistic = statistic,
            Gamma = d.Gamma,
            Beta = d.Beta,
        };
        NormReference masked = new(sets, parameters) { Statistic = statistic, Gamma = d.Gamma, Beta = d.Beta, Mask = mask };
        double[] spoilt = [.. d.X.Select((v, i) => mask[i] ? v : double.NaN)];
        double[] y = masked.Forward(spoilt, shape);
        double[] dx = masked.Backward([.. d.Dy.Select((v, i) => mask[i] ? v : double.NaN)]);

        Verify.SameBits("y", compacted.Forward([.. counted.Select(i => d.X[i])], counted.Length), [.. counted.Select(i => y[i])]);
        Verify.SameBits("dx", compacted.Backward([.. counted.Select(i => d.Dy[i])]), [.. counted.Select(i => dx[i])]);
        Verify.SameBits("dGamma", compacted.DGamma, masked.DGamma);
        Verify.SameBits("dBeta", compacted.DBeta, masked.DBeta);
        Assert.All(Enumerable.Range(0, shape.Length).Where(i => !mask[i]), i => Assert.Equal((0, 0), (y[i], dx[i])));
    }

    [Fact]
    public void Passes_WhollyMaskedSet_GiveZerosAndNoNaN()
    {
        Data d = new(12, 4);
        NormReference norm = Family.LayerNorm.Reference(0, d.Gamma, d.Beta, mask: [.. Enumerable.Range(0, 12).Select(i => i / 4 != 1)]);
        double[] y = norm.Forward(d.X, (3, 4));
        double[] dx = norm.Backward(d.Dy);

        Assert.Equal(new double[4], y[4..8]);
        Assert.Equal(new double[4], dx[4..8]);
        Assert.Equal((0, 0, 0), (norm.Mean[1], norm.Variance[1], norm.Rstd[1]));
        Assert.All(y.Concat(dx).Concat(norm.DGamma!), v => Assert.True(double.IsFinite(v)));
    }

    // Two numbers: mean 3, variance 1, root mean square √10, norm √20.
    [Theory]
    [InlineData(Statistic.MeanAndVariance, false, -1 / 1.4142135623730951)]
    [InlineData(Statistic.MeanAndVariance, true, -1 / 2.0)]
    [InlineData(Statistic.RootMeanSquare, false, 2 / 3.3166247903554)]
    [InlineData(Statistic.RootMeanSquare, true, 2 / 4.16227766016838)]
    [InlineData(Statistic.L2, false, 2 / 4.58257569495584)]
    [InlineData(Statistic.L2, true, 2 / 5.47213595499958)]
    public void Forward_TwoAndFourWithEpsilonOne_FirstIs(Statistic statistic, bool outside, double expected)
    {
        NormReference norm = new(IndexSets.Rows(), IndexSets.All) { Statistic = statistic, Epsilon = 1, EpsilonOutsideRoot = outside };
        Assert.Equal(expected, norm.Forward([2, 4], (1, 2))[0], 1e-14);
    }

    [Theory]
    [InlineData(false, 2 * 3 - 1)]
    [InlineData(true, 2 * 4 - 1)]
    public void Forward_OnePlusGamma_AddsOne(bool onePlus, double expected)
    {
        NormReference norm = new(IndexSets.All, IndexSets.All) { Gamma = [3], Beta = [-1], OnePlusGamma = onePlus, Given = ([1], [1]), Epsilon = 0 };
        Assert.Equal([expected], norm.Forward([3], 1));
    }

    [Fact]
    public void Backward_Twice_AddsToParameterGradientsOnly()
    {
        Data d = new(12, 4);
        NormReference norm = Family.LayerNorm.Reference(1e-5, d.Gamma, d.Beta);
        norm.Forward(d.X, (3, 4));
        double[] once = norm.Backward(d.Dy);
        double[] dGamma = [.. norm.DGamma!];
        Assert.Equal(once, norm.Backward(d.Dy));
        Assert.Equal(Array.ConvertAll(dGamma, v => 2 * v), norm.DGamma);
    }

    [Fact]
    public void Calls_WrongLengths_NameTheArgument()
    {
        NormReference norm = Family.GroupNorm(2).Reference(1e-5, new double[3], null);
        Assert.Equal("x", Assert.Throws<ArgumentException>(() => norm.Forward(new double[7], (2, 4))).ParamName);
        Assert.Equal("Gamma", Assert.Throws<ArgumentException>(() => norm.Forward(new double[8], (2, 4))).ParamName);
        Assert.Equal("shape", Assert.Throws<ArgumentException>(() => norm.Forward(new double[6], (2, 3))).ParamName);
        norm = Family.LayerNorm.Reference(1e-5, null, null, mask: new bool[5]);
        Assert.Equal("Mask", Assert.Throws<ArgumentException>(() => norm.Forward(new double[6], (2, 3))).ParamName);
        norm = Family.LayerNorm.Reference(1e-5, null, null);
        norm.Forward(new double[6], (2, 3));
        Assert.Equal("dy", Assert.Throws<ArgumentException>(() => norm.Backward(new double[5])).ParamName);
    }

    private sealed class Data(int elements, int parameters)
    {
        public double[] X { get; } = Compare.Widen(Samples.Normal(elements, mean: 0.7, seed: 5));

        public double[] Dy { get; } = Compare.Widen(Samples.Upstream(elements));

        public double[] Gamma { get; } = Compare.Widen(Samples.Normal(parameters, mean: 1.2, deviation: 0.4, seed: 6));

        public double[] Beta { get; } = Compare.Widen(Samples.Normal(parameters, seed: 7));
    }
}
