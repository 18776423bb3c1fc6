using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>What small batches do to batch normalization, and not to layer normalization.</summary>
internal sealed class BatchSize : IExperiment
{
    private const int Width = 128;
    private const int Seeds = 3;
    private const double LearningRate = 1e-3;
    private const int RecalibrationSamples = 1000;
    private const int Medium = 32;

    private static readonly int[] _batches = [2, 4, 8, 16, 32, 128];
    private static readonly NormalizationKind[] _modes = [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm];

    public string Name => "batch-size";

    public string Paper => "Ba, Kiros & Hinton 2016, arXiv 1607.06450, Fig. 6; Wu & He 2018, arXiv 1803.08494";

    public string Claim => "Batch normalization loses accuracy when batches are small; layer normalization, which looks at one sample at a time, does not.";

    public double Cost => 60;

    public bool Exact => false;

    public int FewestImages => _batches.Max();

    public ExperimentResult Run(ExperimentContext context)
    {
        int samples = context.Full ? 120_000 : 16_000;
        Trial[] trials =
        [
            .. from batch in _batches
               from seed in Enumerable.Range(0, Seeds)
               from mode in _modes
               select new Trial(mode, batch, context.Seed + (ulong)seed, samples / batch),
        ];
        ILookup<(NormalizationKind, int), Outcome> outcomes = context
            .RunAll(
                trials, t => t.Steps, (t, progress) => Train(t, context, progress),
                ["test accuracy", "recalibrated", "training loss"],
                (t, o) => new ExperimentRow($"{NameOf(t.Mode)}, batch {Phrases.Text(t.Batch)}, seed {t.Seed}", [o.Test.Accuracy, o.Recalibrated.Accuracy, o.Train.Loss]))
            .ToLookup(o => (o.Trial.Mode, o.Trial.Batch));
        return ExperimentResult.From(
            this,
            context,
            [
                $"Two hidden layers of {Width} (ReLU), Adam with a learning rate of {Phrases.Text(LearningRate)}, {Phrases.Text(samples)} samples seen whatever the batch size, {Seeds} seeds. Batch normalization is judged by its running statistics, as in use.",
                $"Recalibrated means: the same weights, with the statistics of one batch of {RecalibrationSamples} training samples in place of the running ones. " +
                "What that does not repair was learnt badly, and not only judged badly: with two samples a normalized value is plus or minus one, however far apart they were.",
                "The network without normalization is the other control: what small batches do to it, they do by their noise, and not by their statistics.",
            ],
            Tabulate(outcomes),
            Judge(outcomes),
            [
                Chart(outcomes, "Test accuracy by batch size", "share of correct samples", false, o => o.Test.Accuracy, withRecalibrated: true) with
                {
                    Words = "Mean of the seeds (line) and their whole range (band). Look at how far batch normalization falls on the left, how much of it recalibrating brings back, and whether the gap closes on the right.",
                },
                Chart(outcomes, "Training loss by batch size", "mean cross-entropy (nats)", true, o => o.Train.Loss, withRecalibrated: false) with
                {
                    Words = "Of the samples trained on, in evaluation mode. It shows what small batches do to batch normalization before the test accuracy does.",
                },
            ]);
    }

    private static Outcome Train(Trial trial, ExperimentContext context, ITrainingObserver progress)
    {
        RunSeeds seeds = RunSeeds.From((long)trial.Seed);
        DataSplit data = context.Images.Split;
        data = data with { Train = data.Train.Take(trial.Steps * trial.Batch, seeds.Data) };
        MlpOptions options = new()
        {
            InputFeatures = data.Train.FeatureCount,
            HiddenFeatures = [Width, Width],
            Classes = data.Train.ClassCount,
            Normalization = trial.Mode,
            Seed = seeds.Weights,
        };
        Sequential network = Mlp.Create(options);
        StepResult result = StepTraining.Run(
            network, new AdamOptimizer(network.Parameters, LearningRate), data, trial.Batch, trial.Steps, seeds.Order, progress, null, context.CancellationToken);
        Evaluation recalibrated = trial.Mode == NormalizationKind.BatchNorm ? EvaluateRecalibrated(network, options, data) : result.Test;
        return new Outcome(trial, result.Train, result.Test, recalibrated);
    }

    private static Evaluation EvaluateRecalibrated(Sequential network, MlpOptions options, DataSplit data)
    {
        Sequential copy = Mlp.Create(options with { Momentum = Momentum.Cumulative });
        foreach ((Parameter from, Parameter to) in network.Parameters.Zip(copy.Parameters))
        {
            from.Value.CopyTo(to.Value, 0);
        }

        int count = Math.Min(RecalibrationSamples, data.Train.Count);
        int features = data.Train.FeatureCount;
        copy.Forward(data.Train.Features.AsSpan(0, count * features), (count, features), new float[count * data.Train.ClassCount]);
        return Trainer.Evaluate(copy, data.Test);
    }

    private static ExperimentTable Tabulate(ILookup<(NormalizationKind, int), Outcome> outcomes) => new(
        ["none", "batchnorm", "recalibrated", "layernorm", .. _modes.Select(m => "loss, " + NameOf(m))],
        [.. _batches.Select(b => new ExperimentRow(
            "batch " + Phrases.Text(b),
            [
                Mean(outcomes, NormalizationKind.None, b, o => o.Test.Accuracy),
                Mean(outcomes, NormalizationKind.BatchNorm, b, o => o.Test.Accuracy),
                Mean(outcomes, NormalizationKind.BatchNorm, b, o => o.Recalibrated.Accuracy),
                Mean(outcomes, NormalizationKind.LayerNorm, b, o => o.Test.Accuracy),
                .. _modes.Select(m => Mean(outcomes, m, b, o => o.Train.Loss)),
            ]))]);

    private static Assertion[] Judge(ILookup<(NormalizationKind, int), Outcome> outcomes)
    {
        int small = _batches[0];
        int large = _batches[^1];
        double layer = Accuracy(NormalizationKind.LayerNorm, small);
        return
        [
            new($"accuracy at batch {small}, layernorm", layer, 0.93, 1),
            new($"accuracy at batch {small}, batchnorm", Accuracy(NormalizationKind.BatchNorm, small), 0, 0.85),
            new($"accuracy of batchnorm, batch {Medium} minus batch {small}", Accuracy(NormalizationKind.BatchNorm, Medium) - Accuracy(NormalizationKind.BatchNorm, small), 0.1, 1),
            new($"accuracy of layernorm, batch {Medium} minus batch {small}", Accuracy(NormalizationKind.LayerNorm, Medium) - layer, -0.02, 0.02),
            new($"accuracy at batch {large}, layernorm minus batchnorm", Accuracy(NormalizationKind.LayerNorm, large) - Accuracy(NormalizationKind.BatchNorm, large), -0.015, 0.015),
            new($"accuracy at batch {small}, layernorm minus none", layer - Accuracy(NormalizationKind.None, small), -0.02, 0.02),
            new(
                $"accuracy at batch {small}, layernorm minus recalibrated batchnorm",
                layer - Mean(outcomes, NormalizationKind.BatchNorm, small, o => o.Recalibrated.Accuracy),
                0.05,
                1),
            new(
                "training loss at batch 4, batchnorm over layernorm",
                Mean(outcomes, NormalizationKind.BatchNorm, 4, o => o.Train.Loss) / Mean(outcomes, NormalizationKind.LayerNorm, 4, o => o.Train.Loss),
                3,
                1000),
        ];

        double Accuracy(NormalizationKind mode, int batch) => Mean(outcomes, mode, batch, o => o.Test.Accuracy);
    }

    private static LineChart Chart(
        ILookup<(NormalizationKind, int), Outcome> outcomes, string title, string unit, bool log, Func<Outcome, double> quantity, bool withRecalibrated)
    {
        double[] places = [.. Enumerable.Range(0, _batches.Length).Select(i => (double)i)];
        IEnumerable<Series> series = _modes.Select(m => Band(NameOf(m), m, quantity, SeriesStyle.Of(m)));
        return new LineChart
        {
            Title = title,
            Words = string.Empty,
            X = new Axis("batch size") { Labels = [.. _batches.Select(b => Phrases.Text(b))] },
            Y = new Axis(unit, log),
            Series = withRecalibrated ? [.. series, Band("batchnorm, recalibrated", NormalizationKind.BatchNorm, o => o.Recalibrated.Accuracy, SeriesStyle.SkyBlue)] : [.. series],
        };

        Series Band(string name, NormalizationKind mode, Func<Outcome, double> of, SeriesStyle style) =>
            SeedBand.Of(name, places, _batches.Select(b => outcomes[(mode, b)].Select(of).ToArray()), style);
    }

    private static double Mean(ILookup<(NormalizationKind, int), Outcome> outcomes, NormalizationKind mode, int batch, Func<Outcome, double> quantity) =>
        outcomes[(mode, batch)].Average(quantity);

    private static string NameOf(NormalizationKind mode) => mode.Name;

    private sealed record Trial(NormalizationKind Mode, int Batch, ulong Seed, int Steps);

    private sealed record Outcome(Trial Trial, Evaluation Train, Evaluation Test, Evaluation Recalibrated);
}
