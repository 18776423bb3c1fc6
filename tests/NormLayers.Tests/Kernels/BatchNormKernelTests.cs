using NormLayers.Normalization;
using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Kernels;

/// <summary>The float kernel against the double reference, over every number of channels and values, and hostile offsets.</summary>
public sealed class BatchNormKernelTests
{
    private readonly Sweep _sweep = new(new KernelSubject(Family.BatchNorm));

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e4)]
    [InlineData(1e6)]
    [InlineData(1e7)]
    public void Passes_EveryNumberOfChannels_MatchReference(double offset)
    {
        for (int c = 1; c <= 130; c++)
        {
            _sweep.Verify(Problem.Random(9, c, offset: offset));
        }

        _sweep.Print();
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e6)]
    public void Passes_EveryNumberOfRows_MatchReference(double offset)
    {
        for (int n = 1; n <= 130; n++)
        {
            _sweep.Verify(Problem.Random(n, 3, offset: offset));
            _sweep.Verify(Problem.Random(n, 17, offset: offset));
        }

        _sweep.Print();
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e6)]
    public void Passes_EveryLength_MatchReference(double offset)
    {
        for (int l = 1; l <= 130; l++)
        {
            _sweep.Verify(Problem.Random(1, 3, l, offset));
            _sweep.Verify(Problem.Random(4, 5, l, offset));
        }

        _sweep.Print();
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e6)]
    public void Evaluation_EveryNumberOfChannels_MatchesReference(double offset)
    {
        for (int c = 1; c <= 130; c++)
        {
            _sweep.Verify(Problem.Random(5, c, offset: offset) with { Training = false });
            _sweep.Verify(Problem.Random(1, 3, c, offset) with { Training = false });
        }

        _sweep.Print();
    }

    [Theory]
    [InlineData(1000, 1000, 1, 0.5)]
    [InlineData(1000, 1000, 1, 1e4)]
    [InlineData(1000, 1000, 1, 1e6)]
    [InlineData(1000, 1, 1, 1e6)]
    [InlineData(3, 1000, 1, 1e4)]
    [InlineData(7, 11, 999, 0.5)]
    [InlineData(2, 1, 200_000, 1e7)]
    [InlineData(1_000_000, 2, 1, 1e7)]
    public void Passes_LargeShapes_MatchReference(int rows, int channels, int length, double offset)
    {
        _sweep.Verify(Problem.Random(rows, channels, length, offset));
        _sweep.Print();
    }

    [Theory]
    [InlineData(1e-40)]
    [InlineData(1e-36)]
    [InlineData(1e-29)]
    [InlineData(1e29)]
    [InlineData(1e36)]
    public void Passes_GradientsOfAnySize_MatchReference(double size)
    {
        for (int c = 1; c <= 40; c++)
        {
            Problem matrix = Problem.Random(9, c);
            Problem segments = Problem.Random(3, 4, c);
            _sweep.Verify(matrix with { Dy = [.. matrix.Dy.Select(dy => (float)(size * dy))] });
            _sweep.Verify(segments with { Dy = [.. segments.Dy.Select(dy => (float)(size * dy))] });
        }

        _sweep.Print();
    }

    [Fact]
    public void Passes_OneValueFartherFromTheMeanThanTheLargestFloat_MatchReference()
    {
        const int rows = 1000;
        Problem problem = Problem.Random(rows, 1) with { X = [.. Enumerable.Repeat(9e37f, rows - 1), -3.4e38f], Gamma = [1.2e30f] };
        _sweep.Verify(problem);
        _sweep.Print();
        Assert.All(new KernelSubject(Family.BatchNorm).Run(problem with { Dy = new float[rows] }).Dx!, dx => Assert.Equal(0, dx));
    }

    [Theory]
    [InlineData(1e-43)]
    [InlineData(1e-40)]
    [InlineData(1e37)]
    public void Passes_GammaThatMakesUpForTheSpread_MatchReference(double spread)
    {
        for (int c = 1; c <= 20; c++)
        {
            Problem problem = Problem.Random(9, c, offset: 2 * spread, spread: spread);
            double gamma = Math.Clamp(spread, 1e-20, 1e20);
            _sweep.Verify(problem with { Gamma = [.. problem.Gamma.Select(g => (float)(gamma * g))], Epsilon = 0 });
        }

        _sweep.Print();
    }

    [Fact]
    public void Backward_ConstantGradientThatLeavesTheRangeOfFloats_IsZero()
    {
        Problem problem = Problem.Random(4, 3, spread: 0.4) with { Dy = [.. Enumerable.Repeat(3e38f, 12)], Gamma = [] };
        Assert.All(new KernelSubject(Family.BatchNorm).Run(problem).Dx!, dx => Assert.Equal(0, dx, 1e24));
    }

    [Theory]
    [InlineData(100_000, 3, 1)]
    [InlineData(100, 3, 1000)]
    public void Passes_MeansOfTenMillionSpreadsAndNoShift_MatchReference(int rows, int channels, int length)
    {
        Problem problem = Problem.Random(rows, channels, length, offset: 1e7);
        _sweep.Verify(problem with { Dy = [.. problem.Dy.Select(Math.Abs)], Beta = [] });
        _sweep.Print();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(19)]
    public void Evaluation_InputThatIsNotFinite_LeavesTheGradientAlone(int length)
    {
        Problem finite = Problem.Random(4, 5, length) with { Training = false };
        Problem broken = finite with { X = [.. finite.X.Select((x, i) => i % 7 == 3 ? float.PositiveInfinity : i % 7 == 5 ? float.NaN : x)] };
        KernelSubject subject = new(Family.BatchNorm);
        Assert.Equal(subject.Run(finite).Dx!, subject.Run(broken).Dx!);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1e-5)]
    public void Passes_OneValuePerChannel_GiveBetaAndNoGradient(double epsilon)
    {
        Problem problem = Problem.Random(1, 6, offset: 2000.3) with { Epsilon = epsilon };
        Outcome outcome = new KernelSubject(Family.BatchNorm).Run(problem);
        Assert.Equal(problem.Beta.Select(b => (double)b), outcome.Y);
        Assert.All(outcome.Dx!, dx => Assert.Equal(0, dx));
        Assert.Equal(problem.EarlierDGamma.Select(g => (double)g), outcome.DGamma!);
    }

    [Theory]
    [InlineData(false, 0.25f, 1)]
    [InlineData(true, float.NaN, 0)]
    public void UpdateRunning_NonFiniteBatch_FollowsThePolicy(bool accept, float expected, int skipped)
    {
        float[] runningMean = [0.25f, 1];
        float[] runningVariance = [2, 1];
        int channels = ChannelNorm.UpdateRunning([double.NaN, 3], [1, 2], (NewWeight: 0.5, Unbiased: 2), accept, runningMean, runningVariance);
        Assert.Equal(skipped, channels);
        Assert.Equal(expected, runningMean[0]);
        Assert.Equal(2, runningMean[1]);
        Assert.Equal(2.5f, runningVariance[1]);
    }
}
