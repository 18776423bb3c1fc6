using NormLayers.Network;
using NormLayers.Tests.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class SoftmaxCrossEntropyTests
{
    [Fact]
    public void Evaluate_KnownNumbers_MatchesTheFormula()
    {
        float[] gradient = new float[4];
        (double loss, int correct) = SoftmaxCrossEntropy.Evaluate([1, 1, 0, (float)Math.Log(3)], [0, 1], gradient);
        Assert.Equal((Math.Log(2) + Math.Log(4.0 / 3)) / 2, loss, 1e-7);
        Assert.Equal(2, correct);
        Compare.Within([-0.25, 0.25, 0.125, -0.125], gradient, 1e-8, "gradient");
    }

    [Fact]
    public void Evaluate_RandomLogits_MatchesDoubleAndCentralDifferences()
    {
        const int N = 7;
        const int C = 5;
        float[] logits = Samples.Normal(N * C, 0.5, 3);
        int[] labels = [0, 1, 2, 3, 4, 0, 2];
        float[] gradient = Samples.Constant(N * C, float.NaN);
        (double loss, int correct) = SoftmaxCrossEntropy.Evaluate(logits, labels, gradient);
        double[] z = Compare.Widen(logits);
        Assert.Equal(Loss(z, labels), loss, 1e-13);
        Assert.Equal(labels.Where((label, n) => z.AsSpan(n * C, C).IndexOf(z.AsSpan(n * C, C).ToArray().Max()) == label).Count(), correct);

        double[] numeric = new double[z.Length];
        const double Step = 1e-5;
        for (int i = 0; i < z.Length; i++)
        {
            double value = z[i];
            z[i] = value + Step;
            double above = Loss(z, labels);
            z[i] = value - Step;
            numeric[i] = (above - Loss(z, labels)) / (2 * Step);
            z[i] = value;
        }

        // Rounding to float leaves half an ulp of at most 1/N, the difference quotient about 1e-10.
        Compare.Within(numeric, gradient, Tolerance.Ulp(1.0 / N) + 1e-9, "gradient");
        Assert.True(gradient.Max(Math.Abs) > 100 * (Tolerance.Ulp(1.0 / N) + 1e-9));
        for (int n = 0; n < N; n++)
        {
            Assert.Equal(0, Compare.Widen(gradient.AsSpan(n * C, C)).Sum(), C * Tolerance.Ulp(1.0 / N));
        }
    }

    public static TheoryData<double> Gaps => [.. Enumerable.Range(0, 21).Select(i => 5.0 * i), 0.001, 18, 22, 33.25, 36, 37, 38.5, 87, 101];

    // Two classes, d apart: with p the probability of the lower one, both gradients are ±p exactly, and the loss is -ln(1 - p) = ln(1 + e⁻ᵈ) or ln(1 + eᵈ).
    [Theory]
    [MemberData(nameof(Gaps))]
    public void Evaluate_TwoClassesAnyGap_IsTheNearestFloat(double gap)
    {
        float d = (float)gap;
        foreach (int label in (int[])[0, 1])
        {
            float[] gradient = new float[2];
            (double loss, _) = SoftmaxCrossEntropy.Evaluate([d, 0], [label], gradient);
            double exact = label == 0 ? 1 / (1 + Math.Exp(d)) : 1 / (1 + Math.Exp(-d));
            AssertNear(-exact, gradient[label]);
            AssertNear(exact, gradient[1 - label]);
            double ofLabel = ElementaryKernelTests.ExactLogOfOnePlus(Math.Exp(-d));
            Assert.Equal(label == 0 ? ofLabel : d + ofLabel, loss, 1.5e-15 * (label == 0 ? ofLabel : d + 1));
        }
    }

    // The label is first, last or in the middle; the others' gaps differ, so that their sum is no multiple of one of them.
    [Theory]
    [InlineData(3, 40)]
    [InlineData(10, 25)]
    [InlineData(256, 45)]
    [InlineData(257, 60)]
    [InlineData(1000, 30)]
    [InlineData(5000, 95)]
    public void Evaluate_ManyClassesConfidentRow_KeepsLabelGradientAndLoss(int classes, int gap)
    {
        foreach (int label in (int[])[0, classes / 2, classes - 1])
        {
            float[] logits = new float[3 * classes];
            for (int i = 0; i < logits.Length; i++)
            {
                logits[i] = 7 - gap - i * 37 % 11 / 4f;
            }

            for (int n = 0; n < 3; n++)
            {
                logits[n * classes + label] = 7;
            }

            float[] gradient = new float[logits.Length];
            (double loss, int correct) = SoftmaxCrossEntropy.Evaluate(logits, [label, label, label], gradient);
            double rows = 0;
            for (int n = 0; n < 3; n++)
            {
                double others = 0;
                for (int j = 0; j < classes; j++)
                {
                    others += j == label ? 0 : Math.Exp((double)logits[n * classes + j] - 7);
                }

                for (int j = 0; j < classes; j++)
                {
                    double share = j == label ? -others : Math.Exp((double)logits[n * classes + j] - 7);
                    AssertNear(share / (1 + others) / 3, gradient[n * classes + j]);
                }

                rows += others - others * others / 2 + others * others * others / 3;
            }

            Assert.Equal(3, correct);
            Assert.Equal(rows / 3, loss, 1e-12 * rows);
            Assert.True(loss > 0);
        }
    }

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(1, 20000.0)]
    [InlineData(2, 10000.0)]
    public void Evaluate_LogitsOfTenThousand_StaysFinite(int label, double expected)
    {
        float[] gradient = new float[3];
        (double loss, int correct) = SoftmaxCrossEntropy.Evaluate([1e4f, -1e4f, 0], [label], gradient);
        Assert.Equal(expected, loss);
        Assert.Equal(label == 0 ? 1 : 0, correct);
        Compare.Within([label == 0 ? 0 : 1, label == 1 ? -1 : 0, label == 2 ? -1 : 0], gradient, 0, "gradient");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Evaluate_NaNInARow_IsNeverCorrect(int at)
    {
        float[] logits = [5, 1, 2];
        logits[at] = float.NaN;
        for (int label = 0; label < 3; label++)
        {
            (double loss, int correct) = SoftmaxCrossEntropy.Evaluate(logits, [label], default);
            Assert.True(double.IsNaN(loss));
            Assert.Equal(0, correct);
        }
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(64, 4)]
    [InlineData(65, 4)]
    [InlineData(200, 1)]
    [InlineData(131, 2)]
    [InlineData(3, 256)]
    [InlineData(3, 257)]
    [InlineData(5, 1000)]
    public void Evaluate_AnySize_IsThePlainLoop(int rows, int classes)
    {
        // Quarters tie often.
        float[] logits = Array.ConvertAll(Samples.Normal(rows * classes, 0.5, 3), v => MathF.Round(v * 4) / 4);
        int[] labels = [.. Enumerable.Range(0, rows).Select(n => n * 7 % classes)];
        float[] gradient = Samples.Constant(logits.Length, float.NaN);
        (double loss, int correct) = SoftmaxCrossEntropy.Evaluate(logits, labels, gradient);

        double[] z = Compare.Widen(logits);
        double[] expected = new double[z.Length];
        int hits = 0;
        for (int n = 0; n < rows; n++)
        {
            double[] row = z[(n * classes)..((n + 1) * classes)];
            double sum = row.Sum(Math.Exp);
            hits += Array.IndexOf(row, row.Max()) == labels[n] ? 1 : 0;
            for (int j = 0; j < classes; j++)
            {
                expected[n * classes + j] = (Math.Exp(row[j]) / sum - (j == labels[n] ? 1 : 0)) / rows;
            }
        }

        Assert.Equal(Loss(z, labels), loss, 1e-12);
        Assert.Equal(hits, correct);
        Compare.Within(expected, gradient, Array.ConvertAll(expected, v => Tolerance.Ulp(v) + 1e-15), "gradient");
    }

    [Fact]
    public void Evaluate_NaNInOneOfManyRows_SpoilsTheLossAndThatRowOnly()
    {
        const int N = 130;
        float[] logits = Samples.Normal(N * 3);
        int[] labels = new int[N];
        float[] clean = new float[logits.Length];
        int correct = SoftmaxCrossEntropy.Evaluate(logits, labels, clean).Correct;
        const int Row = 77;
        int before = SoftmaxCrossEntropy.Evaluate(logits.AsSpan(Row * 3, 3), [0], default).Correct;
        logits[Row * 3 + 1] = float.NaN;
        float[] gradient = new float[logits.Length];
        (double loss, int now) = SoftmaxCrossEntropy.Evaluate(logits, labels, gradient);
        Assert.True(double.IsNaN(loss));
        Assert.Equal(correct - before, now);
        Assert.All(gradient[(Row * 3)..(Row * 3 + 3)], g => Assert.True(float.IsNaN(g)));
        Compare.SameBits(clean.AsSpan(0, Row * 3), gradient.AsSpan(0, Row * 3), "the rows before");
        Compare.SameBits(clean.AsSpan(Row * 3 + 3), gradient.AsSpan(Row * 3 + 3), "the rows after");
    }

    [Fact]
    public void Evaluate_InfiniteLogit_IsNotFinite() =>
        Assert.False(double.IsFinite(SoftmaxCrossEntropy.Evaluate([float.PositiveInfinity, 0], [1], default).Loss));

    [Fact]
    public void Evaluate_Tie_TakesTheFirst()
    {
        Assert.Equal(1, SoftmaxCrossEntropy.Evaluate([2, 2, 2], [0], default).Correct);
        Assert.Equal(0, SoftmaxCrossEntropy.Evaluate([2, 2, 2], [1], default).Correct);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(-1)]
    public void Evaluate_LabelOutOfRange_NamesItAndItsRow(int label)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => SoftmaxCrossEntropy.Evaluate(new float[6], [0, label], default));
        Assert.Equal($"Expected class indices 0 to 2, got {label} at row 1. (Parameter 'labels')", error.Message);
    }

    [Fact]
    public void Evaluate_LengthsThatDoNotFit_Throw()
    {
        Assert.Equal("logits", Assert.Throws<ArgumentException>(() => SoftmaxCrossEntropy.Evaluate([], [], default)).ParamName);
        Assert.Equal("logits", Assert.Throws<ArgumentException>(() => SoftmaxCrossEntropy.Evaluate(new float[5], [0, 1], default)).ParamName);
        Assert.Equal("dLogits", Assert.Throws<ArgumentException>(() => SoftmaxCrossEntropy.Evaluate(new float[6], [0, 1], new float[5])).ParamName);
    }

    // Half an ulp, and a little for the double that is rounded; below the normal floats the ulp is the smallest float.
    private static void AssertNear(double exact, float actual)
    {
        double ulp = Math.Max(Math.Abs((double)MathF.BitIncrement(MathF.Abs((float)exact)) - Math.Abs((float)exact)), float.Epsilon);
        Assert.Equal(exact, actual, 0.501 * ulp);
        Assert.True(Math.Abs(exact) < float.Epsilon / 2 || actual != 0);
    }

    private static double Loss(double[] logits, int[] labels)
    {
        int C = logits.Length / labels.Length;
        return labels.Select((label, n) => Math.Log(logits.Skip(n * C).Take(C).Sum(Math.Exp)) - logits[n * C + label]).Average();
    }
}
