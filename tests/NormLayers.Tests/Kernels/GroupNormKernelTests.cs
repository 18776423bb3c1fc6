using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Kernels;

/// <summary>The passes over groups against the double reference: every length around the lanes, every depth of a group, sets shorter and longer than a chunk.</summary>
public sealed class GroupNormKernelTests
{
    [Theory]
    [InlineData(0.5)]
    [InlineData(1e6)]
    public void Passes_EveryLength_MatchReference(double offset)
    {
        foreach (Family family in (Family[])[Family.GroupNorm(1), Family.GroupNorm(2), Family.GroupNorm(3), Family.InstanceNorm])
        {
            Sweep sweep = new(new KernelSubject(family));
            for (int l = family == Family.InstanceNorm ? 2 : 1; l <= 70; l++)
            {
                sweep.Verify(Problem.Random(3, 6, l, offset));
                sweep.Verify(Problem.Random(1, 12, l, offset));
            }

            sweep.Print();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(20)]
    public void Passes_EveryDepth_MatchReference(int length)
    {
        Sweep sweep = new(new KernelSubject(Family.GroupNorm(4)));
        for (int depth = length == 1 ? 2 : 1; depth <= 40; depth++)
        {
            sweep.Verify(Problem.Random(5, 4 * depth, length));
        }

        sweep.Print();
    }

    // (groups, samples, channels, positions): a chunk of many samples, of a part of a sample, of one set, and one set that is longer than a chunk.
    [Theory]
    [InlineData(2, 900, 4, 16, 0.5)]
    [InlineData(32, 2, 320, 64, 1e4)]
    [InlineData(32, 2, 1280, 64, 0.5)]
    [InlineData(8, 3, 40, 900, 1e4)]
    [InlineData(4, 2, 8, 40_000, 0.5)]
    [InlineData(1, 1, 64, 2000, 1e6)]
    [InlineData(1, 40_000, 6, 1, 0.5)]
    [InlineData(16, 300, 256, 1, 0.5)]
    [InlineData(8, 100, 64, 9, 1e4)]
    public void Passes_LargeShapes_MatchReference(int groups, int rows, int channels, int length, double offset)
    {
        Sweep sweep = new(new KernelSubject(Family.GroupNorm(groups)));
        sweep.Verify(Problem.Random(rows, channels, length, offset));
        sweep.Print();
    }

    [Theory]
    [InlineData(1, 3, 100_000)]
    [InlineData(70, 67, 49)]
    [InlineData(2000, 3, 16)]
    [InlineData(500, 100, 4)]
    public void InstancePasses_LargeShapes_MatchReference(int rows, int channels, int length)
    {
        Sweep sweep = new(new KernelSubject(Family.InstanceNorm));
        sweep.Verify(Problem.Random(rows, channels, length));
        sweep.Print();
    }

    [Theory]
    [InlineData(1e-40)]
    [InlineData(1e-36)]
    [InlineData(1e-29)]
    [InlineData(1e29)]
    [InlineData(1e36)]
    public void Passes_GradientsOfAnySize_MatchReference(double size)
    {
        Sweep sweep = new(new KernelSubject(Family.GroupNorm(2)));
        for (int l = 1; l <= 40; l++)
        {
            Problem problem = Problem.Random(3, 6, l);
            sweep.Verify(problem with { Dy = [.. problem.Dy.Select(dy => (float)(size * dy))] });
        }

        sweep.Print();
    }

    // One plane's γ, or one set's spread, that no float factor holds: that plane or set is computed by itself.
    [Theory]
    [InlineData(5)]
    [InlineData(17)]
    [InlineData(70)]
    public void Passes_OneSpecialPlaneOrSet_MatchReference(int length)
    {
        Sweep sweep = new(new KernelSubject(Family.GroupNorm(2)));
        Problem problem = Problem.Random(3, 6, length);
        foreach (float gamma in (float[])[0, 1e-38f, 1e34f])
        {
            sweep.Verify(problem with { Gamma = [1, 2, gamma, -1, 0.5f, 3], Epsilon = 1e-3 });
        }

        foreach (double scale in (double[])[1e-41, 1e36])
        {
            int m = 3 * length;
            sweep.Verify(problem with { Epsilon = 0, X = [.. problem.X.Select((x, i) => i / m == 2 ? (float)(scale * x) : x)], Dy = [.. problem.Dy.Select((dy, i) => i / m == 2 ? (float)(1e-6 * dy) : dy)] });
        }

        sweep.Print();
    }

    [Theory]
    [InlineData(1, 6, 20, 2)]
    [InlineData(40, 6, 20, 2)]
    [InlineData(40, 4, 5, 2)]
    [InlineData(3, 8, 20_000, 2)]
    [InlineData(9, 33, 60, 33)]
    public void Passes_OneSampleAlone_SameBitsAsInTheBatch(int rows, int channels, int length, int groups)
    {
        KernelSubject subject = new(Family.GroupNorm(groups));
        Problem batch = Problem.Random(rows, channels, length);
        Outcome together = subject.Run(batch);
        for (int n = 0; n < rows; n++)
        {
            Outcome alone = subject.Run(batch.Slice(n, 1));
            Verify.SameBits("y", alone.Y, together.Y.AsSpan(n * channels * length, channels * length));
            Verify.SameBits("dx", alone.Dx, together.Dx.AsSpan(n * channels * length, channels * length));
        }
    }

    [Theory]
    [InlineData(4, 5, 16)]
    [InlineData(4, 5, 3)]
    [InlineData(2, 3, 50_000)]
    [InlineData(90, 7, 49)]
    public void InstanceNorm_BatchNormOfOneSample_SameBits(int rows, int channels, int length)
    {
        Problem problem = Problem.Random(rows, channels, length);
        float[] Tile(float[] values) => [.. Enumerable.Repeat(values, rows).SelectMany(v => v)];
        Problem oneSample = problem with
        {
            Rows = 1,
            Channels = rows * channels,
            Gamma = Tile(problem.Gamma),
            Beta = Tile(problem.Beta),
            EarlierDGamma = new float[rows * channels],
            EarlierDBeta = new float[rows * channels],
            RunningMean = new float[rows * channels],
            RunningVariance = new float[rows * channels],
        };
        Outcome instances = new KernelSubject(Family.InstanceNorm).Run(problem);
        Outcome channelsOfOne = new KernelSubject(Family.BatchNorm).Run(oneSample);
        Verify.SameBits("y", channelsOfOne.Y, instances.Y);
        Verify.SameBits("dx", channelsOfOne.Dx, instances.Dx);
        Verify.SameBits("mean", channelsOfOne.Mean, instances.Mean);
        Verify.SameBits("rstd", channelsOfOne.Rstd, instances.Rstd);
    }

    [Theory]
    [InlineData(1, 7)]
    [InlineData(40, 16)]
    [InlineData(300, 260)]
    public void OneGroupOfFeatures_LayerNorm_SameBits(int rows, int channels)
    {
        Problem problem = Problem.Random(rows, channels);
        Outcome layerNorm = new KernelSubject(Family.LayerNorm).Run(problem);
        Outcome groupNorm = new KernelSubject(Family.GroupNorm(1)).Run(problem);
        foreach (((string name, double[]? expected), (_, double[]? actual)) in layerNorm.All.Zip(groupNorm.All))
        {
            Verify.SameBits(name, expected, actual);
        }
    }
}
