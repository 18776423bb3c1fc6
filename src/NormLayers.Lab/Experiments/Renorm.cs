using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>What batches of two classes do to batch normalization, and less to batch renormalization.</summary>
internal sealed class Renorm : IExperiment
{
    private const int Width = 128;
    private const int Batch = 32;
    private const int Seeds = 3;
    private const double LearningRate = 1e-3;
    private const double NewWeight = 0.01;
    private const int EqualSteps = 50;

    // Of the paper's 50,000 steps and more: none up to 5,000, r_max 3 at 40,000, d_max 5 at 25,000.
    private const double WarmUpShare = 0.1;
    private const double RMaxShare = 0.8;
    private const double DMaxShare = 0.5;

    private static readonly NormalizationKind[] _modes = [NormalizationKind.BatchNorm, NormalizationKind.BatchRenorm, NormalizationKind.LayerNorm];
    private static readonly string[] _orders = ["all classes", "two classes a batch"];

    public string Name => "renorm";

    public string Paper => "Ioffe 2017, arXiv 1702.03275";

    public string Claim => "Batches whose samples are not drawn independently harm batch normalization; batch renormalization, corrected towards its running statistics, keeps the accuracy of independent ones.";

    public double Cost => 20;

    public bool Exact => false;

    public int FewestImages => Batch;

    public ExperimentResult Run(ExperimentContext context)
    {
        int steps = context.Full ? 10_000 : 1500;
        Trial[] trials =
        [
            .. from seed in Enumerable.Range(0, Seeds)
               from pairs in (bool[])[false, true]
               from mode in _modes
               select new Trial(mode, pairs, context.Seed + (ulong)seed, steps),
        ];
        ILookup<(NormalizationKind, bool), Outcome> outcomes = context
            .RunAll(
                trials, t => t.Steps, (t, _) => Train(t, context), ["test accuracy"],
                (t, o) => new ExperimentRow($"{t.Mode}, {_orders[t.Pairs ? 1 : 0]}, seed {t.Seed}", [o.Test.Accuracy]))
            .ToLookup(o => (o.Trial.Mode, o.Trial.Pairs));
        return ExperimentResult.From(
            this,
            context,
            [
                $"Two hidden layers of {Width} (ReLU), Adam with a rate of {Phrases.Text(LearningRate)}, {steps} steps of {Batch} samples, {Seeds} seeds. A batch has samples of all classes, or of two that are drawn anew for each batch. " +
                $"The running statistics give a new batch a weight of {Phrases.Text(NewWeight)}, as in the paper; the limits of r and d grow by the paper's schedule, shortened to these steps.",
                "Layer normalization is the control: what such batches do to it, they do by their gradients, and not by their statistics.",
            ],
            new ExperimentTable(
                _orders,
                [.. _modes.Select(m => new ExperimentRow(m.Name, [Mean(outcomes, m, false), Mean(outcomes, m, true)]))]),
            [
                new("training against evaluation without limits, largest difference", TrainingAgainstEvaluation(new RandomSource(context.Seed)), 0, 1e-5),
                new("largest difference of a parameter, r = 1 and d = 0 against batch normalization", LargestDifference(context), 0, 0),
                new("accuracy of batchnorm, all classes minus two a batch", Mean(outcomes, NormalizationKind.BatchNorm, false) - Mean(outcomes, NormalizationKind.BatchNorm, true), 0.1, 1),
                new("accuracy at two classes a batch, batchrenorm minus batchnorm", Mean(outcomes, NormalizationKind.BatchRenorm, true) - Mean(outcomes, NormalizationKind.BatchNorm, true), 0.1, 1),
                new("accuracy, batchrenorm at two classes a batch minus batchnorm at all", Mean(outcomes, NormalizationKind.BatchRenorm, true) - Mean(outcomes, NormalizationKind.BatchNorm, false), -0.05, 1),
            ],
            [
                new LineChart
                {
                    Title = "Test accuracy",
                    Words = "Mean and range of the seeds, judged by the running statistics. Look at who falls from left to right.",
                    X = new Axis("samples of a batch") { Labels = _orders },
                    Y = new Axis("share of correct samples") { Minimum = 0, Maximum = 1 },
                    Series = [.. _modes.Select(m => SeedBand.Of(m.Name, [0, 1], ((bool[])[false, true]).Select(p => outcomes[(m, p)].Select(o => o.Test.Accuracy).ToArray()), SeriesStyle.Of(m)))],
                },
            ]);
    }

    private static Outcome Train(Trial trial, ExperimentContext context)
    {
        RunSeeds seeds = RunSeeds.From((long)trial.Seed);
        DataSplit data = context.Images.Split;
        long steps = trial.Steps;
        RenormLimits limits = new(RenormLimits.Paper.RMax, RenormLimits.Paper.DMax)
        {
            WarmUpSteps = (long)(WarmUpShare * steps),
            RMaxSteps = (long)(RMaxShare * steps),
            DMaxSteps = (long)(DMaxShare * steps),
        };
        Sequential network = Create(data, trial.Mode, limits, seeds);
        Fit(network, data.Train, trial.Pairs, steps, new RandomSource(seeds.Order), context.CancellationToken);
        return new Outcome(trial, Trainer.Evaluate(network, data.Test));
    }

    // Samples are drawn with replacement, from all samples or from two classes.
    private static void Fit(Sequential network, Dataset data, bool pairs, long steps, RandomSource random, CancellationToken cancellation)
    {
        AdamOptimizer optimizer = new(network.Parameters, LearningRate);
        int[][] ofClass = [.. Enumerable.Range(0, data.ClassCount).Select(c => Enumerable.Range(0, data.Count).Where(i => data.Labels[i] == c).ToArray()).Where(c => c.Length > 0)];
        int[] all = [.. Enumerable.Range(0, data.Count)];
        int features = data.FeatureCount;
        float[] x = new float[Batch * features];
        int[] labels = new int[Batch];
        float[] logits = new float[Batch * data.ClassCount];
        float[] dLogits = new float[logits.Length];
        for (long step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int first = random.NextInt(ofClass.Length);
            int second = (first + 1 + random.NextInt(ofClass.Length - 1)) % ofClass.Length;
            for (int i = 0; i < Batch; i++)
            {
                int[] from = !pairs ? all : ofClass[i % 2 == 0 ? first : second];
                int sample = from[random.NextInt(from.Length)];
                data.Features.AsSpan(sample * features, features).CopyTo(x.AsSpan(i * features));
                labels[i] = data.Labels[sample];
            }

            network.Forward(x, (Batch, features), logits);
            SoftmaxCrossEntropy.Evaluate(logits, labels, dLogits);
            network.ZeroGradients();
            network.Backward(x, dLogits, default);
            optimizer.Step();
        }
    }

    // The output in training, without limits, is that of evaluation with the running statistics from before the batch.
    private static double TrainingAgainstEvaluation(RandomSource random)
    {
        const int Rows = 64;
        const int Channels = 16;
        BatchRenorm layer = new(Channels, new RenormLimits(double.PositiveInfinity, double.PositiveInfinity));
        for (int c = 0; c < Channels; c++)
        {
            layer.Running!.Mean[c] = (float)random.NextNormal();
            layer.Running.Deviation[c] = (float)random.NextDouble(0.5, 2);
        }

        float[] x = [.. Enumerable.Range(0, Rows * Channels).Select(_ => (float)(1 + 2 * random.NextNormal()))];
        float[] evaluated = new float[x.Length];
        float[] trained = new float[x.Length];
        layer.Training = false;
        layer.Forward(x, (Rows, Channels), evaluated);
        layer.Training = true;
        layer.Forward(x, (Rows, Channels), trained);
        return evaluated.Zip(trained, (a, b) => Math.Abs((double)a - b)).Max() / evaluated.Max(v => Math.Abs((double)v));
    }

    private static double LargestDifference(ExperimentContext context)
    {
        RunSeeds seeds = RunSeeds.From((long)context.Seed);
        DataSplit data = context.Images.Split;
        float[][][] parameters = [.. ((NormalizationKind[])[NormalizationKind.BatchNorm, NormalizationKind.BatchRenorm]).Select(kind =>
        {
            Sequential network = Create(data, kind, new RenormLimits(1, 0), seeds);
            Fit(network, data.Train, pairs: false, EqualSteps, new RandomSource(seeds.Order), context.CancellationToken);
            return network.Parameters.Select(p => p.Value).ToArray();
        })];
        return parameters[0].Zip(parameters[1], (a, b) => a.Zip(b, (p, q) => Math.Abs((double)p - q)).Max()).Max();
    }

    private static Sequential Create(DataSplit data, NormalizationKind kind, RenormLimits limits, RunSeeds seeds) => Mlp.Create(new MlpOptions
    {
        InputFeatures = data.Train.FeatureCount,
        HiddenFeatures = [Width, Width],
        Classes = data.Train.ClassCount,
        Normalization = kind,
        NormalizationOptions = new() { Limits = limits },
        Momentum = Momentum.NewWeight(NewWeight),
        Seed = seeds.Weights,
    });

    private static double Mean(ILookup<(NormalizationKind, bool), Outcome> outcomes, NormalizationKind mode, bool pairs) => outcomes[(mode, pairs)].Average(o => o.Test.Accuracy);

    private sealed record Trial(NormalizationKind Mode, bool Pairs, ulong Seed, int Steps);

    private sealed record Outcome(Trial Trial, Evaluation Test);
}
