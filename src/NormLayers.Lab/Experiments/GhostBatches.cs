using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>How far weights move from where they start, and what statistics of small chunks do for large batches.</summary>
internal sealed class GhostBatches : IExperiment
{
    private const int Width = 128;
    private const int Small = 32;
    private const int LargestBatch = 1024;
    private const int Seeds = 3;
    private const double LearningRate = 0.05;
    private const int Readings = 40;
    private const int EqualSteps = 50;

    private static readonly string[] _runs = ["small batches", "large batches", "large, rate raised", "large, rate raised, ghost"];

    public string Name => "ghost";

    public string Paper => "Hoffer, Hubara & Soudry 2017, arXiv 1705.08741";

    public string Claim => "The distance of the weights from where they start grows with the logarithm of the number of steps; statistics of small chunks narrow the gap that large batches leave.";

    public double Cost => 30;

    public bool Exact => false;

    public int FewestImages => 2 * Small;

    public ExperimentResult Run(ExperimentContext context)
    {
        int epochs = context.Full ? 100 : 30;
        int large = Math.Min(LargestBatch, context.Images.Split.Train.Count / 2);
        Trial[] trials = [.. from seed in Enumerable.Range(0, Seeds) from run in _runs select new Trial(run, context.Seed + (ulong)seed, run == _runs[0] ? Small : large, epochs)];
        ILookup<string, Outcome> outcomes = context
            .RunAll(
                trials, t => t.Epochs, (t, progress) => Train(t, context, progress), ["test accuracy", "R² of the logarithm"],
                (t, o) => new ExperimentRow($"{t.Run}, seed {t.Seed}", [o.Test.Accuracy, o.Fit]))
            .ToLookup(o => o.Trial.Run);
        return ExperimentResult.From(
            this,
            context,
            [
                $"Two hidden layers of {Width} (ReLU) with batch normalization, {epochs} epochs in batches of {Small} and of {large}, {Seeds} seeds. " +
                $"The rate is {Phrases.Text(LearningRate)}; raised, it is multiplied by the root of {large}/{Small}, as in the paper. Ghost means statistics of chunks of {Small}.",
                "The paper's gaps are of some tenths of a point, and no verdict is given on them: three seeds cannot tell them apart. They are in the table.",
            ],
            new ExperimentTable(
                ["test accuracy", "lowest", "highest", "steps", "distance at the end", "R² of the logarithm"],
                [.. _runs.Select(r => new ExperimentRow(
                    r,
                    [
                        outcomes[r].Average(o => o.Test.Accuracy), outcomes[r].Min(o => o.Test.Accuracy), outcomes[r].Max(o => o.Test.Accuracy),
                        outcomes[r].First().Distances[^1].Step, outcomes[r].Average(o => o.Distances[^1].Distance), outcomes[r].Average(o => o.Fit),
                    ]))]),
            [
                new("largest difference of a weight, one chunk against batch normalization", LargestDifference(context, Small), 0, 0),
                .. _runs.Select(r => new Assertion($"R² of distance against the logarithm of steps, {r}", outcomes[r].Average(o => o.Fit), 0.9, 1)),
            ],
            [
                new LineChart
                {
                    Title = "Distance of the weights from where they start",
                    Words = "Of the first seed. On the logarithmic axis a straight line is growth with the logarithm of the number of steps.",
                    X = new Axis("step", Log: true),
                    Y = new Axis("‖w − w₀‖") { Minimum = 0 },
                    Series = [.. _runs.Select((r, i) => new Series(
                        r, [.. outcomes[r].First().Distances.Select(d => (double)d.Step)], [.. outcomes[r].First().Distances.Select(d => d.Distance)]) { Style = SeriesStyle.At(i) })],
                },
            ]);
    }

    /// <summary>R² of the straight line through the distances over the logarithm of the steps.</summary>
    public static double FitOfLogarithm(IReadOnlyList<(long Step, double Distance)> points)
    {
        double[] x = [.. points.Select(p => Math.Log(p.Step))];
        (double meanX, double meanY) = (x.Average(), points.Average(p => p.Distance));
        (double xx, double xy, double yy) = (0, 0, 0);
        for (int i = 0; i < x.Length; i++)
        {
            (double dx, double dy) = (x[i] - meanX, points[i].Distance - meanY);
            (xx, xy, yy) = (xx + dx * dx, xy + dx * dy, yy + dy * dy);
        }

        return xy * xy / (xx * yy);
    }

    private static Outcome Train(Trial trial, ExperimentContext context, ITrainingObserver progress)
    {
        RunSeeds seeds = RunSeeds.From((long)trial.Seed);
        DataSplit data = context.Images.Split;
        double rate = LearningRate * (trial.Run == _runs[0] || trial.Run == _runs[1] ? 1 : Math.Sqrt((double)trial.Batch / Small));
        Sequential network = Create(data, trial.Run == _runs[3] ? NormalizationKind.GhostBatchNorm : NormalizationKind.BatchNorm, Small, seeds);
        long steps = (long)trial.Epochs * (data.Train.Count / trial.Batch);
        HashSet<long> readings = [.. Enumerable.Range(0, Readings + 1).Select(i => (long)Math.Round(Math.Exp(Math.Log(steps) * i / Readings)))];
        float[][] start = [.. Weights(network).Select(w => (float[])w.Clone())];
        List<(long, double)> distances = [];
        StepResult result = StepTraining.Run(
            network, new SgdOptimizer(network.Parameters, rate), data, trial.Batch, steps, seeds.Order, progress,
            step =>
            {
                if (readings.Contains(step))
                {
                    distances.Add((step, Math.Sqrt(Weights(network).Zip(start, (w, s) => w.Zip(s, (a, b) => ((double)a - b) * ((double)a - b)).Sum()).Sum())));
                }
            },
            context.CancellationToken);
        return new Outcome(trial, result.Test, distances, FitOfLogarithm(distances));
    }

    private static double LargestDifference(ExperimentContext context, int batch)
    {
        RunSeeds seeds = RunSeeds.From((long)context.Seed);
        DataSplit data = context.Images.Split;
        float[][][] weights = [.. ((NormalizationKind[])[NormalizationKind.BatchNorm, NormalizationKind.GhostBatchNorm]).Select(kind =>
        {
            Sequential network = Create(data, kind, batch, seeds);
            StepTraining.Run(network, new SgdOptimizer(network.Parameters, LearningRate), data, batch, EqualSteps, seeds.Order, null, null, context.CancellationToken);
            return network.Parameters.Select(p => p.Value).ToArray();
        })];
        return weights[0].Zip(weights[1], (a, b) => a.Zip(b, (p, q) => Math.Abs((double)p - q)).Max()).Max();
    }

    private static Sequential Create(DataSplit data, NormalizationKind kind, int chunk, RunSeeds seeds) => Mlp.Create(new MlpOptions
    {
        InputFeatures = data.Train.FeatureCount,
        HiddenFeatures = [Width, Width],
        Classes = data.Train.ClassCount,
        Normalization = kind,
        NormalizationOptions = new() { ChunkSize = chunk },
        Seed = seeds.Weights,
    });

    private static IEnumerable<float[]> Weights(Sequential network) => network.Layers.OfType<Linear>().Select(l => l.Weight.Value);

    private sealed record Trial(string Run, ulong Seed, int Batch, int Epochs);

    private sealed record Outcome(Trial Trial, Evaluation Test, IReadOnlyList<(long Step, double Distance)> Distances, double Fit);
}
