using System.Globalization;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>The layers against exact arithmetic on hostile data, and the arithmetic against what is known.</summary>
public sealed class AccuracyCheckTests
{
    // At other widths the bits are the same, as the tests of the same bits see to.
    [Fact]
    [Trait("Duration", "long")]
    public void Run_AllLayers_StayWithinTheirBounds()
    {
        IReadOnlyList<AccuracyRow> rows = AccuracyCheck.Run(cancellationToken: TestContext.Current.CancellationToken);
        foreach (AccuracyRow row in rows)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{row.Layer,-12} {row.Data,-28} {row.Output,-16} {row.WorstError,8:0.000} of {row.Bound}"));
        }

        // y, dx, dγ and, but for RMS normalization, dβ of five layers on 18 kinds of data; running statistics of one on all that are finite. Instances need positions, so no million rows of them.
        // Of seven more, on the 16 kinds without a million rows: three have γ and β, three γ, and one neither.
        Assert.Equal(4 * 18 * 4 - 2 * 4 + 18 * 3 + (18 - 1) * 2 + 16 * (3 * 4 + 3 * 3 + 2), rows.Count);
        Assert.DoesNotContain(rows, r => !r.Passed);
        Assert.True(rows.Max(r => r.WorstError) > 0.4, "Errors below half an ulp everywhere would mean that nothing was measured.");
    }

    [Fact]
    public void Run_Cancelled_Throws()
    {
        CancellationToken cancelled = new(canceled: true);
        Assert.Throws<OperationCanceledException>(() => AccuracyCheck.Run(cancellationToken: cancelled));
        Assert.Throws<OperationCanceledException>(() => AccuracySearch.Run(cancellationToken: cancelled));
    }

    [Theory]
    [InlineData(2.0)]
    [InlineData(1e-80)]
    [InlineData(3e60)]
    public void ReciprocalRoot_Squared_IsTheReciprocal(double value)
    {
        ExactNumber root = ExactNumber.From(value).ReciprocalRoot();
        double product = (root * root * ExactNumber.From(value)).ToDouble();
        Assert.Equal(1, product, 1e-15);
        Assert.Equal(1 / Math.Sqrt(value), root.ToDouble(), 1e-15 / Math.Sqrt(value));
    }

    [Fact]
    public void ExactNumber_OfAnyDouble_IsThatDouble()
    {
        foreach (double value in (double[])[0, 1, -1.5, 1e30, -1e-30, float.Epsilon, float.MaxValue, Math.PI])
        {
            Assert.Equal(value, ExactNumber.From(value).ToDouble());
        }
    }

    [Fact]
    public void DoubleDouble_RandomFormulas_AgreeWithExactNumbersToAHundredBits()
    {
        RandomSource random = new(3);
        for (int round = 0; round < 2000; round++)
        {
            (double a, double b) = (Draw(), Draw());
            int n = 1 + random.NextInt(1_000_000);
            Check(Formula<DoubleDouble>(a, b, n), Formula<ExactNumber>(a, b, n));
        }

        // Where the first doubles of two numbers cancel, the second ones are left.
        DoubleDouble third = DoubleDouble.From(1) / 3;
        Assert.Equal(Math.ScaleB(1.0 / 3, -54), (third - DoubleDouble.From(1.0 / 3)).ToDouble(), Math.ScaleB(1, -104));

        double Draw() => Math.ScaleB(random.NextNormal(), random.NextInt(200) - 100);

        static T[] Formula<T>(double x, double y, int n)
            where T : struct, IOracleNumber<T>
        {
            (T a, T b) = (T.From(x), T.From(y));
            T third = a / 3;
            return [a + b, a * b, third, third * third + b * b, (third * third).ReciprocalRoot(), (b / n).Absolute(), T.From(1) / n + T.From(1)];
        }

        static void Check(DoubleDouble[] actual, ExactNumber[] expected)
        {
            for (int i = 0; i < actual.Length; i++)
            {
                ExactNumber first = ExactNumber.From(actual[i].ToDouble());
                ExactNumber second = ExactNumber.From((actual[i] - DoubleDouble.From(actual[i].ToDouble())).ToDouble());
                double error = (expected[i] - first - second).Absolute().ToDouble();
                Assert.True(error <= Math.ScaleB(Math.Abs(actual[i].ToDouble()), -100), $"formula {i}: off by {error} of {actual[i].ToDouble()}");
            }
        }
    }

    [Fact]
    public void ErrorOf_ResultOneUlpOff_IsOne()
    {
        ExactNormalization<ExactNumber>.Bounded bounded = new(ExactNumber.From(1.5), ExactNumber.From(1.5));
        Assert.Equal(0, bounded.ErrorOf(1.5f));
        Assert.Equal(1, bounded.ErrorOf(MathF.BitIncrement(1.5f)));
        Assert.Equal(0.25, new ExactNormalization<ExactNumber>.Bounded(ExactNumber.From(1.5), ExactNumber.From(-4)).ErrorOf(MathF.BitIncrement(1.5f)));
        Assert.True(double.IsNaN(bounded.ErrorOf(float.PositiveInfinity)));
    }

    [Theory]
    [InlineData(Statistic.MeanAndVariance)]
    [InlineData(Statistic.RootMeanSquare)]
    [InlineData(Statistic.L2)]
    public void ExactNormalization_OfFloats_IsTheReferenceInDouble(Statistic statistic)
    {
        float[] x = Samples.Normal(33);
        float[] dy = Samples.Upstream(33);
        float[] gamma = Samples.Normal(33, mean: 1.2, seed: 3);
        float[] beta = Samples.Normal(33, seed: 4);
        NormReference norm = new(IndexSets.All, IndexSets.Columns()) { Statistic = statistic, Epsilon = 0.01, Gamma = Compare.Widen(gamma), Beta = Compare.Widen(beta) };
        double[] y = norm.Forward(Compare.Widen(x), (1, 33));
        double[] dx = norm.Backward(Compare.Widen(dy));

        ExactNormalization<ExactNumber> exact = new(x, dy, gamma, beta, statistic, 0.01);
        Compare.Within(y, Array.ConvertAll(exact.Y, v => v.Exact.ToDouble()), 1e-14, "y");
        Compare.Within(dx, Array.ConvertAll(exact.Dx, v => v.Exact.ToDouble()), 1e-14, "dx");
        Assert.Equal(norm.Mean[0], exact.Mean.ToDouble(), 1e-15);
        Assert.Equal(norm.Variance[0], exact.Variance.ToDouble(), 1e-13);
    }
}
