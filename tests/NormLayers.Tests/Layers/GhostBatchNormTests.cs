using NormLayers.Normalization;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Ghost batch normalization is batch normalization of each chunk, bit for bit; parameters and running statistics serve all chunks.</summary>
public sealed class GhostBatchNormTests
{
    public static TheoryData<Shape, int> Cuts => new()
    {
        { (12, 5), 4 },
        { (13, 5), 4 },
        { (14, 5), 4 },
        { (3, 5), 2 },
        { (40, 130), 16 },
        { (7, 3, 4), 1 },
        { (9, 3, 4), 4 },
        { (9, 3, 40), 2 },
        { (6, 2, 3, 5), 4 },
        { new Shape(5, 2, 2, 3, 4), 2 },
    };

    [Theory]
    [InlineData(false, true, 6)]
    [InlineData(false, false, 6)]
    [InlineData(true, true, 9)]
    public void Passes_OneChunk_HaveTheBitsOfBatchNorm(bool relu, bool training, int chunkSize)
    {
        foreach (Shape shape in (ReadOnlySpan<Shape>)[(6, 35), (6, 3, 7), (6, 3, 20)])
        {
            GhostBatchNorm ghost = new(shape[1], chunkSize, relu: relu) { Training = training };
            BatchNorm plain = new(shape[1], relu: relu) { Training = training };
            (float[] x, float[] dy) = Data(shape);
            Fill(ghost, 5);
            Fill(plain, 5);
            Compare.SameBits(Samples.Forward(plain, x, shape), Samples.Forward(ghost, x, shape), "y");
            Compare.SameBits(Samples.Backward(plain, x, dy), Samples.Backward(ghost, x, dy), "dx");
            Compare.SameBits(plain.Gamma!.Gradient, ghost.Gamma!.Gradient, "dGamma");
            Compare.SameBits(plain.Beta!.Gradient, ghost.Beta!.Gradient, "dBeta");
            Compare.SameBits(plain.Running!.Mean, ghost.Running!.Mean, "running mean");
            Compare.SameBits(plain.Running.Variance, ghost.Running.Variance, "running variance");
            Assert.Equal(plain.Running.BatchesSeen, ghost.Running.BatchesSeen);
        }
    }

    [Theory]
    [MemberData(nameof(Cuts))]
    public void Passes_Chunks_HaveTheBitsOfBatchNormOfEach(Shape shape, int chunkSize)
    {
        foreach (bool relu in (bool[])[false, true])
        {
            GhostBatchNorm ghost = new(shape[1], chunkSize, relu: relu);
            BatchNorm plain = new(shape[1], relu: relu);
            (float[] x, float[] dy) = Data(shape);
            Fill(ghost, 5);
            Fill(plain, 5);
            float[] y = Samples.Forward(ghost, x, shape);
            float[] dx = Samples.Backward(ghost, x, dy);
            int[] numbers = IndexSets.Chunks(chunkSize).NumberOf(shape);
            (double[] dGamma, double[] dBeta) = (new double[shape[1]], new double[shape[1]]);
            int sample = shape.Length / shape[0];
            int start = 0;
            int chunks = 0;
            for (; start < x.Length; chunks++)
            {
                int end = Array.FindIndex(numbers, start, n => n / shape[1] > chunks) is > 0 and var next ? next : x.Length;
                Shape chunk = new([(end - start) / sample, .. Enumerable.Range(1, shape.Rank - 1).Select(axis => shape[axis])]);
                plain.ZeroGradients();
                Compare.SameBits(Samples.Forward(plain, x[start..end], chunk), y.AsSpan(start, end - start), "y");
                Compare.SameBits(Samples.Backward(plain, x[start..end], dy[start..end]), dx.AsSpan(start, end - start), "dx");
                dGamma = [.. dGamma.Zip(plain.Gamma!.Gradient, (a, b) => a + b)];
                dBeta = [.. dBeta.Zip(plain.Beta!.Gradient, (a, b) => a + b)];
                start = end;
            }

            Compare.SameBits(plain.Running!.Mean, ghost.Running!.Mean, "running mean");
            Compare.SameBits(plain.Running.Variance, ghost.Running.Variance, "running variance");
            Assert.Equal(chunks, ghost.Running.BatchesSeen);
            Compare.Within(dGamma, ghost.Gamma!.Gradient, Tolerance.Sum(dGamma.Max(Math.Abs) + dy.Length), "dGamma");
            Compare.Within(dBeta, ghost.Beta!.Gradient, Tolerance.Sum(dBeta.Max(Math.Abs) + dy.Length), "dBeta");
        }
    }

    [Theory]
    [MemberData(nameof(Cuts))]
    public void Reference_Page_IsNormReferenceAndTheLayer(Shape shape, int chunkSize)
    {
        (float[] x, float[] dy) = Data(shape);
        int C = shape[1];
        GhostBatchNorm layer = new(C, chunkSize);
        Fill(layer, 7);
        (double[] gamma, double[] beta) = (Compare.Widen(layer.Gamma!.Value), Compare.Widen(layer.Beta!.Value));
        (double[] mean, double[] variance) = (new double[C], Compare.Widen(layer.Running!.Variance));
        int[][] sets = IndexSets.Chunks(chunkSize).Of(shape);
        (double[] y, double[] means, double[] rstds) = GhostBatchNormReference.Forward(Compare.Widen(x), sets, gamma, beta, layer.Epsilon, (0.1, mean, variance));
        (double[] dGamma, double[] dBeta) = (new double[C], new double[C]);
        double[] dx = GhostBatchNormReference.Backward(Compare.Widen(x), Compare.Widen(dy), sets, gamma, (means, rstds), dGamma, dBeta);
        ReferenceLayer reference = layer.CreateReference();
        Compare.Within(reference.Forward(Compare.Widen(x), shape), y, 1e-13, "y");
        Compare.Within(reference.Backward(Compare.Widen(dy)), dx, 1e-13, "dx");

        Compare.Within(y, Samples.Forward(layer, x, shape), 4e-6, "y");
        Compare.Within(dx, Samples.Backward(layer, x, dy), Tolerance.Element(8 * rstds.Max()), "dx");
        Compare.Within(dGamma, layer.Gamma.Gradient, Tolerance.Sum(dGamma.Max(Math.Abs)), "dGamma");
        Compare.Within(dBeta, layer.Beta.Gradient, Tolerance.Sum(dBeta.Max(Math.Abs)), "dBeta");
        Compare.Within(mean, layer.Running.Mean, 1e-6 * layer.Running.BatchesSeen, "running mean");
        Compare.Within(variance, layer.Running.Variance, 1e-6 * layer.Running.BatchesSeen, "running variance");
    }

    [Fact]
    public void Chunks_AllSizes_AreTheReferencesSets()
    {
        foreach (int length in (int[])[1, 3])
        {
            for (int n = 1; n < 20; n++)
            {
                for (int chunkSize = 1; chunkSize < 22; chunkSize++)
                {
                    int[] numbers = IndexSets.Chunks(chunkSize).NumberOf((n, 2, length));
                    Planes planes = new Planes(n, 2, length) with { ChunkSize = chunkSize };
                    Assert.Equal(numbers.Max() / 2 + 1, planes.Chunks);
                    for (int k = 0; k < planes.Chunks; k++)
                    {
                        (int start, int count) = planes.ElementsOf(k).GetOffsetAndLength(numbers.Length);
                        Assert.Equal(count, planes.Chunk(k).Elements);
                        Assert.All(numbers.AsSpan(start, count).ToArray(), number => Assert.Equal(k, number / 2));
                    }
                }
            }
        }
    }

    [Fact]
    public void Evaluation_RunningStatistics_ServeAllSamples()
    {
        Shape shape = (9, 4);
        GhostBatchNorm ghost = new(4, 3);
        (float[] x, float[] dy) = Data(shape);
        Samples.Forward(ghost, x, shape);
        ghost.Training = false;
        BatchNorm plain = new(4) { Training = false };
        ghost.Running!.Mean.CopyTo(plain.Running!.Mean, 0);
        ghost.Running.Variance.CopyTo(plain.Running.Variance, 0);
        Compare.SameBits(Samples.Forward(plain, x, shape), Samples.Forward(ghost, x, shape), "y");
        Compare.SameBits(Samples.Backward(plain, x, dy), Samples.Backward(ghost, x, dy), "dx");
        Assert.IsType<NormReference>(ghost.CreateReference());
        Compare.Within(ghost.CreateReference().Forward(Compare.Widen(x), shape), Samples.Forward(ghost, x, shape), 1e-5, "reference");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GradientCheck_Chunks_Agree(bool relu)
    {
        GhostBatchNorm layer = new(3, 4, relu: relu, onePlusGamma: relu);
        Fill(layer, 3);
        Assert.True(GradientCheck.Check(layer, (11, 3)) is { Passed: true } report && report.Tensors.Count == 3);
        Assert.True(GradientCheck.Check(layer, (9, 3, 2, 2)).Passed);
    }

    [Fact]
    public void Functions_Chunks_HaveTheBitsOfTheLayer()
    {
        Shape shape = (13, 5, 3);
        GhostBatchNorm layer = new(5, 4);
        Fill(layer, 3);
        (float[] x, float[] dy) = Data(shape);
        NormStatistics statistics = new();
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = (new float[x.Length], new float[x.Length], new float[5], new float[5]);
        Functional.GhostBatchNormTraining(x, shape, 4, layer.Gamma!.Value, layer.Beta!.Value, layer.Epsilon, y, statistics);
        Functional.GhostBatchNormBackward(x, dy, shape, 4, layer.Gamma.Value, statistics, dx, dGamma, dBeta);
        Assert.Equal(4 * 5, statistics.Count);
        Compare.SameBits(Samples.Forward(layer, x, shape), y, "y");
        Compare.SameBits(Samples.Backward(layer, x, dy), dx, "dx");
        Compare.SameBits(layer.Gamma.Gradient, dGamma, "dGamma");
        Compare.SameBits(layer.Beta.Gradient, dBeta, "dBeta");
        Assert.Throws<ArgumentException>(() => Functional.GhostBatchNormBackward(x, dy, shape, 3, layer.Gamma.Value, statistics, dx, dGamma, dBeta));
        Assert.Equal("chunkSize", Assert.Throws<ArgumentOutOfRangeException>(() =>
            Functional.GhostBatchNormTraining(x, shape, 0, layer.Gamma.Value, layer.Beta.Value, 1e-5, y, statistics)).ParamName);
        ArgumentException error = Assert.Throws<ArgumentException>(() =>
            Functional.GhostBatchNormTraining(x, (39, 5), 1, layer.Gamma.Value, layer.Beta.Value, 1e-5, y, statistics));
        Assert.StartsWith("Expected more than 1 value per channel in each chunk, got shape (39, 5).", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_ChunkSizeAndChunksOfOne_AreNamed()
    {
        Assert.Equal("chunkSize", Assert.Throws<ArgumentOutOfRangeException>(() => new GhostBatchNorm(3, 0)).ParamName);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Samples.Forward(new GhostBatchNorm(3, 1), new float[12], (4, 3)));
        Assert.StartsWith("Expected more than 1 value per channel in each chunk for ghostbatchnorm, because training normalizes", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Samples.Forward(new GhostBatchNorm(3, 4), new float[3], (1, 3)));
    }

    [Fact]
    public void NonFinite_ThrowInSecondChunk_ChangesNothing()
    {
        (float[] x, _) = Data((8, 3));
        x[5 * 3 + 2] = float.NaN;
        GhostBatchNorm layer = new(3, 4, nonFinite: NonFiniteStatistics.Throw);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Samples.Forward(layer, x, (8, 3)));
        Assert.Contains("channel 2 are not finite", error.Message, StringComparison.Ordinal);
        Compare.AllEqual(0, layer.Running!.Mean, "running mean");
        Assert.Equal(0, layer.Running.BatchesSeen);

        GhostBatchNorm skipping = new(3, 4);
        Samples.Forward(skipping, x, (8, 3));
        Assert.Equal((2, 1), (skipping.Running!.BatchesSeen, skipping.Running.SkippedUpdates));
        GhostBatchNorm cumulative = new(3, 4, momentum: Momentum.Cumulative);
        Samples.Forward(cumulative, x, (8, 3));
        Assert.Equal((1, 1), (cumulative.Running!.BatchesSeen, cumulative.Running.SkippedUpdates));
    }

    [Fact]
    public void Passes_SteadyState_AllocateNothing()
    {
        GhostBatchNorm layer = new(5, 4, relu: true);
        (float[] x, float[] dy) = Data((11, 5));
        (float[] y, float[] dx) = (new float[x.Length], new float[x.Length]);
        void Step()
        {
            layer.Forward(x, (11, 5), y);
            layer.Backward(x, dy, dx);
        }

        Step();
        Assert.Equal(0, Allocations.Of(Step));
    }

    internal static void Fill(NormalizationLayer layer, ulong seed)
    {
        Samples.Normal(layer.Gamma!.Value.Length, layer.OnePlusGamma ? 0.2 : 1.2, 0.4, seed).CopyTo(layer.Gamma.Value, 0);
        Samples.Normal(layer.Beta!.Value.Length, -0.3, 0.5, seed + 1).CopyTo(layer.Beta.Value, 0);
    }

    internal static (float[] X, float[] Dy) Data(Shape shape) => (Samples.Normal(shape.Length, 0.5), Samples.Upstream(shape.Length));
}
