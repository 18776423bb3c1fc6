using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Layers;

/// <summary>Masked layers have the bits of the compacted data, and leave everything else at 0 or as it was.</summary>
public sealed class MaskTests : IDisposable
{
    private static readonly string[] s_kinds = ["all", "random", "prefix", "some rows", "one", "none"];
    private static readonly string[] s_rowLayers = ["layernorm", "layernorm relu", "rmsnorm", "rmsnorm outside", "scalenorm"];
    private static readonly string[] s_wholeRowLayers = [.. s_rowLayers, "dynamic"];
    private static readonly string[] s_batchLayers = ["batchnorm", "batchnorm relu", "batchrenorm"];
    private readonly int _limit = Threads.Limit;

    public void Dispose() => Threads.Limit = _limit;

    public static TheoryData<string, Shape> RowCases => Cases(s_rowLayers, (9, 7), (33, 100), (4, 5, 19), (400, 300));

    public static TheoryData<string, Shape> WholeRowCases => Cases(s_wholeRowLayers, (9, 7), (33, 100), (4, 5, 19), (400, 300));

    public static TheoryData<string, Shape> BatchCases => Cases(s_batchLayers, (11, 5), (300, 130), (5, 3, 4), (4, 6, 33), (2, 3, 4, 5));

    public static TheoryData<string, Shape> SampleCases => Cases(["groupnorm", "groupnorm relu", "instancenorm"], (4, 4, 3), (5, 4, 40), (6, 8, 3, 7), (9, 32, 300));

    public static TheoryData<string, Shape> FunctionCases =>
        Cases([.. s_rowLayers, .. s_batchLayers, "ghostbatchnorm", "groupnorm", "groupnorm relu", "instancenorm", "adaptive"], (6, 4, 5));

    public static TheoryData<string, Shape> AllCases => [.. FunctionCases, .. Cases(["dynamic"], (6, 4, 5))];

    [Theory]
    [MemberData(nameof(WholeRowCases))]
    public void Rows_MaskOfRows_HaveTheBitsOfTheRowsThatAreLeft(string name, Shape shape)
    {
        int C = shape.Last;
        foreach (string kind in s_kinds)
        {
            bool[] mask = Mask(kind, shape.Length / C, shape[0]);
            int[] kept = [.. Enumerable.Range(0, shape.Length).Where(i => mask[i / C])];
            AssertPieces(Create(name, C), mask, shape, [new(kept, (kept.Length / C, C), Create(name, C))]);
            if (name != "dynamic")
            {
                bool[] ofElements = [.. Enumerable.Range(0, shape.Length).Select(i => mask[i / C])];
                AssertPieces(Create(name, C), ofElements, shape, [new(kept, (kept.Length / C, C), Create(name, C))]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(RowCases))]
    public void Rows_MaskOfElements_HaveTheBitsOfShorterRows(string name, Shape shape)
    {
        int C = shape.Last;
        int N = shape.Length / C;
        bool[] columns = Mask("random", C, C);
        int[] left = [.. Enumerable.Range(0, C).Where(c => columns[c])];
        int[] kept = [.. Enumerable.Range(0, shape.Length).Where(i => columns[i % C])];
        bool[] same = [.. Enumerable.Range(0, shape.Length).Select(i => columns[i % C])];
        AssertPieces(Create(name, C), same, shape, [new(kept, (N, left.Length), Create(name, C, left), left)]);

        bool[] mask = Mask("random", shape.Length, N);
        IEnumerable<int[]> rows = Enumerable.Range(0, N).Select(n => Enumerable.Range(n * C, C).Where(i => mask[i]).ToArray()).Where(row => row.Length > 0);
        AssertPieces(Create(name, C), mask, shape, [.. rows.Select(row => PieceOfRow(name, C, row))]);
    }

    [Theory]
    [MemberData(nameof(BatchCases))]
    public void Batch_MaskOfPositions_HasTheBitsOfTheRowsOfChannels(string name, Shape shape)
    {
        foreach (string kind in s_kinds)
        {
            bool[] mask = Mask(kind, shape.Length / shape[1], shape[0]);
            int[] kept = kind == "all" ? [.. Enumerable.Range(0, shape.Length)] : Positions(shape, mask, 0, shape[0]);
            Shape compacted = kind == "all" ? shape : (kept.Length / shape[1], shape[1]);
            if (kind != "one")
            {
                // One position has no variance: an error, below.
                AssertPieces(Create(name, shape[1]), mask, shape, [new(kept, compacted, Create(name, shape[1]))]);
            }

            AssertPieces(Trained(name, shape[1]), mask, shape, [new(kept, compacted, Trained(name, shape[1]))]);
        }
    }

    [Theory]
    [InlineData(1, 13)]
    [InlineData(3, 10)]
    [InlineData(20, 8)]
    public void Ghost_MaskOfPositions_HasTheBitsOfBatchNormOfEachChunk(int length, int samples)
    {
        Shape shape = length == 1 ? (samples, 3) : (samples, 3, length);
        foreach (string kind in (string[])["random", "some rows", "none"])
        {
            bool[] mask = Mask(kind, samples * length, samples);
            List<Piece> pieces = [];
            BatchNorm plain = (BatchNorm)Create("batchnorm", 3);
            int[] chunkOf = IndexSets.Chunks(4).NumberOf(shape);
            for (int start = 0, end; start < samples; start = end)
            {
                end = start + 1;
                while (end < samples && chunkOf[end * 3 * length] == chunkOf[start * 3 * length])
                {
                    end++;
                }

                int[] kept = Positions(shape, mask, start, end);
                if (kept.Length > 0)
                {
                    pieces.Add(new(kept, (kept.Length / 3, 3), plain));
                }
            }

            AssertPieces(Create("ghostbatchnorm", 3), mask, shape, pieces);
        }
    }

    [Theory]
    [MemberData(nameof(SampleCases))]
    public void Samples_MaskOfPositions_HaveTheBitsOfShorterSamples(string name, Shape shape)
    {
        (int N, int C) = (shape[0], shape[1]);
        int L = shape.Length / (N * C);
        foreach (string kind in s_kinds)
        {
            bool[] mask = Mask(kind, N * L, N);
            int[] KeptOf(int n) => [.. Enumerable.Range(n * C * L, C * L).Where(i => mask[n * L + i % L])];
            if (name == "instancenorm" && Enumerable.Range(0, N).Any(n => KeptOf(n).Length == C))
            {
                // One position has no variance.
                Layer refuses = Create(name, C);
                ((MaskableLayer)refuses).Mask = mask;
                Assert.Throws<ArgumentException>(() => Samples.Forward(refuses, Layers.Data(shape).X, shape));
                continue;
            }

            Layer plain = Create(name, C);
            int[][] samples = [.. Enumerable.Range(0, N).Select(KeptOf).Where(kept => kept.Length > 0)];
            bool together = samples.DistinctBy(kept => kept.Length).Count() == 1;
            Piece[] pieces = together
                ? [new([.. samples.SelectMany(kept => kept)], (samples.Length, C, samples[0].Length / C), plain)]
                : [.. samples.Select(kept => new Piece(kept, (1, C, kept.Length / C), Create(name, C)))];
            AssertPieces(Create(name, C), mask, shape, pieces);
        }
    }

    [Fact]
    public void Adaptive_MaskOfTokens_HasTheBitsOfEachSamplesTokens()
    {
        Shape shape = (5, 9, 12);
        foreach (string kind in s_kinds)
        {
            bool[] mask = Mask(kind, 45, 5);
            AdaptiveLayerNorm layer = (AdaptiveLayerNorm)Create("adaptive", 12, samples: 5);
            layer.Mask = mask;
            (float[] x, float[] dy) = Spoilt(shape, [.. Enumerable.Range(0, shape.Length).Select(i => mask[i / 12])]);
            float[] y = Samples.Forward(layer, x, shape);
            float[] dx = Samples.Backward(layer, x, dy);
            float[] scale = Samples.Normal(60, 0.2, 0.4, 11);
            float[] shift = Samples.Normal(60, -0.1, 0.4, 12);
            for (int n = 0; n < 5; n++)
            {
                int[] kept = [.. Enumerable.Range(n * 108, 108).Where(i => mask[i / 12])];
                Assert.All(Enumerable.Range(n * 108, 108).Except(kept), i => Assert.Equal((0f, 0f), (y[i], dx[i])));
                if (kept.Length == 0)
                {
                    Compare.AllEqual(0, layer.ScaleGradient.Slice(n * 12, 12), "dScale");
                    continue;
                }

                AdaptiveLayerNorm plain = new(12);
                plain.SetCondition(scale.AsSpan(n * 12, 12), shift.AsSpan(n * 12, 12));
                float[] xOfSample = Take(x, kept);
                Compare.SameBits(Samples.Forward(plain, xOfSample, (1, kept.Length / 12, 12)), Take(y, kept), "y");
                Compare.SameBits(Samples.Backward(plain, xOfSample, Take(dy, kept)), Take(dx, kept), "dx");
                Compare.SameBits(plain.ScaleGradient, layer.ScaleGradient.Slice(n * 12, 12), "dScale");
                Compare.SameBits(plain.ShiftGradient, layer.ShiftGradient.Slice(n * 12, 12), "dShift");
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Gradients_ThroughTheMask_AreTheDifferenceQuotients(string name, Shape shape)
    {
        MaskableLayer layer = (MaskableLayer)Create(name, ChannelsOf(name, shape), samples: shape[0]);
        int units = shape.Length / ChannelsOf(name, shape);
        bool takesElements = s_rowLayers.Contains(name) || name == "adaptive";
        foreach (bool[] mask in (bool[][])[Mask("random", units, shape[0]), Mask("prefix", units, shape[0]), Mask("random", takesElements ? shape.Length : units, shape[0])])
        {
            layer.Mask = mask;
            GradientReport report = layer is AdaptiveLayerNorm ? GradientCheck.Check(layer.CreateReference()!, shape) : GradientCheck.Check(layer, shape);
            Assert.True(report.Passed, report.ToString());

            // ⟨J·v, u⟩ = ⟨v, Jᵀ·u⟩, with v and u not 0 where it is masked.
            (float[] x, float[] u) = Layers.Data(shape);
            double[] v = Compare.Widen(Samples.Normal(shape.Length, 0.3, 1, 21));
            double[] Moved(double h)
            {
                ReferenceLayer reference = layer.CreateReference()!;
                reference.Forward(Compare.Widen(x), shape); // Batch renormalization's R and D are held.
                return reference.Forward([.. x.Zip(v, (a, b) => a + h * b)], shape);
            }

            double forward = Moved(1e-6).Zip(Moved(-1e-6), (a, b) => (a - b) / 2e-6).Zip(u, (a, b) => a * b).Sum();
            Samples.Forward(layer, x, shape);
            double backward = Samples.Backward(layer, x, u).Zip(v, (a, b) => a * b).Sum();
            Assert.True(Math.Abs(forward) > 0.05, $"{forward} says nothing.");
            Assert.Equal(forward, backward, 1e-4 * Math.Max(1, Math.Abs(forward)));
        }
    }

    [Theory]
    [MemberData(nameof(FunctionCases))]
    public void Functions_Mask_HaveTheBitsOfTheLayer(string name, Shape shape)
    {
        int C = ChannelsOf(name, shape);
        foreach (string kind in (string[])["random", "none", "all"])
        {
            MaskableLayer layer = (MaskableLayer)Create(name, C, samples: shape[0]);
            float[] gamma = layer.Parameters.Count > 0 ? [.. layer.Parameters[0].Value] : Samples.Normal(C * shape[0], 0.2, 0.4, 11);
            gamma = layer is NormalizationLayer { OnePlusGamma: true } ? [.. gamma.Select(v => 1 + v)] : gamma;
            float[] beta = layer.Parameters.Count > 1 ? [.. layer.Parameters[1].Value] : Samples.Normal(C * shape[0], -0.1, 0.4, 12);
            bool[] mask = Mask(kind, shape.Length / C, shape[0]);
            layer.Mask = mask;
            (float[] x, float[] dy) = Layers.Data(shape);
            NormStatistics s = new();
            bool relu = name.EndsWith("relu", StringComparison.Ordinal);
            (float[] y, float[] dx) = (Checks.Problem.Dirty(x.Length), Checks.Problem.Dirty(x.Length));
            (float[] dGamma, float[] dBeta) = (new float[gamma.Length], new float[beta.Length]);
            switch (name.Split(' ')[0])
            {
                case "layernorm":
                    Functional.LayerNorm(x, C, gamma, beta, 0.1, y, relu, s, mask);
                    Functional.LayerNormBackward(x, dy, C, gamma, s, dx, dGamma, dBeta, relu ? y : default, mask);
                    break;
                case "rmsnorm":
                    bool outside = name.EndsWith("outside", StringComparison.Ordinal);
                    Functional.RmsNorm(x, C, gamma, 0.1, y, s, outside, mask);
                    Functional.RmsNormBackward(x, dy, C, gamma, s, dx, dGamma, outside ? 0.1 : 0, mask);
                    break;
                case "scalenorm":
                    Functional.ScaleNorm(x, C, gamma[0], 0.1, y, s, mask);
                    Functional.ScaleNormBackward(x, dy, C, gamma[0], 0.1, s, dx, ref dGamma[0], mask);
                    break;
                case "adaptive":
                    Functional.AdaptiveLayerNorm(x, shape, gamma, beta, 1e-5, y, s, mask: mask);
                    Functional.AdaptiveLayerNormBackward(x, dy, shape, gamma, s, dx, dGamma, dBeta, mask: mask);
                    break;
                case "batchnorm":
                    Functional.BatchNormTraining(x, shape, gamma, beta, 0.1, y, s, relu, mask);
                    Functional.BatchNormBackward(x, dy, shape, gamma, s, dx, dGamma, dBeta, y: relu ? y : default, mask: mask);
                    break;
                case "batchrenorm":
                    Functional.BatchRenormTraining(x, shape, new float[C], Samples.Constant(C, 1), (1.2, 0.5), gamma, beta, 0.1, y, s, mask: mask);
                    Functional.BatchNormBackward(x, dy, shape, gamma, s, dx, dGamma, dBeta, mask: mask);
                    break;
                case "ghostbatchnorm":
                    Functional.GhostBatchNormTraining(x, shape, 4, gamma, beta, 0.1, y, s, mask: mask);
                    Functional.GhostBatchNormBackward(x, dy, shape, 4, gamma, s, dx, dGamma, dBeta, mask: mask);
                    break;
                case "groupnorm":
                    Functional.GroupNorm(x, shape, 2, gamma, beta, 0.1, y, s, relu, mask);
                    Functional.GroupNormBackward(x, dy, shape, 2, gamma, s, dx, dGamma, dBeta, relu ? y : default, mask);
                    break;
                default:
                    Functional.InstanceNorm(x, shape, gamma, beta, 0.1, y, s, relu, mask);
                    Functional.InstanceNormBackward(x, dy, shape, gamma, s, dx, dGamma, dBeta, relu ? y : default, mask);
                    break;
            }

            Compare.SameBits(Samples.Forward(layer, x, shape), y, "y");
            Compare.SameBits(Samples.Backward(layer, x, dy), dx, "dx");
            Compare.SameBits(name == "adaptive" ? ((AdaptiveLayerNorm)layer).ScaleGradient : layer.Parameters[0].Gradient, dGamma, "dGamma");
            if (layer.Parameters.Count > 1)
            {
                Compare.SameBits(layer.Parameters[1].Gradient, dBeta, "dBeta");
            }
        }
    }

    [Theory]
    [InlineData("layernorm", 300, 700, 1)]
    [InlineData("scalenorm", 300, 700, 1)]
    [InlineData("dynamic", 900, 260, 1)]
    [InlineData("batchnorm", 900, 260, 1)]
    [InlineData("ghostbatchnorm", 8, 64, 500)]
    [InlineData("batchrenorm", 60, 64, 50)]
    [InlineData("groupnorm", 4, 64, 2400)]
    [InlineData("instancenorm", 4, 64, 2400)]
    public void Passes_AnyNumberOfThreads_SameBits(string name, int rows, int channels, int length)
    {
        Shape shape = length == 1 ? (rows, channels) : (rows, channels, length);
        bool[] mask = Mask("random", rows * length, rows);

        // An engine's tensor is the batch, or a chunk of it, or a sample: each must be large enough for a second thread.
        int tensor = name switch { "groupnorm" or "instancenorm" => length, "ghostbatchnorm" => 4 * length, _ => mask.Length };
        int fewest = mask.Chunk(tensor).Min(part => part.Count(left => left));
        Assert.InRange(channels * fewest, NormLayers.Numerics.Kernels.FewestElements, shape.Length);
        float[][] Run(int threads)
        {
            Threads.Limit = threads;
            MaskableLayer layer = (MaskableLayer)Create(name, channels);
            layer.Mask = mask;
            (float[] x, float[] dy) = Layers.Data(shape);
            return [Samples.Forward(layer, x, shape), Samples.Backward(layer, x, dy), .. layer.Parameters.Select(p => p.Gradient)];
        }

        float[][] expected = Run(1);
        foreach (int threads in (int[])[2, 3, 8])
        {
            foreach ((float[] one, float[] many) in expected.Zip(Run(threads)))
            {
                Compare.SameBits(one, many, $"{threads} threads");
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Passes_SteadyState_AllocateNothing(string name, Shape shape)
    {
        MaskableLayer layer = (MaskableLayer)Create(name, ChannelsOf(name, shape), samples: shape[0]);
        int units = shape.Length / ChannelsOf(name, shape);
        bool[][] masks = [Mask("random", units, shape[0]), Mask("prefix", units, shape[0]), Mask("all", units, shape[0])];
        (float[] x, float[] dy) = Layers.Data(shape);
        (float[] y, float[] dx) = (new float[x.Length], new float[x.Length]);
        void Steps()
        {
            foreach (bool[] mask in masks)
            {
                layer.Mask = mask;
                layer.Forward(x, shape, y);
                layer.Backward(x, dy, dx);
            }
        }

        Steps();
        Assert.Equal(0, Allocations.Of(Steps));
    }

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Backward_MaskChangedAndInPlace_UsesTheForwardPasss(string name, Shape shape)
    {
        int units = shape.Length / ChannelsOf(name, shape);
        MaskableLayer layer = (MaskableLayer)Create(name, ChannelsOf(name, shape), samples: shape[0]);
        layer.Mask = Mask("random", units, shape[0]);
        (float[] x, float[] dy) = Layers.Data(shape);
        float[] y = Samples.Forward(layer, x, shape);
        float[] dx = Samples.Backward(layer, x, dy);
        float[] inPlace = [.. x];
        ((INormalization)layer).Running?.Reset();
        layer.Forward(inPlace, shape, inPlace);
        Compare.SameBits(y, inPlace, "y in place");
        Array.Clear(layer.Mask);
        layer.Mask = null;
        layer.Backward(x, dy, dy);
        Compare.SameBits(dx, dy, "dx in place");
        ((INormalization)layer).Running?.Reset();
        Layer never = Create(name, ChannelsOf(name, shape), samples: shape[0]);
        Compare.SameBits(Samples.Forward(never, x, shape), Samples.Forward(layer, x, shape), "y without a mask");
    }

    [Fact]
    public void RunningStatistics_Masked_CountTheUnmaskedPositions()
    {
        Shape shape = (4, 2, 3);
        bool[] mask = [true, true, false, true, false, false, false, false, false, true, true, true];
        (float[] x, _) = Layers.Data(shape);
        BatchNorm batch = new(2) { Mask = mask };
        Samples.Forward(batch, x, shape);
        InstanceNorm instance = new(2, trackRunningStatistics: true) { Mask = [true, true, false, true, false, true, false, false, false, true, true, true] };
        Samples.Forward(instance, x, shape);
        for (int c = 0; c < 2; c++)
        {
            double[] left = [.. Enumerable.Range(0, 12).Where(p => mask[p]).Select(p => (double)x[(p / 3 * 2 + c) * 3 + p % 3])];
            Assert.Equal(6, left.Length);
            Assert.Equal(0.1 * left.Average(), batch.Running!.Mean[c], 1e-6);
            Assert.Equal(0.9 + 0.1 * left.Sum(v => Math.Pow(v - left.Average(), 2)) / 5, batch.Running.Variance[c], 1e-6);

            double[][] instances = [.. new[] { 0, 1, 3 }.Select(n => Enumerable.Range(0, 3).Where(l => instance.Mask[n * 3 + l]).Select(l => (double)x[(n * 2 + c) * 3 + l]).ToArray())];
            Assert.Equal([2, 2, 3], instances.Select(i => i.Length));
            Assert.Equal(0.1 * instances.Average(i => i.Average()), instance.Running!.Mean[c], 1e-6);
            double unbiased = instances.Average(i => i.Sum(v => Math.Pow(v - i.Average(), 2)) / (i.Length - 1));
            Assert.Equal(0.9 + 0.1 * unbiased, instance.Running.Variance[c], 1e-6);
        }

        instance.Training = false;
        float[] y = Samples.Forward(instance, x, shape);
        Assert.All(Enumerable.Range(12, 6), i => Assert.Equal(0, y[i]));
        Compare.Within(instance.CreateReference().Forward(Compare.Widen(x), shape), y, 4e-6, "evaluation");
        Compare.Within(instance.CreateReference() is var r && r.Forward(Compare.Widen(x), shape) is var _ ? r.Backward(Compare.Widen(x)) : [], Samples.Backward(instance, x, x), 4e-6, "dx");
        instance.Mask = new bool[12];
        Compare.AllEqual(0, Samples.Forward(instance, x, shape), "all masked");
        Compare.AllEqual(0, Samples.Backward(instance, x, x), "dx of all masked");
    }

    // The numbers of Keras' own test of a masked batch normalization, with the population variance of its convention.
    [Fact]
    public void BatchNorm_PaddedSteps_AreExcluded()
    {
        BatchNorm layer = new(2, momentum: Momentum.OldWeight(0)) { Mask = [true, true, false] };
        Samples.Forward(layer, [1, 2, 0, 5, 5, 0], (1, 2, 3));
        Assert.Equal([1.5f, 5], layer.Running!.Mean);
        Assert.Equal([0.25f * 2, 0], layer.Running.Variance);
    }

    [Fact]
    public void Errors_LengthAndOneValue_AreNamed()
    {
        ArgumentException rows = Assert.Throws<ArgumentException>(() => Samples.Forward(new LayerNorm1D(3) { Mask = new bool[5] }, new float[12], (4, 3)));
        Assert.Equal("Mask", rows.ParamName);
        Assert.StartsWith("Expected a value for each of 4 rows, or for each of 12 elements, got 5 values.", rows.Message, StringComparison.Ordinal);
        ArgumentException whole = Assert.Throws<ArgumentException>(() => Samples.Forward(new DynamicLayerNorm(3) { Mask = new bool[12] }, new float[12], (4, 3)));
        Assert.StartsWith("Expected a value for each of 4 rows, got 12 values.", whole.Message, StringComparison.Ordinal);
        foreach (MaskableLayer layer in (MaskableLayer[])[new BatchNorm(3), new GhostBatchNorm(3, 2), new BatchRenorm(3, RenormLimits.Paper), new GroupNorm(1, 3), new InstanceNorm(3)])
        {
            foreach (int length in (int[])[0, 7, 24])
            {
                layer.Mask = new bool[length];
                ArgumentException positions = Assert.Throws<ArgumentException>(() => Samples.Forward(layer, new float[24], (4, 3, 2)));
                Assert.StartsWith($"Expected a value for each of 8 positions, got {length} values.", positions.Message, StringComparison.Ordinal);
            }

            Assert.Throws<InvalidOperationException>(() => Samples.Backward(layer, new float[24], new float[24]));
        }

        Assert.Equal("mask", Assert.Throws<ArgumentException>(() =>
            Functional.GroupNorm(new float[24], (4, 3, 2), 1, Functional.Ones, Functional.Zeros, 1e-5, new float[24], new NormStatistics(), mask: new bool[3])).ParamName);

        ArgumentException one = Assert.Throws<ArgumentException>(() => Samples.Forward(new BatchNorm(3) { Mask = [false, true, false, false] }, new float[12], (4, 3)));
        Assert.Contains("got shape (4, 3), with one that is not masked", one.Message, StringComparison.Ordinal);
        ArgumentException sample = Assert.Throws<ArgumentException>(() => Samples.Forward(new InstanceNorm(3) { Mask = [true, true, false, true] }, new float[12], (2, 3, 2)));
        Assert.Contains("more than 1 unmasked value per group for instancenorm, because one is its own mean, got one in sample 1", sample.Message, StringComparison.Ordinal);
        Assert.Empty(Samples.Forward(new LayerNorm1D(3) { Mask = [] }, [], (0, 3)));
    }

    private static TheoryData<string, Shape> Cases(string[] names, params Shape[] shapes)
    {
        TheoryData<string, Shape> cases = [];
        foreach (string name in names)
        {
            foreach (Shape shape in shapes)
            {
                cases.Add(name, shape);
            }
        }

        return cases;
    }

    private static int ChannelsOf(string name, Shape shape) => s_wholeRowLayers.Contains(name) || name == "adaptive" ? shape.Last : shape[1];

    // ε is large enough to matter, and γ and β differ by element; columns are some of a wider layer's.
    private static Layer Create(string name, int features, int[]? columns = null, int samples = 1)
    {
        int C = columns?.Length ?? features;
        bool relu = name.EndsWith("relu", StringComparison.Ordinal);
        Layer layer = name.Split(' ')[0] switch
        {
            "layernorm" => new LayerNorm1D(C, 0.1, relu: relu, onePlusGamma: relu),
            "rmsnorm" => new RmsNorm(C, 0.1, epsilonOutsideRoot: name.EndsWith("outside", StringComparison.Ordinal)),
            "scalenorm" => new ScaleNorm(C, 0.1),
            "adaptive" => new AdaptiveLayerNorm(C),
            "dynamic" => new DynamicLayerNorm(C, 0.1),
            "batchnorm" => new BatchNorm(C, 0.1, relu: relu),
            "batchrenorm" => new BatchRenorm(C, new RenormLimits(1.2, 0.5), 0.1),
            "ghostbatchnorm" => new GhostBatchNorm(C, 4, 0.1),
            "groupnorm" => new GroupNorm(2, C, 0.1, relu: relu),
            _ => new InstanceNorm(C, 0.1, withGamma: true, withBeta: true, trackRunningStatistics: false),
        };
        foreach ((Parameter parameter, int i) in layer.Parameters.Select((p, i) => (p, i)))
        {
            bool one = parameter.Value.Length == 1 && features > 1;
            float[] values = Samples.Normal(columns is null || one ? parameter.Value.Length : features, relu && name.StartsWith("layer", StringComparison.Ordinal) && i == 0 ? 0 : 0.8, 0.4, (ulong)i + 1);
            (columns is null || one ? values : Take(values, columns)).CopyTo(parameter.Value, 0);
        }

        (layer as AdaptiveLayerNorm)?.SetCondition(Samples.Normal(samples * features, 0.2, 0.4, 11), Samples.Normal(samples * features, -0.1, 0.4, 12));
        return layer;
    }

    // In evaluation, with running statistics that no new layer has.
    private static Layer Trained(string name, int features)
    {
        Layer layer = Create(name, features);
        layer.Training = false;
        RunningStatistics running = ((INormalization)layer).Running!;
        Samples.Normal(features, 0.7, 0.5, seed: 5).CopyTo(running.Mean, 0);
        Array.ConvertAll(Samples.Normal(features, 0, 1, seed: 6), v => 0.5f + v * v).CopyTo(running.Spread, 0);
        return layer;
    }

    // A value for each unit, of which neighbours belong to a row.
    private static bool[] Mask(string kind, int units, int rows)
    {
        RandomSource random = new(7);
        bool[] drawn = [.. Enumerable.Range(0, units).Select(_ => random.NextNormal() > -0.4)];
        int length = units / rows;
        return [.. Enumerable.Range(0, units).Select(i => kind switch
        {
            "all" => true,
            "random" => drawn[i],
            "prefix" => length == 1 ? i < (units + 2) / 2 : i % length < Math.Max(2, length - i / length % length),
            "some rows" => i / length % 3 != 1,
            "one" => i == units / 2,
            _ => false,
        })];
    }

    // The elements of some samples' unmasked positions, as rows of channels.
    private static int[] Positions(Shape shape, bool[] mask, int start, int end)
    {
        int C = shape[1];
        int L = shape.Length / (shape[0] * C);
        return [.. Enumerable.Range(start * L, (end - start) * L).Where(p => mask[p]).SelectMany(p => Enumerable.Range(0, C).Select(c => (p / L * C + c) * L + p % L))];
    }

    private static Piece PieceOfRow(string name, int features, int[] row)
    {
        int[] columns = [.. row.Select(i => i % features)];
        return new(row, (1, row.Length), Create(name, features, columns), columns);
    }

    private static float[] Take(ReadOnlySpan<float> values, int[] indices)
    {
        float[] taken = new float[indices.Length];
        for (int i = 0; i < taken.Length; i++)
        {
            taken[i] = values[indices[i]];
        }

        return taken;
    }

    // x and dy with NaN and infinity where they are masked.
    private static (float[] X, float[] Dy) Spoilt(Shape shape, IReadOnlyList<bool> counts)
    {
        (float[] x, float[] dy) = Layers.Data(shape);
        for (int i = 0; i < x.Length; i++)
        {
            (x[i], dy[i]) = counts[i] ? (x[i], dy[i]) : (i % 2 == 0 ? float.NaN : float.PositiveInfinity, i % 3 == 0 ? float.NegativeInfinity : float.NaN);
        }

        return (x, dy);
    }

    // A masked layer against plain ones on the pieces that are left. One piece has the same bits in the parameters' gradients too; several are added in double.
    private static void AssertPieces(Layer masked, bool[] mask, Shape shape, IReadOnlyList<Piece> pieces)
    {
        ((MaskableLayer)masked).Mask = mask;
        HashSet<int> kept = [.. pieces.SelectMany(p => p.Kept)];
        (float[] x, float[] dy) = Spoilt(shape, [.. Enumerable.Range(0, shape.Length).Select(kept.Contains)]);
        float[] y = Samples.Forward(masked, x, shape);
        float[] dx = Samples.Backward(masked, x, dy);
        double[][] gradients = [.. masked.Parameters.Select(p => new double[p.Value.Length])];
        double[][] magnitudes = [.. masked.Parameters.Select(p => new double[p.Value.Length])];
        foreach ((int[] indices, Shape compacted, Layer plain, int[]? columns) in pieces.Where(p => p.Kept.Length > 0))
        {
            plain.ZeroGradients();
            float[] left = Take(x, indices);
            Compare.SameBits(Samples.Forward(plain, left, compacted), Take(y, indices), "y");
            Compare.SameBits(Samples.Backward(plain, left, Take(dy, indices)), Take(dx, indices), "dx");
            for (int p = 0; p < gradients.Length; p++)
            {
                for (int i = 0; i < plain.Parameters[p].Gradient.Length; i++)
                {
                    int place = gradients[p].Length == 1 || columns is null ? i : columns[i];
                    gradients[p][place] += plain.Parameters[p].Gradient[i];
                    magnitudes[p][place] += Math.Abs(plain.Parameters[p].Gradient[i]);
                }
            }
        }

        for (int i = 0; i < x.Length; i++)
        {
            if (!kept.Contains(i) && (BitConverter.SingleToInt32Bits(y[i]), BitConverter.SingleToInt32Bits(dx[i])) != (0, 0))
            {
                Assert.Fail($"[{i}] is masked: {y[i]}, {dx[i]}");
            }
        }

        for (int p = 0; p < gradients.Length; p++)
        {
            // Each piece's gradient was rounded to half an ulp.
            double[] tolerances = [.. magnitudes[p].Select(m => pieces.Count == 1 ? 0 : Tolerance.Sum(m))];
            Compare.Within(gradients[p], masked.Parameters[p].Gradient, tolerances, masked.Parameters[p].Name);
        }

        RunningStatistics? running = ((INormalization)masked).Running;
        if (running is not null)
        {
            RunningStatistics expected = ((INormalization)pieces.Select(p => p.Plain).DefaultIfEmpty(Create("batchnorm", running.Mean.Length)).First()).Running!;
            Compare.SameBits(expected.Mean, running.Mean, "running mean");
            Compare.SameBits(expected.Spread, running.Spread, "running variance");
            Assert.Equal(expected.BatchesSeen, running.BatchesSeen);
        }
    }

    private sealed record Piece(int[] Kept, Shape Compacted, Layer Plain, int[]? Columns = null);

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Backward_WithoutDx_AddsTheSameGradients(string name, Shape shape)
    {
        int C = ChannelsOf(name, shape);
        (float[] x, float[] dy) = Layers.Data(shape);
        (float[] with, float[] without) = (Gradients(new float[x.Length]), Gradients([]));
        Assert.Contains(with, g => g != 0);
        Compare.SameBits(with, without, name);

        float[] Gradients(float[] dx)
        {
            MaskableLayer layer = (MaskableLayer)Create(name, C, samples: shape[0]);
            layer.Mask = Mask("random", shape.Length / C, shape[0]);
            layer.Forward(x, shape, new float[x.Length]);
            layer.Backward(x, dy, dx);
            return layer is AdaptiveLayerNorm adaptive ? [.. adaptive.ScaleGradient, .. adaptive.ShiftGradient] : [.. layer.Parameters.SelectMany(p => p.Gradient)];
        }
    }
}
