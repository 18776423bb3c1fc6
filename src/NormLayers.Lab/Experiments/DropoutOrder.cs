using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>What dropout in front of batch normalization does to the running statistics, and dropout behind it does not.</summary>
internal sealed class DropoutOrder : IExperiment
{
    private const int Width = 128;
    private const int Batch = 64;
    private const int Seeds = 3;
    private const double LearningRate = 0.1;
    private const double Keep = 0.5;
    private const int Draws = 200_000;
    private const int RecalibrationSamples = 1000;

    // Means of a unit in standard deviations, and shares that are kept.
    private static readonly (double Mean, double Keep)[] _units = [(0, 0.5), (0, 0.8), (1, 0.5), (1, 0.8), (2, 0.5), (2, 0.8)];

    public string Name => "dropout-order";

    public string Paper => "Li et al. 2018, arXiv 1801.05134";

    public string Claim => "Dropout in front of batch normalization changes a unit's variance between training and evaluation, and the running statistics keep that of training; behind it, dropout does no harm.";

    public double Cost => 10;

    public bool Exact => false;

    public int FewestImages => Batch;

    /// <summary>The variance in training over that in evaluation, of a unit with a mean of c and a variance of 1.</summary>
    public static double Theory(double mean, double keep) => (1 + mean * mean) / keep - mean * mean;

    public ExperimentResult Run(ExperimentContext context)
    {
        int steps = context.Full ? 6000 : 600;
        double[] ratios = [.. _units.Select(u => MeasureUnit(u.Mean, u.Keep, new RandomSource(context.Seed)))];
        Trial[] trials = [.. from seed in Enumerable.Range(0, Seeds) from before in (bool[])[true, false] select new Trial(before, context.Seed + (ulong)seed, steps)];
        ILookup<bool, Outcome> outcomes = context
            .RunAll(
                trials, t => t.Steps, (t, progress) => Train(t, context, progress), ["test accuracy", "recalibrated"],
                (t, o) => new ExperimentRow($"dropout {(t.Before ? "before" : "behind")}, seed {t.Seed}", [o.Test.Accuracy, o.Recalibrated.Accuracy]))
            .ToLookup(o => o.Trial.Before);
        return ExperimentResult.From(
            this,
            context,
            [
                $"Dropout that keeps {Phrases.Text(Keep)} stands in front of the second batch normalization of a network with two hidden layers of {Width} (ReLU), or behind it; {steps} steps of {Batch} samples at a rate of {Phrases.Text(LearningRate)}, {Seeds} seeds.",
                $"Recalibrated means: the same weights, with the statistics of {RecalibrationSamples} training samples without dropout in place of the running ones.",
                $"In the trained network the running variance behind dropout is {outcomes[true].Average(o => o.Ratio).ToString("0.00", CultureInfo.InvariantCulture)} times that without dropout, as a mean of the units. In theory it is {Phrases.Text(1 / Keep)} times or more.",
            ],
            new ExperimentTable(
                ["test accuracy", "recalibrated", "test loss", "recalibrated loss"],
                [.. ((bool[])[true, false]).Select(before => new ExperimentRow(
                    before ? "dropout before" : "dropout behind",
                    [
                        outcomes[before].Average(o => o.Test.Accuracy), outcomes[before].Average(o => o.Recalibrated.Accuracy),
                        outcomes[before].Average(o => o.Test.Loss), outcomes[before].Average(o => o.Recalibrated.Loss),
                    ]))]),
            Judge(ratios, outcomes),
            [Units(ratios), Accuracies(outcomes)]);
    }

    private static Assertion[] Judge(double[] ratios, ILookup<bool, Outcome> outcomes)
    {
        double before = outcomes[true].Average(o => o.Test.Accuracy);
        double behind = outcomes[false].Average(o => o.Test.Accuracy);
        double recalibrated = outcomes[true].Average(o => o.Recalibrated.Accuracy);
        return
        [
            .. _units.Zip(ratios, (u, ratio) => new Assertion($"shift of variance over theory, mean {Phrases.Text(u.Mean)}, kept {Phrases.Text(u.Keep)}", ratio / Theory(u.Mean, u.Keep), 0.98, 1.02)),
            new("running variance over that without dropout, trained network", outcomes[true].Average(o => o.Ratio), 1.8, 20),
            new("accuracy, dropout behind minus before", behind - before, 0.001, 1),
            new("accuracy of dropout before, recalibrated minus running", recalibrated - before, 0.001, 1),
            new("share of the gap that recalibrating closes", (recalibrated - before) / (behind - before), 0.5, 100),
        ];
    }

    // One unit and one batch, whose variance the running variance becomes.
    private static double MeasureUnit(double mean, double keep, RandomSource random)
    {
        float[] x = new float[Draws];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = (float)(mean + random.NextNormal());
        }

        double[] variances = [.. ((double[])[keep, 1]).Select(share =>
        {
            float[] dropped = new float[x.Length];
            new Dropout(share, random, "dropout").Forward(x, (Draws, 1), dropped);
            BatchNorm1D norm = new(1, momentum: Momentum.NewWeight(1));
            norm.Forward(dropped, (Draws, 1), new float[x.Length]);
            return norm.Running!.Variance[0];
        })];
        return variances[0] / variances[1];
    }

    private static Outcome Train(Trial trial, ExperimentContext context, ITrainingObserver progress)
    {
        RunSeeds seeds = RunSeeds.From((long)trial.Seed);
        DataSplit data = context.Images.Split;
        data = data with { Train = data.Train.Take(trial.Steps * Batch, seeds.Data) };
        Sequential network = Create(trial, data, Keep, Momentum.Default);
        StepResult result = StepTraining.Run(
            network, new SgdOptimizer(network.Parameters, LearningRate), data, Batch, trial.Steps, seeds.Order, progress, null, context.CancellationToken);

        Sequential recalibrated = Create(trial, data, keep: 1, Momentum.Cumulative);
        foreach ((Parameter from, Parameter to) in network.Parameters.Zip(recalibrated.Parameters))
        {
            from.Value.CopyTo(to.Value, 0);
        }

        int count = Math.Min(RecalibrationSamples, data.Train.Count);
        recalibrated.Forward(data.Train.Features.AsSpan(0, count * data.Train.FeatureCount), (count, data.Train.FeatureCount), new float[count * data.Train.ClassCount]);
        Evaluation after = Trainer.Evaluate(recalibrated, data.Test);
        return new Outcome(trial, result.Test, after, Variances(network).Zip(Variances(recalibrated), (a, b) => (double)a / b).Average());
    }

    private static float[] Variances(Sequential network) => network.Layers.OfType<BatchNorm1D>().Last().Running!.Variance;

    private static Sequential Create(Trial trial, DataSplit data, double keep, Momentum momentum)
    {
        RandomSource random = new(RunSeeds.From((long)trial.Seed).Weights);
        Linear Connect(int inputs, int outputs, string name) => new(inputs, outputs, random, name: name);
        Layer[] first = [Connect(data.Train.FeatureCount, Width, "linear1"), new BatchNorm1D(Width, momentum: momentum, name: "norm1"), new ReLU("relu1"), Connect(Width, Width, "linear2")];
        Linear last = Connect(Width, data.Train.ClassCount, "linear3");
        Dropout dropout = new(keep, random, "dropout");
        BatchNorm1D norm = new(Width, momentum: momentum, name: "norm2");
        return new Sequential([.. first, .. trial.Before ? (Layer[])[dropout, norm] : [norm, dropout], new ReLU("relu2"), last]);
    }

    private static LineChart Units(double[] ratios) => new()
    {
        Title = "Variance in training over variance in evaluation",
        Words = "One unit behind dropout, and the closed form. Batch normalization takes the training variance for the unit's own, and divides by its root in evaluation.",
        X = new Axis("unit") { Labels = [.. _units.Select(u => $"mean {Phrases.Text(u.Mean)}, kept {Phrases.Text(u.Keep)}")] },
        Y = new Axis("ratio of variances") { Minimum = 0 },
        Series =
        [
            new("measured", Places(_units.Length), ratios) { Style = SeriesStyle.Blue, Joined = false },
            new("closed form", Places(_units.Length), [.. _units.Select(u => Theory(u.Mean, u.Keep))]) { Style = SeriesStyle.Vermillion, Joined = false },
        ],
    };

    private static LineChart Accuracies(ILookup<bool, Outcome> outcomes) => new()
    {
        Title = "Test accuracy",
        Words = "Mean and range of the seeds. Look at what recalibrating changes: behind, nothing is to be repaired.",
        X = new Axis("dropout") { Labels = ["before batch normalization", "behind"] },
        Y = new Axis("share of correct samples"),
        Series =
        [
            SeedBand.Of("running statistics", Places(2), ((bool[])[true, false]).Select(b => outcomes[b].Select(o => o.Test.Accuracy).ToArray()), SeriesStyle.Blue) with { Joined = false },
            SeedBand.Of("recalibrated", Places(2), ((bool[])[true, false]).Select(b => outcomes[b].Select(o => o.Recalibrated.Accuracy).ToArray()), SeriesStyle.SkyBlue) with { Joined = false },
        ],
    };

    private static double[] Places(int count) => [.. Enumerable.Range(0, count).Select(i => (double)i)];

    private sealed record Trial(bool Before, ulong Seed, int Steps);

    private sealed record Outcome(Trial Trial, Evaluation Test, Evaluation Recalibrated, double Ratio);
}
