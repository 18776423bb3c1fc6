using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>The accuracy check of layers and loops that are not the library's: right ones pass, and careless ones fail on the data that break them.</summary>
public sealed class AccuracyCheckOfYoursTests
{
    [Fact]
    [Trait("Duration", "long")]
    public void Of_OurFunctions_Pass()
    {
        AssertPassed(AccuracyCheck.Of("ours", (x, gamma, beta, epsilon) =>
        {
            float[] y = new float[x.Length];
            Functional.LayerNorm(x, gamma.Length, gamma, beta, epsilon, y);
            return y;
        }));
        AssertPassed(AccuracyCheck.Of(
            "ours",
            (x, gamma, _, epsilon) =>
            {
                float[] y = new float[x.Length];
                Functional.RmsNorm(x, gamma.Length, gamma, epsilon, y);
                return y;
            },
            Statistic.RootMeanSquare));

        static void AssertPassed(IReadOnlyList<AccuracyRow> rows)
        {
            Assert.Equal(HostileData.All.Count(d => d.Sizes.Count > 0), rows.Count);
            Assert.All(rows, r => Assert.True(r.Passed && r.Output == "y" && r.Layer == "ours", $"{r}"));
            Assert.Contains(rows, r => r.WorstError > 0.4);
        }
    }

    // A mean of squares less the square of the mean, in float: right on data around 0, and nothing of it is right where the mean is large.
    [Fact]
    [Trait("Width", "any")]
    public void Of_VarianceOfMomentsInFloat_FailsWhereTheMeanIsLarge()
    {
        Dictionary<string, AccuracyRow> rows = AccuracyCheck.Of("moments", Moments).ToDictionary(r => r.Data);
        Assert.True(rows["normal, mean 0"].WorstError < 100, $"{rows["normal, mean 0"]}");
        Assert.False(rows["normal, mean 1000"].Passed);
        Assert.True(rows["normal, mean 1000"].WorstError > 1000 || double.IsNaN(rows["normal, mean 1000"].WorstError), $"{rows["normal, mean 1000"]}");
        Assert.False(rows["normal, mean 1e6"].Passed);
    }

    [Fact]
    [Trait("Width", "any")]
    public void Of_Layers_MeasuresBothPassesAndFindsAMissingTerm()
    {
        IReadOnlyList<AccuracyRow> right = AccuracyCheck.Of((features, epsilon) => new Rms(features, epsilon, complete: true), Statistic.RootMeanSquare);
        IReadOnlyList<AccuracyRow> wrong = AccuracyCheck.Of((features, epsilon) => new Rms(features, epsilon, complete: false), Statistic.RootMeanSquare);
        Assert.Equal(3 * HostileData.All.Count, right.Count);
        Assert.All(right, r => Assert.True(r.Passed, $"{r}"));
        Assert.All(wrong, r => Assert.True(r.Passed || r.Output == "dx", $"{r}"));
        Assert.False(wrong.Single(r => r.Output == "dx" && r.Data == "normal, mean 0").Passed);
    }

    [Fact]
    public void Of_WrongArguments_Throw()
    {
        Assert.Throws<ArgumentException>(() => AccuracyCheck.Of("short", (x, _, _, _) => x[1..]));
        Assert.Throws<ArgumentOutOfRangeException>(() => AccuracyCheck.Of("undefined", (x, _, _, _) => x, (Statistic)9));
        Assert.Throws<ArgumentNullException>(() => AccuracyCheck.Of(null!, (x, _, _, _) => x));
        Assert.Throws<ArgumentNullException>(() => AccuracyCheck.Of("none", null!));
        Assert.Throws<ArgumentNullException>(() => AccuracyCheck.Of(null!));
        Assert.Contains(" elements, got null", Assert.Throws<ArgumentException>("forward", () => AccuracyCheck.Of("null", (_, _, _, _) => null!)).Message, StringComparison.Ordinal);
        Assert.Contains("rows of 1 elements, got null", Assert.Throws<ArgumentException>("create", () => AccuracyCheck.Of((_, _) => null!)).Message, StringComparison.Ordinal);
        Assert.Contains("got null", Assert.Throws<ArgumentException>("create", () => AccuracyCheck.Of((width, _) => width > 100 ? null! : new RmsNorm(width))).Message, StringComparison.Ordinal);
        Assert.Contains("the input's shape (3, 1), got (3, 2)", Assert.Throws<ArgumentException>("create", () => AccuracyCheck.Of((width, _) => new Linear(width, 2, new RandomSource(1)))).Message, StringComparison.Ordinal);
        Assert.Contains("1 elements in 'gamma' of a layer for rows of 1, got 2", Assert.Throws<ArgumentException>("create", () => AccuracyCheck.Of((_, epsilon) => new Rms(2, epsilon, complete: true))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("create", () => AccuracyCheck.Of((width, _) => new RmsNorm(width + 1)));
    }

    private static float[] Moments(float[] x, float[] gamma, float[] beta, double epsilon)
    {
        int C = gamma.Length;
        float[] y = new float[x.Length];
        for (int start = 0; start < x.Length; start += C)
        {
            (float sum, float squares) = (0, 0);
            for (int c = 0; c < C; c++)
            {
                sum += x[start + c];
                squares += x[start + c] * x[start + c];
            }

            float mean = sum / C;
            float rstd = 1 / MathF.Sqrt(squares / C - mean * mean + (float)epsilon);
            for (int c = 0; c < C; c++)
            {
                y[start + c] = (x[start + c] - mean) * rstd * gamma[c] + beta[c];
            }
        }

        return y;
    }

    /// <summary>RMS normalization in double with γ, whole or with a backward pass without what goes through the mean square.</summary>
    private sealed class Rms(int features, double epsilon, bool complete) : Layer("rms")
    {
        private readonly Parameter _gamma = new("gamma", features, fill: 1);

        public override IReadOnlyList<Parameter> Parameters => [_gamma];

        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
        {
            for (int i = 0; i < x.Length; i++)
            {
                y[i] = (float)(_gamma.Value[i % features] * (double)x[i] * Factor(x, i / features));
            }
        }

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
        {
            double[] sums = new double[features];
            for (int row = 0; row < x.Length / features; row++)
            {
                (double r, double mean) = (Factor(x, row), 0);
                for (int c = 0; c < features; c++)
                {
                    int i = row * features + c;
                    mean += _gamma.Value[c] * (double)dy[i] * x[i] * r / features;
                    sums[c] += dy[i] * (double)x[i] * r;
                }

                for (int c = 0; c < features; c++)
                {
                    int i = row * features + c;
                    dx[i] = (float)(r * (_gamma.Value[c] * (double)dy[i] - (complete ? x[i] * r * mean : 0)));
                }
            }

            for (int c = 0; c < features; c++)
            {
                _gamma.Gradient[c] += (float)sums[c];
            }
        }

        private double Factor(ReadOnlySpan<float> x, int row)
        {
            double squares = 0;
            foreach (float value in x.Slice(row * features, features))
            {
                squares += (double)value * value;
            }

            return 1 / Math.Sqrt(squares / features + epsilon);
        }
    }
}
