using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Lab.Tests.Training;

/// <summary>A small problem that every mode learns in a few epochs, and what it takes to train on it.</summary>
internal static class Problems
{
    public const int Features = 4;
    public const int Classes = 3;

    /// <summary>Of <see cref="ThreeClouds"/> in mini-batches of 32.</summary>
    public const int StepsPerEpoch = 8;

    public static DataSplit ThreeClouds(int train = 240, int test = 90) => new(Clouds("train", train, 1), Clouds("test", test, 2));

    public static Sequential Network(NormalizationKind? normalization = null, ulong seed = 42) =>
        Mlp.Create(new MlpOptions { InputFeatures = Features, Classes = Classes, HiddenFeatures = [16], Normalization = normalization ?? NormalizationKind.BatchNorm, Seed = seed });

    /// <summary>Two hidden layers, so that there is an inner one.</summary>
    public static Sequential Deep(NormalizationKind normalization) =>
        Mlp.Create(new MlpOptions { InputFeatures = Features, Classes = Classes, HiddenFeatures = [16, 8], Normalization = normalization });

    public static TrainingResult Fit(
        Sequential network, DataSplit data, TrainingOptions options, ITrainingObserver? observer = null, double learningRate = 0.05) =>
        new Trainer(network, new SgdOptimizer(network.Parameters, learningRate), options, observer).Fit(data, TestContext.Current.CancellationToken);

    public static TrainingResult FitUntil(
        Sequential network, DataSplit data, TrainingOptions options, ITrainingObserver? observer, CancellationToken token) =>
        new Trainer(network, new SgdOptimizer(network.Parameters, 0.05), options, observer).Fit(data, token);

    /// <summary>The bytes that each step of three epochs allocated; 0 for the first of an epoch, since an evaluation precedes it.</summary>
    public static long[] AllocatedBySteps(
        TrainingOptions options, NormalizationKind? normalization = null, Func<IReadOnlyList<Parameter>, Optimizer>? optimizer = null) =>
        Allocations.Least(() =>
        {
            AllocationObserver observer = new(3 * StepsPerEpoch);
            Sequential network = Network(normalization);
            Optimizer update = optimizer?.Invoke(network.Parameters) ?? new SgdOptimizer(network.Parameters, 0.05);
            new Trainer(network, update, options with { Epochs = 3 }, observer).Fit(ThreeClouds(), TestContext.Current.CancellationToken);
            return [.. observer.Bytes.Select((b, i) => i % StepsPerEpoch == 0 ? 0 : b - observer.Bytes[i - 1])];
        });

    private static Dataset Clouds(string name, int count, ulong seed)
    {
        RandomSource random = new(seed);
        float[] features = new float[count * Features];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = i % Classes;
            for (int f = 0; f < Features; f++)
            {
                features[i * Features + f] = (float)(random.NextNormal() + (f == labels[i] ? 3 : 0));
            }
        }

        return new Dataset(name, features, labels, Features, Classes);
    }
}

/// <summary>Keeps everything it is told, and does something at one step.</summary>
internal sealed class RecordingObserver(Action<StepMetrics>? onStep = null) : ITrainingObserver
{
    public List<StepMetrics> Steps { get; } = [];

    public List<EpochMetrics> Epochs { get; } = [];

    public List<ProbeRecord> Probes { get; } = [];

    public void OnProbe(ProbeRecord record) => Probes.Add(record);

    public void OnStep(in StepMetrics metrics)
    {
        Steps.Add(metrics);
        onStep?.Invoke(metrics);
    }

    public void OnEpoch(EpochMetrics metrics) => Epochs.Add(metrics);
}

/// <summary>Notes how much the training thread has allocated by each step, without allocating.</summary>
internal sealed class AllocationObserver(int steps) : ITrainingObserver
{
    public long[] Bytes { get; } = new long[steps];

    public void OnStep(in StepMetrics metrics) => Bytes[metrics.Step - 1] = GC.GetAllocatedBytesForCurrentThread();
}

/// <summary>Passes its input on, counts its passes and remembers the first feature of each training sample.</summary>
internal sealed class SpyLayer() : Layer("spy")
{
    public List<float[]> Batches { get; } = [];

    public int EvaluationPasses { get; private set; }

    public override Shape OutputShape(Shape shape) => shape;

    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        x.CopyTo(y);
        if (Training)
        {
            float[] first = new float[shape[0]];
            for (int n = 0; n < first.Length; n++)
            {
                first[n] = x[n * shape.Last];
            }

            Batches.Add(first);
        }
        else
        {
            EvaluationPasses++;
        }
    }

    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (!dx.IsEmpty)
        {
            dy.CopyTo(dx);
        }
    }
}
