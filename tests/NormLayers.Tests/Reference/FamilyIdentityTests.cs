using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Reference;

/// <summary>What the papers say of the layers' relations: each is the same function as another on other sets.</summary>
public sealed class FamilyIdentityTests
{
    private const double Roundings = 1e-13;
    private static readonly Shape s_shape = (3, 6, 5);

    // Wu, He 2018, §3: group normalization with one group normalizes as layer normalization, with C groups as instance normalization.
    [Fact]
    public void GroupNorm_OneGroup_HasTheBitsOfLayerNorm() => SameBits(Pass(IndexSets.Rows(2), s_shape), Pass(IndexSets.Groups(1), s_shape));

    [Fact]
    public void GroupNorm_AsManyGroupsAsChannels_HasTheBitsOfInstanceNorm() => SameBits(Pass(IndexSets.Instances, s_shape), Pass(IndexSets.Groups(6), s_shape));

    [Fact]
    public void BatchNorm_SamplesAsChannels_HasTheBitsOfInstanceNorm() =>
        SameBits(Pass(IndexSets.Instances, s_shape, IndexSets.Instances), Pass(IndexSets.Channels, (1, 18, 5)));

    [Fact]
    public void BatchNorm_LengthOneTransposed_IsLayerNorm()
    {
        NormReference rows = new(IndexSets.Rows(), IndexSets.All);
        NormReference columns = new(IndexSets.Channels, IndexSets.All);
        double[] x = X(28);
        double[] dy = Dy(28);
        Verify.SameBits("y", rows.Forward(x, (4, 7)), Transposed(columns.Forward(Transposed(x, 4), (7, 4)), 7));
        Verify.SameBits("dx", rows.Backward(dy), Transposed(columns.Backward(Transposed(dy, 4)), 7));
    }

    // Zhang, Sennrich 2019, §4: where the mean of a row is 0, RMSNorm is layer normalization; its dx is the part without a mean.
    [Fact]
    public void RmsNorm_CentredRows_IsLayerNorm()
    {
        // Sixteenths in pairs: their mean is exactly 0.
        double[] half = [.. X(40).Select(v => Math.Round(v * 16) / 16)];
        double[] x = [.. half.Chunk(8).SelectMany(row => row.Concat(row.Select(v => -v)))];
        double[] dy = Dy(x.Length);
        NormReference ln = new(IndexSets.Rows(), IndexSets.All);
        NormReference rms = new(IndexSets.Rows(), IndexSets.All) { Statistic = Statistic.RootMeanSquare };
        Verify.SameBits("y", ln.Forward(x, (5, 16)), rms.Forward(x, (5, 16)));
        double[] dx = rms.Backward(dy);
        double[] centred = [.. dx.Chunk(16).SelectMany(row => row.Select(v => v - row.Average()))];
        Compare.Within(centred, ln.Backward(dy), Roundings, "dx");
        Assert.True(dx.Zip(centred, (a, b) => Math.Abs(a - b)).Max() > 0.01, "The dx of both is the same here, which says little.");
    }

    // Nguyen, Salazar 2019, §2: RMSNorm is ScaleNorm with g = √m, and ε of the sum is m times that of the mean.
    [Fact]
    public void RmsNorm_RootOfSizeTaken_IsScaleNorm()
    {
        NormReference rms = new(IndexSets.Rows(), IndexSets.All) { Statistic = Statistic.RootMeanSquare, Epsilon = 0.01 };
        NormReference scale = new(IndexSets.Rows(), IndexSets.All) { Statistic = Statistic.L2, Epsilon = 0.07, Gamma = [Math.Sqrt(7)] };
        Compare.Within(rms.Forward(X(28), (4, 7)), scale.Forward(X(28), (4, 7)), Roundings, "y");
        Compare.Within(rms.Backward(Dy(28)), scale.Backward(Dy(28)), Roundings, "dx");
    }

    [Fact]
    public void Evaluation_StatisticsOfTheBatch_IsTraining()
    {
        NormReference training = new(IndexSets.Channels, IndexSets.All);
        double[] y = training.Forward(X(90), s_shape);
        NormReference evaluation = new(IndexSets.Channels, IndexSets.All) { Given = (training.Mean, training.Variance) };
        Verify.SameBits("y", y, evaluation.Forward(X(90), s_shape));
    }

    // Ba, Kiros, Hinton 2016, Table 1, for a = Wx without ε; weight normalization takes the rows of W in place of a.
    [Theory]
    [InlineData("weight matrix re-scaled", true, true, true)]
    [InlineData("weight matrix re-centred", false, false, true)]
    [InlineData("weight vector re-scaled", true, true, false)]
    [InlineData("dataset re-scaled", true, false, true)]
    [InlineData("dataset re-centred", true, false, false)]
    [InlineData("single case re-scaled", false, false, true)]
    public void Outputs_InputsAndWeightsChanged_AreInvariantAsInTheTable(string change, bool batchNorm, bool weightNorm, bool layerNorm)
    {
        (int cases, int inputs, int outputs) = (6, 5, 4);
        double[] w = X(outputs * inputs);
        double[] x = Dy(cases * inputs);
        double[] direction = [0.3, -0.7, 1.1, 0.2, 0.5];
        double[] changedW = [.. w.Select((v, i) => change switch
        {
            "weight matrix re-scaled" => 3 * v,
            "weight matrix re-centred" => v + direction[i % inputs],
            "weight vector re-scaled" => i / inputs == 2 ? 3 * v : v,
            _ => v,
        })];
        double[] changedX = [.. x.Select((v, i) => change switch
        {
            "dataset re-scaled" => 3 * v,
            "dataset re-centred" => v + direction[i % inputs],
            "single case re-scaled" => i / inputs == 2 ? 3 * v : v,
            _ => v,
        })];

        AssertInvariant(batchNorm, x => x, a => Normalized(IndexSets.Columns(), Statistic.MeanAndVariance, a, (cases, outputs)));
        AssertInvariant(weightNorm, w => Normalized(IndexSets.Rows(), Statistic.L2, w, (outputs, inputs)), a => a);
        AssertInvariant(layerNorm, x => x, a => Normalized(IndexSets.Rows(), Statistic.MeanAndVariance, a, (cases, outputs)));

        void AssertInvariant(bool expected, Func<double[], double[]> ofWeights, Func<double[], double[]> ofOutputs)
        {
            double[] before = ofOutputs(Product(x, ofWeights(w)));
            double[] after = ofOutputs(Product(changedX, ofWeights(changedW)));
            double largest = before.Zip(after, (a, b) => Math.Abs(a - b)).Max();
            Assert.True(expected ? largest < Roundings : largest > 0.01, $"{change}: the outputs change by {largest}.");
        }

        double[] Product(double[] x, double[] w) =>
            [.. Enumerable.Range(0, cases * outputs).Select(i => Enumerable.Range(0, inputs).Sum(k => x[i / outputs * inputs + k] * w[i % outputs * inputs + k]))];
    }

    private static double[] Normalized(IndexSets sets, Statistic statistic, double[] x, Shape shape) =>
        new NormReference(sets, IndexSets.All) { Statistic = statistic, Epsilon = 0 }.Forward(x, shape);

    private static (double[] Y, double[] Dx, double[] DGamma, double[] DBeta) Pass(IndexSets sets, Shape shape, IndexSets? parameters = null)
    {
        parameters ??= IndexSets.Channels;
        int count = parameters.Of(shape).Length;
        NormReference norm = new(sets, parameters) { Gamma = [.. X(18)[..count]], Beta = [.. Dy(18)[..count]] };
        return (norm.Forward(X(shape.Length), shape), norm.Backward(Dy(shape.Length)), norm.DGamma!, norm.DBeta!);
    }

    private static void SameBits((double[] Y, double[] Dx, double[] DGamma, double[] DBeta) expected, (double[] Y, double[] Dx, double[] DGamma, double[] DBeta) actual)
    {
        Verify.SameBits("y", expected.Y, actual.Y);
        Verify.SameBits("dx", expected.Dx, actual.Dx);
        Verify.SameBits("dGamma", expected.DGamma, actual.DGamma);
        Verify.SameBits("dBeta", expected.DBeta, actual.DBeta);
    }

    private static double[] Transposed(double[] values, int rows) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[i % rows * (values.Length / rows) + i / rows])];

    private static double[] X(int count) => Compare.Widen(Samples.Normal(count, mean: 0.7, seed: 11));

    private static double[] Dy(int count) => Compare.Widen(Samples.Upstream(count, seed: 12));
}
