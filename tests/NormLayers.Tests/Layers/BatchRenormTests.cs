using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Batch renormalization: batch normalization with R = 1 and D = 0, evaluation's output without limits, and the reference between.</summary>
public sealed class BatchRenormTests
{
    private static readonly RenormLimits s_without = new(double.PositiveInfinity, double.PositiveInfinity);

    public static TheoryData<Shape> Shapes =>
        [new Shape(6, 35), new Shape(40, 3), new Shape(5, 3, 7), new Shape(5, 3, 40), new Shape(4, 9, 3, 3), new Shape(3, 2, 2, 3, 5)];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Passes_WithoutCorrection_HaveTheBitsOfBatchNorm(Shape shape)
    {
        foreach (bool relu in (bool[])[false, true])
        {
            foreach (RenormLimits limits in (RenormLimits[])[new(1, 0), RenormLimits.Paper])
            {
                BatchRenorm layer = Layer(shape[1], limits, relu: relu);
                BatchNorm plain = new(shape[1], relu: relu);
                GhostBatchNormTests.Fill(plain, 3);
                (float[] x, float[] dy) = GhostBatchNormTests.Data(shape);
                Samples.Normal(shape[1], seed: 9).CopyTo(plain.Running!.Mean, 0);
                Compare.SameBits(Samples.Forward(plain, x, shape), Samples.Forward(layer, x, shape), "y");
                Compare.SameBits(Samples.Backward(plain, x, dy), Samples.Backward(layer, x, dy), "dx");
                Compare.SameBits(plain.Gamma!.Gradient, layer.Gamma!.Gradient, "dGamma");
                Compare.SameBits(plain.Beta!.Gradient, layer.Beta!.Gradient, "dBeta");
                Compare.SameBits(plain.Running.Mean, layer.Running!.Mean, "running mean");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_WithoutLimits_IsEvaluationsOutput(Shape shape)
    {
        BatchRenorm layer = Layer(shape[1], s_without);
        (float[] x, _) = GhostBatchNormTests.Data(shape);
        layer.Training = false;
        float[] evaluation = Samples.Forward(layer, x, shape);
        Compare.Within(layer.CreateReference().Forward(Compare.Widen(x), shape), evaluation, 4e-6, "evaluation");
        layer.Training = true;
        Compare.Within(Compare.Widen(evaluation), Samples.Forward(layer, x, shape), 4e-6, "y");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Passes_EachKindOfData_AreTheReferences(Shape shape)
    {
        foreach (RenormLimits limits in (RenormLimits[])[s_without, new(1.1, 0.3), new(3, 5), new(1, 2), new(2, 0)])
        {
            foreach ((double offset, double spread, double epsilon) in ((double, double, double)[])[(0.5, 1, 1e-5), (3, 2, 0), (1e6, 1, 1e-5), (0.1, 1e30, 1e-5), (0, 1e-30, 0)])
            {
                BatchRenorm layer = Layer(shape[1], limits, epsilon);
                float[] x = Samples.Normal(shape.Length, offset, spread);
                for (int i = 0; i < x.Length; i++)
                {
                    // One constant channel.
                    x[i] = i / (shape.Length / shape[0] / shape[1]) % shape[1] == 1 ? (float)offset : x[i];
                }

                Matches(layer, x, Samples.Upstream(shape.Length), shape, offset / spread > 1e4);
            }
        }
    }

    [Theory]
    [InlineData(false, 1.2, 0.3)]
    [InlineData(true, 1.2, 0.3)]
    [InlineData(false, 100, 100)]
    [InlineData(false, 1, 0)]
    public void GradientCheck_RAndDHeld_Agrees(bool relu, double rMax, double dMax)
    {
        BatchRenorm layer = Layer(3, new RenormLimits(rMax, dMax), relu: relu, onePlusGamma: relu);
        foreach (Shape shape in (ReadOnlySpan<Shape>)[(7, 3), (4, 3, 2, 2)])
        {
            GradientReport report = GradientCheck.Check(layer.CreateReference(), shape);
            Assert.True(report.Passed && report.Tensors.Count == 3, report.ToString());
            float[] running = [.. layer.Running!.Mean, .. layer.Running.Deviation];
            report = GradientCheck.Check(layer, shape);
            Assert.True(report.Passed, report.ToString());
            Assert.NotEqual(running, [.. layer.Running.Mean, .. layer.Running.Deviation]);
        }
    }

    [Fact]
    public void Limits_Paper_GrowLinearlyAfterTheWarmUp()
    {
        foreach ((long step, double rMax, double dMax) in ((long, double, double)[])[(0, 1, 0), (4_999, 1, 0), (5_000, 1, 0), (15_000, 1 + 2 * 10_000 / 35_000.0, 2.5), (25_000, 1 + 2 * 20_000 / 35_000.0, 5), (40_000, 3, 5), (long.MaxValue, 3, 5)])
        {
            (double r, double d) = RenormLimits.Paper.At(step);
            Assert.Equal(rMax, r, 1e-12);
            Assert.Equal(dMax, d, 1e-12);
        }

        Assert.Equal((3, 5), new RenormLimits(3, 5).At(0));
        RenormLimits endless = s_without with { WarmUpSteps = 2, RMaxSteps = 4, DMaxSteps = 1 };
        Assert.Equal((1, 0), endless.At(1));
        Assert.Equal((1, double.PositiveInfinity), endless.At(2));
        Assert.Equal((double.PositiveInfinity, double.PositiveInfinity), endless.At(3));
        Assert.Equal("rMax", Assert.Throws<ArgumentOutOfRangeException>(() => new RenormLimits(0.5, 0)).ParamName);
        Assert.Equal("dMax", Assert.Throws<ArgumentOutOfRangeException>(() => new RenormLimits(1, double.NaN)).ParamName);
        Assert.Equal("WarmUpSteps", Assert.Throws<ArgumentOutOfRangeException>(() => new RenormLimits(1, 0) { WarmUpSteps = -1 }).ParamName);
    }

    [Fact]
    public void CreateReference_MaskChangedLater_KeepsItsOwn()
    {
        BatchRenorm layer = new(2, new RenormLimits(3, 5)) { Mask = [true, true, false, true] };
        float[] x = [1, 2, 3, 5, 8, 13, 21, 34];
        ReferenceLayer reference = layer.CreateReference();
        float[] masked = Samples.Forward(layer, x, (4, 2));
        layer.Mask = null;

        double[] y = reference.Forward(Compare.Widen(x), (4, 2));

        Compare.Within(y, masked, 1e-6, "y");
    }

    [Fact]
    public void Forward_Steps_FollowTheSchedule()
    {
        RenormLimits limits = new(2, 1) { WarmUpSteps = 2, RMaxSteps = 4, DMaxSteps = 4 };
        BatchRenorm layer = new(2, limits);
        BatchNorm plain = new(2);
        Shape shape = (8, 2);
        for (int step = 0; step < 4; step++)
        {
            float[] x = Samples.Normal(16, 3, 2, seed: (ulong)step + 1);
            double distance = Compare.Widen(Samples.Forward(plain, x, shape)).Zip(Samples.Forward(layer, x, shape), (a, b) => Math.Abs(a - b)).Max();
            Assert.Equal(step > 2, distance > 0);
        }

        Assert.Equal(4, layer.Running!.BatchesSeen);
    }

    [Fact]
    public void RunningDeviation_Zero_CorrectsNothing()
    {
        Shape shape = (6, 20);
        BatchRenorm layer = new(20, s_without, epsilon: 0);
        layer.Running!.Deviation[3] = 0;
        layer.Running.Deviation[17] = 0;
        (float[] x, float[] dy) = GhostBatchNormTests.Data(shape);
        BatchNorm plain = new(20, epsilon: 0);
        float[] y = Samples.Forward(layer, x, shape);
        float[] expected = Samples.Forward(plain, x, shape);
        Assert.All(Enumerable.Range(0, 6), n => Assert.Equal((expected[n * 20 + 3], expected[n * 20 + 17]), (y[n * 20 + 3], y[n * 20 + 17])));
        Assert.NotEqual(expected[4], y[4]);
        Assert.All(Samples.Backward(layer, x, dy), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void NonFinite_Batch_FollowsThePolicy()
    {
        float[] x = Samples.Normal(12);
        x[4] = float.NaN;
        BatchRenorm skipping = new(3, new RenormLimits(3, 5));
        float[] y = Samples.Forward(skipping, x, (4, 3));
        Assert.True(float.IsNaN(y[1]) && float.IsFinite(y[0]));
        Assert.Equal((1f, 1L, 1L), (skipping.Running!.Deviation[1], skipping.Running.BatchesSeen, skipping.Running.SkippedUpdates));
        Assert.NotEqual(1f, skipping.Running.Deviation[0]);
        BatchRenorm throwing = new(3, new RenormLimits(3, 5), nonFinite: NonFiniteStatistics.Throw);
        Assert.Throws<InvalidOperationException>(() => Samples.Forward(throwing, x, (4, 3)));
        Compare.AllEqual(1, throwing.Running!.Deviation, "deviation");
    }

    [Fact]
    public void State_NamesAndReset_AreThoseOfDeviations()
    {
        BatchRenorm layer = Layer(3, new RenormLimits(3, 5));
        Assert.Equal(
            ["weight", "bias", "running_mean", "running_std", "num_batches_tracked", "num_batches_skipped"], layer.NamedState.Select(s => s.Name));
        Assert.Empty(layer.Running!.Variance);
        layer.Running.Reset();
        Compare.AllEqual(1, layer.Running.Deviation, "deviation");
        Assert.False(layer.IgnoresInputScale);
        Assert.Equal("limits", Assert.Throws<ArgumentNullException>(() => new BatchRenorm(3, null!)).ParamName);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Samples.Forward(layer, new float[3], (1, 3)));
        Assert.StartsWith("Expected more than 1 value per channel for batchrenorm, because training", error.Message, StringComparison.Ordinal);
        layer.FreezeStatistics = true;
        Assert.All(Samples.Forward(layer, new float[3], (1, 3)), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void Functions_Passes_HaveTheBitsOfTheLayer()
    {
        Shape shape = (6, 5, 3);
        BatchRenorm layer = Layer(5, new RenormLimits(1.2, 0.4));
        (float[] x, float[] dy) = GhostBatchNormTests.Data(shape);
        NormStatistics statistics = new();
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = (new float[x.Length], new float[x.Length], new float[5], new float[5]);
        Functional.BatchRenormTraining(
            x, shape, layer.Running!.Mean, layer.Running.Deviation, layer.Limits.At(0), layer.Gamma!.Value, layer.Beta!.Value, layer.Epsilon, y, statistics);
        Functional.BatchNormBackward(x, dy, shape, layer.Gamma.Value, statistics, dx, dGamma, dBeta);
        Assert.Contains(statistics.R.ToArray(), r => r is not 1);
        Assert.Equal(5, statistics.D.Length);
        Compare.SameBits(Samples.Forward(layer, x, shape), y, "y");
        Compare.SameBits(Samples.Backward(layer, x, dy), dx, "dx");
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
        Compare.SameBits(layer.Beta.Gradient, dBeta, "dBeta");
        Functional.BatchNormTraining(x, shape, Functional.Ones, Functional.Zeros, 1e-5, y, statistics);
        Assert.True(statistics.R.IsEmpty);
        Assert.Equal("limits", Assert.Throws<ArgumentOutOfRangeException>(() => Functional.BatchRenormTraining(
            x, shape, layer.Running.Mean, layer.Running.Deviation, (0.9, 0), Functional.Ones, Functional.Zeros, 1e-5, y, statistics)).ParamName);
    }

    [Fact]
    public void Passes_SteadyState_AllocateNothing()
    {
        BatchRenorm layer = Layer(5, new RenormLimits(1.2, 0.4), relu: true);
        (float[] x, float[] dy) = GhostBatchNormTests.Data((11, 5));
        (float[] y, float[] dx) = (new float[x.Length], new float[x.Length]);
        void Step()
        {
            layer.Forward(x, (11, 5), y);
            layer.Backward(x, dy, dx);
        }

        Step();
        Assert.Equal(0, Allocations.Of(Step));
    }

    private static BatchRenorm Layer(int features, RenormLimits limits, double epsilon = 1e-5, bool relu = false, bool onePlusGamma = false)
    {
        BatchRenorm layer = new(features, limits, epsilon, Momentum.NewWeight(0.1), relu: relu, onePlusGamma: onePlusGamma);
        GhostBatchNormTests.Fill(layer, 3);
        Samples.Normal(features, seed: 9).CopyTo(layer.Running!.Mean, 0);
        Array.ConvertAll(Samples.Normal(features, 0, 0.4, seed: 10), MathF.Exp).CopyTo(layer.Running.Deviation, 0);
        return layer;
    }

    // y and dx within 4u, dγ, dβ and running statistics within 2u, with u a float ulp of the largest term of the last sum.
    private static void Matches(BatchRenorm layer, float[] x, float[] dy, Shape shape, bool hasOffset)
    {
        int C = shape[1];
        ReferenceLayer norm = layer.CreateReference();
        (double[] runningMean, double[] runningDeviation) = (Compare.Widen(layer.Running!.Mean), Compare.Widen(layer.Running.Deviation));
        (double Mean, double Deviation, double R, double D)[] statistics = BatchRenormReference.Statistics(
            Compare.Widen(x), IndexSets.Channels.Of(shape), layer.Epsilon, runningMean, runningDeviation, layer.Limits.At(layer.Running.BatchesSeen));
        double[] y = norm.Forward(Compare.Widen(x), shape);
        double[] dx = norm.Backward(Compare.Widen(dy));
        float[] actualY = Samples.Forward(layer, x, shape);
        float[] actualDx = Samples.Backward(layer, x, dy);
        int positions = shape.Length / shape[0] / C;
        double doublePart = hasOffset ? 1e-7 : 1e-12; // What a double mean of 10⁶ standard deviations loses, times m.
        for (int i = 0; i < x.Length; i++)
        {
            int c = i / positions % C;
            (double gamma, double beta) = (layer.Gamma!.Value[c], layer.Beta!.Value[c]);
            (double mean, double deviation, double R, double D) = statistics[c];
            double z = deviation == 0 ? 0 : (x[i] - mean) / deviation;
            double terms = new[] { gamma * R * z, beta + gamma * D, beta, gamma * D, y[i] }.Max(Math.Abs);
            Close(y[i], actualY[i], Tolerance.Element(terms) + doublePart * Math.Abs(gamma * R), $"y[{i}]");
            double scale = deviation == 0 ? 0 : Math.Abs(gamma * R / deviation) * (6 + z * z);
            Close(dx[i], actualDx[i], Tolerance.Element(scale) + doublePart * scale, $"dx[{i}]");
        }

        for (int c = 0; c < C; c++)
        {
            (double mean, double deviation, double R, double D) = statistics[c];
            double size = x.Length / C * (3 * Math.Abs(R) + Math.Abs(D));
            Close(norm.Parameters[0].Gradient[c], layer.Gamma!.Gradient[c], Tolerance.Sum(size) + doublePart * size, "dGamma");
            Close(norm.Parameters[1].Gradient[c], layer.Beta!.Gradient[c], Tolerance.Sum(norm.Parameters[1].Gradient[c]), "dBeta");
            Close(0.9 * runningMean[c] + 0.1 * mean, layer.Running.Mean[c], Tolerance.Sum(Math.Max(Math.Abs(runningMean[c]), Math.Abs(mean))), "running mean");
            Close(0.9 * runningDeviation[c] + 0.1 * deviation, layer.Running.Deviation[c], Tolerance.Sum(Math.Max(runningDeviation[c], deviation)), "running deviation");
        }
    }

    private static void Close(double expected, float actual, double allowed, string what) =>
        Assert.True((float.IsInfinity((float)expected) && float.IsInfinity(actual)) || Math.Abs(expected - actual) <= allowed, FormattableString.Invariant($"{what}: {expected:r} and {actual:r} differ by more than {allowed:g3}."));

    // With mean, deviation, R and D as constants, y is a line in x of the slope γ·R/s; at 10⁻³³ the slope fits no float.
    [Theory]
    [InlineData(6, 5, 1, 1)]
    [InlineData(4, 20, 1, 1)]
    [InlineData(3, 4, 7, 1)]
    [InlineData(2, 3, 40, 1)]
    [InlineData(4, 20, 1, 1e-33)]
    [InlineData(2, 3, 40, 1e-33)]
    public void FunctionalBackward_StatisticsAsConstants_HasTheSlopeOfTheForwardPass(int rows, int channels, int length, double scale)
    {
        Shape shape = (rows, channels, length);
        float[] x = Array.ConvertAll(Samples.Normal(shape.Length, 0.5, 1.5, seed: 1), v => (float)(scale * v));
        float[] dy = Array.ConvertAll(Samples.Upstream(shape.Length), v => v / 1000);
        float[] gamma = Samples.Normal(channels, 1, 0.3, seed: 3);
        float[] deviation = Array.ConvertAll(Samples.Normal(channels, 0, 0.4, seed: 4), v => (float)(scale * MathF.Exp(v)));
        NormStatistics statistics = new();
        (float[] y, float[] dx, float[] dGamma) = (new float[x.Length], new float[x.Length], new float[channels]);
        Functional.BatchRenormTraining(x, shape, new float[channels], deviation, (10, 10), gamma, Functional.Zeros, epsilon: 0, y, statistics);
        Assert.DoesNotContain(1, statistics.R.ToArray());
        Functional.BatchNormBackward(x, dy, shape, gamma, statistics, dx, dGamma, default, batchStatistics: false);

        double[] expected = new double[x.Length];
        double[] expectedDGamma = new double[channels];
        double[] terms = new double[channels];
        for (int i = 0; i < x.Length; i++)
        {
            int c = i / length % channels;
            double xHat = statistics.R[c] * (x[i] - statistics.Mean[c]) * statistics.Rstd[c] + statistics.D[c];
            expected[i] = gamma[c] * statistics.R[c] * statistics.Rstd[c] * dy[i];
            expectedDGamma[c] += dy[i] * xHat;
            terms[c] += Math.Abs(dy[i]) * (3 * statistics.R[c] + Math.Abs(statistics.D[c]));
        }

        Compare.Within(expected, dx, Array.ConvertAll(expected, e => Tolerance.Element(Math.Abs(e))), "dx");
        Compare.Within(expectedDGamma, dGamma, Array.ConvertAll(terms, Tolerance.Sum), "dGamma");
    }

    [Fact]
    public void ReferenceUpdateRunning_AllMasked_ChangesNothingAsTheLayer()
    {
        BatchRenorm layer = Layer(2, new RenormLimits(3, 5));
        (float[] mean, float[] deviation) = ([.. layer.Running!.Mean], [.. layer.Running.Deviation]);
        layer.Mask = [false, false];
        (double[] referenceMean, double[] referenceDeviation) = (Compare.Widen(mean), Compare.Widen(deviation));
        int[][] none = [[], []];
        Samples.Forward(layer, [1, 4, 2, 5], (2, 2));
        BatchRenormReference.UpdateRunning(none, BatchRenormReference.Statistics([1, 4, 2, 5], none, 1e-5, referenceMean, referenceDeviation, (3, 5)), 0.1, referenceMean, referenceDeviation);
        Assert.Equal(mean, layer.Running.Mean);
        Assert.Equal(Compare.Widen(mean), referenceMean);
        Assert.Equal(deviation, layer.Running.Deviation);
        Assert.Equal(Compare.Widen(deviation), referenceDeviation);
    }
}
