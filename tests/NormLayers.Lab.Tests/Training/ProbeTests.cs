using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Lab.Tests.Training;

/// <summary>Probes say what their definitions say, and the training does not notice them.</summary>
public sealed class ProbeTests
{
    // A few thousand roundings of double, each below 1.2e-16, of numbers that are sums without cancellation.
    private const double Tolerance = 1e-12;

    // A float forward pass against one in double.
    private const double LossTolerance = 1e-5;

    private const int Samples = 32;

    private static readonly TrainingOptions s_options = new() { Epochs = 3, BatchSize = 32 };

    [Theory]
    [InlineData("none")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    public void Fit_Probed_SaysWhatANaiveComputationSays(string mode)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        DataSplit data = Problems.ThreeClouds();
        RecordingObserver observer = new();
        Problems.Fit(Problems.Deep(normalization), data, s_options with { Epochs = 1, Shuffle = false, ProbeInterval = 1 }, observer);

        Sequential network = Problems.Deep(normalization);
        SgdOptimizer optimizer = new(network.Parameters, 0.05);
        Assert.Equal(8, observer.Probes.Count);
        for (int step = 0; step < 8; step++)
        {
            int rows = Math.Min(32, data.Train.Count - step * 32);
            float[] x = data.Train.Features.AsSpan(step * 32 * Problems.Features, rows * Problems.Features).ToArray();
            int[] labels = data.Train.Labels.AsSpan(step * 32, rows).ToArray();
            Check(observer.Probes[step], network, optimizer, x, labels);
        }
    }

    [Theory]
    [InlineData("none")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    public void Fit_Probed_TrainsToTheSameBits(string mode)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        (Sequential plain, TrainingResult plainResult, RecordingObserver plainObserver) = Train(0);
        (Sequential probed, TrainingResult probedResult, RecordingObserver probedObserver) = Train(1);

        Assert.Empty(plainObserver.Probes);
        Assert.Equal(24, probedObserver.Probes.Count);
        foreach ((NamedParameter a, NamedParameter b) in plain.NamedParameters.Zip(probed.NamedParameters))
        {
            Compare.SameBits(a.Parameter.Value, b.Parameter.Value, a.Name);
        }

        foreach ((BatchNorm1D a, BatchNorm1D b) in plain.Layers.OfType<BatchNorm1D>().Zip(probed.Layers.OfType<BatchNorm1D>()))
        {
            Compare.SameBits(a.Running!.Mean, b.Running!.Mean, a.Name);
            Compare.SameBits(a.Running.Variance, b.Running.Variance, a.Name);
            Assert.Equal(a.Running.BatchesSeen, b.Running.BatchesSeen);
        }

        Assert.Equal(plainObserver.Steps, probedObserver.Steps);
        Assert.Equal(plainResult.Test, probedResult.Test);
        Assert.Equal(plainResult.History.Select(e => e with { Seconds = 0 }), probedResult.History.Select(e => e with { Seconds = 0 }));

        (Sequential, TrainingResult, RecordingObserver) Train(int interval)
        {
            Sequential network = Problems.Deep(normalization);
            RecordingObserver observer = new();
            AdamOptimizer optimizer = new(network.Parameters, 0.01);
            TrainingResult result = new Trainer(network, optimizer, s_options with { ProbeInterval = interval }, observer)
                .Fit(Problems.ThreeClouds(), TestContext.Current.CancellationToken);
            return (network, result, observer);
        }
    }

    [Fact]
    public void Fit_ProbeInterval_ProbesTheFirstStepAndEveryNthAfterIt()
    {
        RecordingObserver observer = new();
        Problems.Fit(Problems.Network(), Problems.ThreeClouds(), s_options with { ProbeInterval = 7 }, observer);

        Assert.Equal([1, 8, 15, 22], observer.Probes.Select(p => p.Step));
        Assert.Equal([1, 1, 2, 3], observer.Probes.Select(p => p.Epoch));
        Assert.Equal(observer.Probes.Select(p => p.TrainingLoss), observer.Steps.Where(s => s.Step % 7 == 1).Select(s => s.Loss));
    }

    [Theory]
    [InlineData(0, true, 0)]
    [InlineData(5, false, 0)]
    [InlineData(5, true, 5)]
    public void Fit_ProbesOff_MakesNoFurtherPass(int interval, bool observed, int probes)
    {
        SpyLayer spy = new();
        Sequential network = new(spy, new Linear(Problems.Features, Problems.Classes, new RandomSource(1)));
        Problems.Fit(network, Problems.ThreeClouds(), s_options with { ProbeInterval = interval }, observed ? new RecordingObserver() : null);

        // 24 training steps, and after each of 3 epochs one pass over each set.
        Assert.Equal(24, spy.Batches.Count);
        Assert.Equal(6 + probes, spy.EvaluationPasses);
    }

    [Fact]
    public void Fit_StepsBetweenProbes_AllocateNothing()
    {
        long[] bytes = Problems.AllocatedBySteps(s_options with { ProbeInterval = 5 });

        // Steps are counted from 0; what the first of an epoch allocates is not known.
        Assert.All(bytes, (b, step) => Assert.Equal(step % 5 == 0 && step % Problems.StepsPerEpoch != 0, b > 0));
    }

    [Fact]
    public void Fit_LayerPutIntoEvaluationMode_StaysInIt()
    {
        Sequential network = Problems.Network();
        RecordingObserver observer = new(step => network.Layers[1].Training = step.Step < 4);
        Problems.Fit(network, Problems.ThreeClouds(), s_options with { ProbeInterval = 1 }, observer);

        // Evaluation and training differ only by the running statistics, which the layer now uses in both.
        Assert.All(observer.Probes.Take(4), p => Assert.NotEqual(p.TrainingLoss, p.EvaluationLoss));
        Assert.All(observer.Probes.Skip(4), p => Assert.Equal(p.TrainingLoss, p.EvaluationLoss));
        Assert.Equal(4, ((BatchNorm1D)network.Layers[1]).Running!.BatchesSeen);
    }

    [Fact]
    public void Fit_FrozenStatistics_HasNoEffectiveLearningRate()
    {
        Sequential network = Problems.Network();
        ((BatchNorm1D)network.Layers[1]).FreezeStatistics = true;
        RecordingObserver observer = new();
        Problems.Fit(network, Problems.ThreeClouds(), s_options with { ProbeInterval = 8 }, observer);

        Assert.All(observer.Probes, p => Assert.Null(p.Layers[0].Parameters[0].EffectiveLearningRate));
        Assert.All(observer.Probes, p => Assert.NotNull(p.Layers[1].Drift));
    }

    [Theory]
    [InlineData("batch")]
    [InlineData("batch, biased")]
    [InlineData("batch, masked")]
    [InlineData("one chunk")]
    [InlineData("renorm")]
    [InlineData("instances")]
    [InlineData("instances, masked")]
    public void Fit_RunningStatisticsOfTheSameBatch_HaveNoDrift(string kind)
    {
        StatisticsDrift[] drifts = Drifts(Tracking(kind, Momentum.NewWeight(1)), epochs: 2);

        Assert.True(drifts[0].Mean > 0.1 && drifts[0].Variance > 0.1, $"{drifts[0]}");
        Assert.True(drifts[1].Mean < 1e-6 && drifts[1].Variance < 1e-6, $"{drifts[1]}"); // Running statistics are floats.
    }

    [Theory]
    [InlineData("instances", 1)]
    [InlineData("chunks of 5", 5)]
    public void Fit_RunningStatisticsOfSeveralSets_DriftFromTheirAverages(string kind, int samples)
    {
        RunningLayer norm = Tracking(kind, Momentum.Default);
        RandomSource random = new(3);
        double[] mean = [.. Enumerable.Range(0, 9).Select(c => norm.Running!.Mean[c] = (float)random.NextNormal())];
        double[] variance = [.. Enumerable.Range(0, 9).Select(c => norm.Running!.Variance[c] = (float)random.NextDouble(0.5, 2))];
        StatisticsDrift drift = Drifts(norm, epochs: 1)[0];

        float[] x = new float[Samples * 36];
        Patches(random: new RandomSource(1)).Forward(Problems.ThreeClouds(Samples, Samples).Train.Features, (Samples, Problems.Features), x);
        (double squares, double logs) = (0, 0);
        for (int c = 0; c < 9; c++)
        {
            double[][] sets = [.. x.Chunk(36).Chunk(samples).Select(set => set.SelectMany(s => s[(4 * c)..(4 * c + 4)]).Select(v => (double)v).ToArray())];
            double average = sets.Average(s => s.Average());
            double spread = sets.Average(s => s.Sum(v => Math.Pow(v - s.Average(), 2)) / (s.Length - 1));
            squares += Math.Pow(average - mean[c], 2) / (variance[c] + norm.Epsilon) / 9;
            logs += Math.Abs(Math.Log((spread + norm.Epsilon) / (variance[c] + norm.Epsilon))) / 9;
        }

        Assert.Equal(Math.Sqrt(squares), drift.Mean, Tolerance);
        Assert.Equal(logs, drift.Variance, Tolerance);
    }

    [Fact]
    public void Fit_LayerOfYourOwnWithRunningStatistics_HasNoDrift()
    {
        RecordingObserver observer = new();
        RandomSource random = new(1);
        Sequential network = new(new Linear(Problems.Features, 3, random, name: "first"), new TrackingLayer(), new Linear(3, Problems.Classes, random, name: "last"));
        Problems.Fit(network, Problems.ThreeClouds(), s_options with { ProbeInterval = 10 }, observer);

        Assert.Equal(3, observer.Probes.Count);
        Assert.All(observer.Probes, p => Assert.Null(p.Layers[1].Drift));
    }

    [Fact]
    public void Fit_ReLUFusedIntoANormalization_HasTheNumbersOfTheReLU()
    {
        LayerProbe batch = Probe(new BatchNorm1D(8, name: "norm"), new ReLU())[^2];
        LayerProbe layer = Probe(new LayerNorm1D(8, name: "norm"), new ReLU())[^2];

        Assert.Equal(NaiveProbe.Flatten(batch with { Drift = null }), NaiveProbe.Flatten(Probe(new BatchNorm1D(8, relu: true))[^2] with { Drift = null }));
        Assert.Equal(NaiveProbe.Flatten(layer), NaiveProbe.Flatten(Probe(new LayerNorm1D(8, relu: true))[^2]));

        static IReadOnlyList<LayerProbe> Probe(params Layer[] middle)
        {
            RandomSource random = new(1);
            Sequential network = new([new Linear(Problems.Features, 8, random, name: "first"), .. middle, new Linear(8, Problems.Classes, random, name: "last")]);
            RecordingObserver observer = new();
            Problems.Fit(network, Problems.ThreeClouds(), s_options with { Epochs = 1, ProbeInterval = 100 }, observer);
            return observer.Probes[0].Layers;
        }
    }

    [Fact]
    public void Constructor_NegativeProbeInterval_NamesTheOption()
    {
        Sequential network = Problems.Network();
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(
            () => new Trainer(network, new SgdOptimizer(network.Parameters, 0.1), s_options with { ProbeInterval = -1 }));
        Assert.Equal("ProbeInterval", error.ParamName);
        Assert.Contains("Expected a number ≥ 0, got -1.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Statistics_OfExtremeValues_AreTheirLimits()
    {
        float[] infinite = [1, float.PositiveInfinity, 2, 3, 4];
        Percentiles percentiles = ActivationStatistics.Percentiles(infinite);
        Assert.Equal((3.0, double.PositiveInfinity), (percentiles.P50, percentiles.P95));
        Assert.Equal(double.NaN, ActivationStatistics.Percentiles([1, float.NaN, 2]).P5);
        Assert.Equal(new Percentiles(7, 7, 7, 7, 7), ActivationStatistics.Percentiles([7]));

        Assert.Equal(0.75, ActivationStatistics.DeadShare([0, 1, 0, 0, 0, 2, -0f, 0], 2));
        Assert.Equal(-1, ActivationStatistics.MeanCosine([1, 1, -3, -3], 2), Tolerance);
        Assert.Equal(1, ActivationStatistics.MeanCosine([1, 2, 0, 0, 2, 4], 3), Tolerance);
        Assert.Equal(double.NaN, ActivationStatistics.MeanCosine([1, 2, 0, 0], 2));
    }

    private static RunningLayer Tracking(string kind, Momentum momentum)
    {
        bool[] mask = [.. Enumerable.Range(0, Samples * 4).Select(i => i % 3 != 1 && i / 4 != 7)];
        return kind switch
        {
            "batch" => new BatchNorm(9, momentum: momentum),
            "batch, biased" => new BatchNorm(9, momentum: momentum) { BiasedRunningVariance = true },
            "batch, masked" => new BatchNorm(9, momentum: momentum) { Mask = mask },
            "one chunk" => new GhostBatchNorm(9, Samples, momentum: momentum),
            "chunks of 5" => new GhostBatchNorm(9, 5, momentum: momentum),
            "renorm" => new BatchRenorm(9, new RenormLimits(3, 5), momentum: momentum),
            _ => new InstanceNorm(9, momentum: momentum, trackRunningStatistics: true) { Mask = kind == "instances" ? null : mask },
        };
    }

    // (N, 4) becomes (N, 9, 4).
    private static Sequential Patches(RandomSource random) =>
        new(new Linear(Problems.Features, 16, random), Rearrangement.Patches(16, new PatchOptions(2, 1)));

    // One step an epoch, on the same input.
    private static StatisticsDrift[] Drifts(RunningLayer norm, int epochs)
    {
        RandomSource random = new(1);
        Sequential first = Patches(random);
        foreach (Parameter parameter in first.Parameters)
        {
            parameter.Frozen = true;
        }

        Sequential network = new([.. first.Layers, norm, Rearrangement.Flatten(9, 4), new Linear(36, Problems.Classes, random, name: "last")]);
        RecordingObserver observer = new();
        TrainingOptions options = s_options with { Epochs = epochs, BatchSize = Samples, Shuffle = false, ProbeInterval = 1 };
        Problems.Fit(network, Problems.ThreeClouds(Samples, Samples), options, observer);
        return [.. observer.Probes.Select(p => p.Layers[2].Drift!)];
    }

    private static void Check(ProbeRecord record, Sequential network, SgdOptimizer optimizer, float[] x, int[] labels)
    {
        int rows = labels.Length;
        network.Training = false;
        double[] evaluated = network.CreateReference()!.Forward(Compare.Widen(x), (rows, Problems.Features));
        network.Training = true;
        double[][] values = [.. network.Parameters.Select(p => Compare.Widen(p.Value))];
        (float[], float[])?[] running = [.. network.Layers.Select(l => l is BatchNorm1D b ? ((float[])b.Running!.Mean.Clone(), (float[])b.Running.Variance.Clone()) : ((float[], float[])?)null)];
        float[] logits = new float[rows * Problems.Classes];
        float[] dLogits = new float[logits.Length];
        network.Forward(x, (rows, Problems.Features), logits);
        (double loss, _) = SoftmaxCrossEntropy.Evaluate(logits, labels, dLogits);
        network.ZeroGradients();
        network.Backward(x, dLogits, default);
        optimizer.Step();

        Assert.Equal(loss, record.TrainingLoss);
        Assert.Equal(CrossEntropy(evaluated, labels), record.EvaluationLoss, LossTolerance);
        Assert.Equal(network.Layers.Select(l => l.Name), record.Layers.Select(l => l.Layer));
        double[] input = Compare.Widen(x);
        int parameter = 0;
        for (int i = 0; i < network.Layers.Count; i++)
        {
            Layer layer = network.Layers[i];
            bool isLast = i == network.Layers.Count - 1;
            double[] output = Compare.Widen(isLast ? logits : network.Activations(i));
            double[] gradient = Compare.Widen(isLast ? dLogits : network.ActivationGradients(i));
            Close(NaiveProbe.Layer(input, output, gradient, rows, layer, running[i]), NaiveProbe.Flatten(record.Layers[i]), $"step {record.Step}, {layer.Name}");
            Assert.Equal(layer.Parameters.Select(p => p.Name), record.Layers[i].Parameters.Select(p => p.Name));
            bool beforeNorm = i + 1 < network.Layers.Count && network.Layers[i + 1] is BatchNorm1D or LayerNorm1D or RmsNorm;
            foreach ((Parameter p, ParameterProbe probe) in layer.Parameters.Zip(record.Layers[i].Parameters))
            {
                double[] before = values[parameter++];
                Close(
                    NaiveProbe.Parameter(before, Compare.Widen(p.Value), Compare.Widen(p.Gradient), beforeNorm && p.Name == "weight" ? optimizer.LearningRate : null),
                    NaiveProbe.Flatten(probe),
                    $"step {record.Step}, {layer.Name}.{p.Name}");
            }

            input = output;
        }
    }

    private static void Close(double[] expected, double[] actual, string what) =>
        Compare.Within(expected, actual, [.. expected.Select(e => Tolerance * Math.Max(1, Math.Abs(e)))], what);

    private static double CrossEntropy(double[] logits, int[] labels) => logits.Chunk(Problems.Classes)
        .Select((row, n) => Math.Log(row.Sum(z => Math.Exp(z - row[labels[n]])))).Average();

    /// <summary>y = x, with running statistics of whatever.</summary>
    private sealed class TrackingLayer() : Layer("own"), INormalization
    {
        public RunningStatistics? Running { get; } = new(3);

        public bool IgnoresInputScale => false;

        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }
}
