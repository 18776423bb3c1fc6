using System.Numerics;
using NormLayers.Normalization;
using NormLayers.Numerics;
using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Kernels;

/// <summary>The float kernel against the double reference, over every row length and hostile offsets.</summary>
public sealed class LayerNormKernelTests
{
    private readonly Sweep _sweep = new(new KernelSubject(Family.LayerNorm));

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e4)]
    [InlineData(1e6)]
    [InlineData(1e7)]
    public void Passes_EveryRowLength_MatchReference(double offset)
    {
        for (int c = 1; c <= 130; c++)
        {
            _sweep.Verify(Problem.Random(5, c, offset: offset));
        }

        _sweep.Print();
    }

    // Up to eight standard deviations a row's sums lose six bits, beyond it is read again: see the table of the domain in docs/numerics.md.
    [Theory]
    [InlineData(0, 3.0e-12)]
    [InlineData(6, 3.0e-12)]
    [InlineData(7.9, 3.0e-12)]
    [InlineData(9, 1e-14)]
    [InlineData(96, 1e-14)]
    [InlineData(10_000, 1e-14)]
    public void Rstd_MeanOfSoManyDeviations_IsWithinItsBound(double mean, double bound)
    {
        const int C = 4096;
        RandomSource random = new(1);
        long[] parts = [.. Enumerable.Range(0, C).Select(_ => (long)Math.Round(1024 * (mean + random.NextNormal())))];
        NormStatistics statistics = new();
        Functional.LayerNorm([.. parts.Select(v => v / 1024f)], C, Functional.Ones, Functional.Zeros, 0, new float[C], statistics: statistics);

        // n²σ² = nΣx² − (Σx)², in 1024ths, which are integers.
        BigInteger squares = parts.Aggregate(BigInteger.Zero, (s, v) => s + v * v);
        BigInteger sum = parts.Sum();
        double exact = C * 1024.0 / Math.Sqrt((double)(C * squares - sum * sum));
        Assert.InRange(Math.Abs(statistics.Rstd[0] / exact - 1), 0, bound);
    }

    [Fact]
    public void Passes_EveryNumberOfRows_MatchReference()
    {
        for (int n = 1; n <= 130; n++)
        {
            _sweep.Verify(Problem.Random(n, 33));
        }

        _sweep.Print();
    }

    [Theory]
    [InlineData(1000, 1000, 0.5)]
    [InlineData(1000, 1000, 1e4)]
    [InlineData(1000, 1000, 1e6)]
    [InlineData(1000, 1, 1e6)]
    [InlineData(1000, 3, 1e4)]
    [InlineData(1, 1000, 1e6)]
    [InlineData(7, 999, 0.5)]
    [InlineData(2, 200_000, 1e7)]
    [InlineData(50_000, 4, 1e6)]
    [InlineData(1_000_000, 3, 1e6)]
    [InlineData(100_000, 4, 1e7)]
    public void Passes_LargeShapes_MatchReference(int rows, int channels, double offset)
    {
        _sweep.Verify(Problem.Random(rows, channels, offset: offset));
        _sweep.Print();
    }

    [Theory]
    [InlineData(1e-40, 1, 1)]
    [InlineData(1e-36, 1, 1)]
    [InlineData(1e-29, 1, 1)]
    [InlineData(1e29, 1, 1)]
    [InlineData(1e36, 1, 1)]
    [InlineData(1e-40, 1, 1e-6)]
    [InlineData(1e-20, 1e-20, 1e-10)]
    [InlineData(1e30, 1e10, 1e10)]
    public void Passes_GradientsOfAnySize_MatchReference(double size, double gammaSize, double spread)
    {
        for (int c = 3; c <= 40; c++)
        {
            Problem problem = Problem.Random(9, c, offset: 0.5 * spread, spread: spread);
            _sweep.Verify(problem with
            {
                Dy = [.. problem.Dy.Select(dy => (float)(size * dy))],
                Gamma = [.. problem.Gamma.Select(g => (float)(gammaSize * g))],
                Epsilon = 1e-5 * spread * spread,
            });
        }

        _sweep.Print();
    }

    [Fact]
    public void Passes_OneValueFartherFromTheMeanThanTheLargestFloat_MatchReference()
    {
        const int channels = 300_000; // So many, that rstd is a factor that fits.
        Problem problem = Problem.Random(1, channels) with { X = [.. Enumerable.Repeat(9e37f, channels - 1), -3.4e38f] };
        _sweep.Verify(problem);
        _sweep.Print();
        Assert.DoesNotContain(new KernelSubject(Family.LayerNorm).Run(problem with { Dy = new float[channels] }).Dx!, dx => dx != 0);
    }

    [Theory]
    [InlineData(1e-35f, 1e5f, 1f)]
    [InlineData(3.3e38f, 0f, 1e10f)]
    public void Backward_RstdOutsideTheRangeOfFactorsAndNoSlope_IsRstdTimesTheGradient(float spread, float mean, float size)
    {
        Problem problem = Problem.Random(1, 4) with
        {
            X = [spread, -spread, spread, -spread],
            Dy = [mean + size, mean + size, mean - size, mean - size],
            Gamma = [],
            Epsilon = 0,
        };
        double expected = size / (double)spread;
        double[] dx = new KernelSubject(Family.LayerNorm).Run(problem).Dx!;
        Assert.All(dx.Zip([expected, expected, -expected, -expected]), pair => Assert.Equal(pair.Second, pair.First, 1e-7 * expected));
    }

    [Fact]
    public void Backward_ConstantGradientThatLeavesTheRangeOfFloats_IsZero()
    {
        Problem problem = Problem.Random(3, 4, spread: 0.4) with { Dy = [.. Enumerable.Repeat(3e38f, 12)], Gamma = [] };
        Assert.All(new KernelSubject(Family.LayerNorm).Run(problem).Dx!, dx => Assert.Equal(0, dx, 1e24));
    }

    [Fact]
    public void Passes_MeansOfTenMillionSpreadsAndNoShift_MatchReference()
    {
        const int channels = 19;

        // Each row is the one above, turned by one column: Σdy·x̂ is 0, and what rounding does to the mean, the same in all, adds up.
        Problem problem = Problem.Random(2000 * channels, channels, offset: 1e7);
        _sweep.Verify(problem with
        {
            X = [.. problem.X.Select((_, i) => problem.X[(i + i / channels) % channels])],
            Dy = [.. problem.Dy.Select(_ => 0.7f)],
            Beta = [],
        });
        _sweep.Print();
    }

    [Fact]
    public void Passes_RowsWithMeansFarAndNear_EachAsIfAlone()
    {
        const int c = 19;
        Problem near = Problem.Random(17, c);
        Problem mixed = near with { X = [.. near.X.Select((x, i) => i / c % 3 == 1 ? x + 1e7f : i / c % 5 == 4 ? x * 1e25f : x)] };
        Outcome together = new KernelSubject(Family.LayerNorm).Run(mixed);
        for (int n = 0; n < mixed.Rows; n++)
        {
            Range row = new(n * c, (n + 1) * c);
            Outcome alone = new KernelSubject(Family.LayerNorm).Run(mixed with { Rows = 1, X = mixed.X[row], Dy = mixed.Dy[row] });
            Assert.Equal(alone.Y, together.Y[row]);
            Assert.Equal(alone.Dx!, together.Dx![row]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1e-5)]
    public void Passes_RowsOfOneElement_GiveBetaAndNoGradient(double epsilon)
    {
        Problem problem = Problem.Random(6, 1, offset: 2000.3) with { Epsilon = epsilon };
        Outcome outcome = new KernelSubject(Family.LayerNorm).Run(problem);
        Assert.All(outcome.Y, y => Assert.Equal(problem.Beta[0], y));
        Assert.All(outcome.Dx!, dx => Assert.Equal(0, dx));
        Assert.Equal(problem.EarlierDGamma[0], outcome.DGamma![0]);
    }

    [Fact]
    public void Passes_NoRows_TouchNothing()
    {
        float[] dGamma = [1, 2, 3];
        float[] dBeta = [4, 5, 6];
        RowTensors tensors = new() { X = [], Y = [], Features = 3, Gamma = [1, 1, 1], Beta = [0, 0, 0] };
        RowNorm.Forward<MeanAndVariance>(tensors, new Epsilon(1e-5), default);
        RowNorm.Backward<MeanAndVariance>(tensors, default, default, new() { Dy = [], Dx = [], DGamma = dGamma, DBeta = dBeta }, new double[6]);
        Assert.Equal([1, 2, 3], dGamma);
        Assert.Equal([4, 5, 6], dBeta);
    }
}
