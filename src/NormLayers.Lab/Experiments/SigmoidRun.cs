using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>One training of the network of sigmoids, with its accuracy and the inputs of its last hidden layer over the steps.</summary>
internal sealed class SigmoidRun
{
    /// <summary>The units of a hidden layer.</summary>
    public const int Width = 100;

    /// <summary>The samples of a mini-batch.</summary>
    public const int Batch = 60;

    // A reading pools as many mini-batches, so that the percentiles of a unit come from 600 samples.
    private const int PooledBatches = 10;
    private const int Readings = 50;
    private const int HiddenLayers = 3;

    private readonly float[] _pool = new float[PooledBatches * Batch * Width];
    private readonly List<long> _steps = [];
    private readonly List<double> _accuracies = [];
    private readonly List<long> _readingSteps = [];
    private readonly List<Percentiles[]> _readings = [];

    private SigmoidRun()
    {
    }

    /// <summary>The steps after which the test accuracy was taken.</summary>
    public IReadOnlyList<long> Steps => _steps;

    /// <summary>The test accuracy after each of <see cref="Steps"/>.</summary>
    public IReadOnlyList<double> Accuracies => _accuracies;

    /// <summary>The steps after which the inputs of the last hidden layer's sigmoids were read.</summary>
    public IReadOnlyList<long> ReadingSteps => _readingSteps;

    /// <summary>The percentiles of each unit's input, at each of <see cref="ReadingSteps"/>.</summary>
    public IReadOnlyList<Percentiles[]> Inputs => _readings;

    /// <summary>The standard deviation over the readings of the median of a unit's input.</summary>
    public double SpreadOf(int unit)
    {
        double mean = _readings.Average(r => r[unit].Median);
        return Math.Sqrt(_readings.Average(r => (r[unit].Median - mean) * (r[unit].Median - mean)));
    }

    /// <summary>The mean of <see cref="SpreadOf"/> over all units.</summary>
    public double Spread => Enumerable.Range(0, Width).Average(SpreadOf);

    /// <summary>The unit whose standard deviation is the median over all units.</summary>
    public int TypicalUnit => Enumerable.Range(0, Width).OrderBy(SpreadOf).ElementAt(Width / 2);

    /// <summary>The first step after which the test accuracy was as high; null if it never was.</summary>
    public long? StepsTo(double accuracy) => Enumerable.Range(0, _steps.Count).Where(i => _accuracies[i] >= accuracy).Select(i => (long?)_steps[i]).FirstOrDefault();

    /// <summary>Trains on the calling thread.</summary>
    /// <param name="normalized">Whether batch normalization precedes each sigmoid, in place of a bias.</param>
    /// <param name="rate">The learning rate of plain stochastic gradient descent.</param>
    /// <param name="deviation">The standard deviation of the initial weights.</param>
    /// <param name="steps">How many steps.</param>
    /// <param name="data">What to train on, and what the accuracy is taken on.</param>
    /// <param name="context">Seed and request to stop.</param>
    /// <param name="progress">Is told of the epochs.</param>
    /// <param name="noisy">Whether <see cref="ActivationNoise"/> is put on the input of each sigmoid in training.</param>
    public static SigmoidRun Train(
        bool normalized, double rate, double deviation, long steps, DataSplit data, ExperimentContext context, ITrainingObserver progress, bool noisy = false)
    {
        RunSeeds seeds = RunSeeds.From((long)context.Seed);
        Sequential network = Create(normalized, noisy, deviation, data.Train, new RandomSource(seeds.Weights));
        SigmoidRun run = new();
        StepTraining.Run(
            network, new SgdOptimizer(network.Parameters, rate), data, Batch, steps, seeds.Order, progress, step => run.Watch(step, steps, network, data.Test), context.CancellationToken);
        return run;
    }

    private static Sequential Create(bool normalized, bool noisy, double deviation, Dataset data, RandomSource random)
    {
        List<Layer> layers = [];
        int inputs = data.FeatureCount;
        for (int i = 1; i <= HiddenLayers; i++)
        {
            layers.Add(Draw(inputs, Width, deviation, random, withBias: !normalized, $"linear{i}"));
            if (normalized)
            {
                layers.Add(new BatchNorm1D(Width, name: $"norm{i}"));
            }

            // It draws from the weights' source after all weights have been drawn: the same weights with and without noise.
            if (noisy)
            {
                layers.Add(new ActivationNoise(random, $"noise{i}"));
            }

            layers.Add(new Sigmoid($"sigmoid{i}"));
            inputs = Width;
        }

        layers.Add(Draw(inputs, data.ClassCount, deviation, random, withBias: true, $"linear{HiddenLayers + 1}"));
        return new Sequential(layers);
    }

    private static Linear Draw(int inputs, int outputs, double deviation, RandomSource random, bool withBias, string name)
    {
        Linear linear = new(inputs, outputs, new RandomSource(0), withBias: withBias, name: name);
        foreach (ref float weight in linear.Weight.Value.AsSpan())
        {
            weight = (float)(deviation * random.NextNormal());
        }

        return linear;
    }

    private void Watch(long step, long steps, Sequential network, Dataset test)
    {
        long every = Math.Max(steps / Readings, PooledBatches);
        int pooled = (int)((step - 1) % every - (every - PooledBatches));
        if (pooled >= 0)
        {
            // Before the last sigmoid, and that before the last linear layer.
            network.Activations(network.Layers.Count - 3).CopyTo(_pool.AsSpan(pooled * Batch * Width));
            if (pooled == PooledBatches - 1)
            {
                _readingSteps.Add(step);
                _readings.Add([.. Enumerable.Range(0, Width).Select(ReadUnit)]);
            }
        }

        if (step == 50 || (step <= 1000 ? step % 100 == 0 : step <= 5000 ? step % 500 == 0 : step % 2500 == 0) || step == steps)
        {
            _steps.Add(step);
            _accuracies.Add(Trainer.Evaluate(network, test).Accuracy);
        }
    }

    private Percentiles ReadUnit(int unit)
    {
        float[] values = new float[PooledBatches * Batch];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = _pool[i * Width + unit];
        }

        Array.Sort(values);
        return new(At(15), At(50), At(85));

        double At(int percent) => values[percent * (values.Length - 1) / 100];
    }
}

/// <summary>The 15th, 50th and 85th percentile of a unit's input over some samples.</summary>
internal sealed record Percentiles(double Low, double Median, double High);
