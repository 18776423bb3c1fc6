using NormLayers.Normalization;
using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Kernels;

/// <summary>The row kernels without a mean against the double reference, over every row length and hostile sizes.</summary>
public sealed class RmsNormKernelTests
{
    private readonly Sweep _sweep = new(new KernelSubject(Family.RmsNorm));

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e4)]
    [InlineData(1e7)]
    public void Passes_EveryRowLength_MatchReference(double offset)
    {
        for (int c = 1; c <= 130; c++)
        {
            _sweep.Verify(Problem.Random(5, c, offset: offset) with { Epsilon = offset * offset });
        }

        _sweep.Print();
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
    [InlineData(1000, 1000)]
    [InlineData(1000, 3)]
    [InlineData(1, 4096)]
    [InlineData(16, 8192)]
    [InlineData(7, 999)]
    [InlineData(2, 200_000)]
    [InlineData(50_000, 4)]
    [InlineData(1_000_000, 3)]
    public void Passes_LargeShapes_MatchReference(int rows, int channels)
    {
        _sweep.Verify(Problem.Random(rows, channels));
        _sweep.Print();
    }

    // Every 512th channel forty times as large: what language models have.
    [Theory]
    [InlineData(1, 4096)]
    [InlineData(33, 2048)]
    public void Passes_OutlierChannels_MatchReference(int rows, int channels)
    {
        Problem problem = Problem.Random(rows, channels, offset: 0);
        _sweep.Verify(problem with { X = [.. problem.X.Select((x, i) => i % channels % 512 == 0 ? 40 * x : x)] });
        _sweep.Print();
    }

    [Theory]
    [InlineData(1e-36, 1, 1)]
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
    public void Passes_RowsOfAllSizes_EachAsIfAlone()
    {
        const int c = 19;
        Problem near = Problem.Random(17, c).For(Family.RmsNorm);
        Problem mixed = near with { X = [.. near.X.Select((x, i) => (i / c % 5) switch { 1 => x * 1e35f, 3 => x * 1e-38f, 4 => 0, _ => x })] };
        KernelSubject subject = new(Family.RmsNorm);
        Outcome together = subject.Run(mixed);
        for (int n = 0; n < mixed.Rows; n++)
        {
            Range row = new(n * c, (n + 1) * c);
            Outcome alone = subject.Run(mixed with { Rows = 1, X = mixed.X[row], Dy = mixed.Dy[row] });
            Assert.Equal(alone.Y, together.Y[row]);
            Assert.Equal(alone.Dx!, together.Dx![row]);
        }
    }

    [Fact]
    public void Passes_NoRows_TouchNothing()
    {
        float[] dGamma = [1, 2, 3];
        RowTensors tensors = new() { X = [], Y = [], Features = 3, Gamma = [1, 1, 1] };
        RowNorm.Forward<RootMeanSquare>(tensors, new Epsilon(1e-5), default);
        RowNorm.Backward<RootMeanSquare>(tensors, default, default, new() { Dy = [], Dx = [], DGamma = dGamma }, new double[3]);
        Assert.Equal([1, 2, 3], dGamma);
    }
}
