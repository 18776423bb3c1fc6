using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>Dynamic tanh in place of normalization: in a residual network, where it is to do as well, and in a plain deep one.</summary>
internal sealed class TanhInPlace : IExperiment
{
    private const int Width = 64;
    private const int Blocks = 6;
    private const int PlainDepth = 20;
    private const int Batch = 64;
    private const int Seeds = 3;
    private const double AdamRate = 1e-3;
    private const double PlainRate = 0.1;
    private const int Shown = 12;

    private static readonly NormalizationKind[] _modes =
        [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm, NormalizationKind.RmsNorm, NormalizationKind.DyT];

    public string Name => "dyt";

    public string Paper => "Zhu et al. 2025, arXiv 2503.10622";

    public string Claim => "In a residual network a learned tanh, DyT, does as well as layer normalization, though it normalizes nothing.";

    public double Cost => 30;

    public bool Exact => false;

    public int FewestImages => Batch;

    public ExperimentResult Run(ExperimentContext context)
    {
        (int residual, int plain) = context.Full ? (6000, 3000) : (600, 300);
        Trial[] trials =
        [
            .. from seed in Enumerable.Range(0, Seeds)
               from isResidual in (bool[])[true, false]
               from mode in _modes
               select new Trial(mode, isResidual, context.Seed + (ulong)seed, isResidual ? residual : plain),
        ];
        ILookup<(NormalizationKind, bool), Outcome> outcomes = context
            .RunAll(
                trials, t => t.Steps * (t.Residual ? 2 * Blocks : PlainDepth), (t, progress) => Train(t, context, progress), ["test accuracy"],
                (t, o) => new ExperimentRow($"{t.Mode}, {(t.Residual ? "residual" : "plain")}, seed {t.Seed}", [o.Accuracy]))
            .ToLookup(o => (o.Trial.Mode, o.Trial.Residual));
        double layer = Mean(outcomes, NormalizationKind.LayerNorm, true);
        double tanh = Mean(outcomes, NormalizationKind.DyT, true);
        (Scatter before, Scatter after) = outcomes[(NormalizationKind.LayerNorm, true)].Select(o => o.Seen).OfType<(Scatter, Scatter)>().Single();
        return ExperimentResult.From(
            this,
            context,
            [
                $"A residual network of {Blocks} blocks x + W₂·ReLU(W₁·norm(x)) of width {Width}, Adam with a rate of {Phrases.Text(AdamRate)}, {residual} steps of {Batch} samples; " +
                $"and a plain network of {PlainDepth} ReLU layers of {Width}, stochastic gradient descent with a rate of {Phrases.Text(PlainRate)}, {plain} steps. {Seeds} seeds; a diverged network counts as guessing.",
                "The paper has Transformers and ConvNets; this is the mechanism only.",
                string.Create(CultureInfo.InvariantCulture, $"The last layer normalization, first seed: over the test samples its slope 1/σ differs by a factor of {before.SlopeRange:f1} before training and of {after.SlopeRange:f1} after. ") +
                "Each sample is a straight line; together they bend like a tanh where samples with large inputs have the smaller slope.",
            ],
            new ExperimentTable(
                ["residual", "plain"], [.. _modes.Select(m => new ExperimentRow(m.Name, [Mean(outcomes, m, true), Mean(outcomes, m, false)]))]),
            [
                new("accuracy of the residual network, dyt minus layernorm", tanh - layer, -0.01, 0.01),
                new("accuracy of the residual network, dyt minus rmsnorm", tanh - Mean(outcomes, NormalizationKind.RmsNorm, true), -0.01, 0.01),
                new(
                    $"accuracy of the plain network of {PlainDepth} layers, batchnorm minus dyt",
                    Mean(outcomes, NormalizationKind.BatchNorm, false) - Mean(outcomes, NormalizationKind.DyT, false), 0.3, 1),
            ],
            [
                new LineChart
                {
                    Title = "Test accuracy",
                    Words = "Mean and range of the seeds. On the left a shortcut leads around each normalization, on the right everything goes through it.",
                    X = new Axis("network") { Labels = [$"residual, {Blocks} blocks", $"plain, {PlainDepth} layers"] },
                    Y = new Axis("share of correct samples") { Minimum = 0, Maximum = 1 },
                    Series = [.. _modes.Select(m => SeedBand.Of(m.Name, [0, 1], ((bool[])[true, false]).Select(r => outcomes[(m, r)].Select(o => o.Accuracy).ToArray()), SeriesStyle.Of(m)))],
                },
                new LineChart
                {
                    Title = "Input and output of the last layer normalization",
                    Words = $"Residual network, first seed: the inputs of {Shown} test samples, from the smallest to the largest σ, against x̂.",
                    X = new Axis("input x"),
                    Y = new Axis("normalized x̂"),
                    Series = [before.ToSeries("before training", SeriesStyle.Gray), after.ToSeries("after training", SeriesStyle.Of(NormalizationKind.LayerNorm))],
                },
            ]);
    }

    private static Outcome Train(Trial trial, ExperimentContext context, ITrainingObserver progress)
    {
        RunSeeds seeds = RunSeeds.From((long)trial.Seed);
        DataSplit data = context.Images.Split;
        data = data with { Train = data.Train.Take(trial.Steps * Batch, seeds.Data) };
        Sequential network = trial.Residual ? CreateResidual(data, trial.Mode, new RandomSource(seeds.Weights)) : Mlp.Create(new MlpOptions
        {
            InputFeatures = data.Train.FeatureCount,
            HiddenFeatures = [.. Enumerable.Repeat(Width, PlainDepth)],
            Classes = data.Train.ClassCount,
            Normalization = trial.Mode,
            Seed = seeds.Weights,
        });
        Scatter? before = IsShown(trial, context) ? Scatter.Of(network, data.Test) : null;
        Optimizer optimizer = trial.Residual ? new AdamOptimizer(network.Parameters, AdamRate) : new SgdOptimizer(network.Parameters, PlainRate);
        StepResult result = StepTraining.Run(network, optimizer, data, Batch, trial.Steps, seeds.Order, progress, null, context.CancellationToken);
        return new Outcome(trial, result.TestAccuracy, before is null ? null : (before, Scatter.Of(network, data.Test)));
    }

    // The network whose last layer normalization is drawn.
    private static bool IsShown(Trial trial, ExperimentContext context) => trial.Residual && trial.Mode == NormalizationKind.LayerNorm && trial.Seed == context.Seed;

    private static Sequential CreateResidual(DataSplit data, NormalizationKind mode, RandomSource random)
    {
        Layer[] Norm(string name) => mode.Create(new NormalizationSettings(Width) { Name = name }) is { } norm ? [norm] : [];
        List<Layer> layers = [new Linear(data.Train.FeatureCount, Width, random, name: "first")];
        for (int b = 1; b <= Blocks; b++)
        {
            layers.Add(new Residual(
                new Sequential([.. Norm("norm"), new Linear(Width, Width, random, name: "linear1"), new ReLU("relu"), new Linear(Width, Width, random, name: "linear2")]),
                string.Create(CultureInfo.InvariantCulture, $"block{b}")));
        }

        return new Sequential([.. layers, .. Norm("norm"), new Linear(Width, data.Train.ClassCount, random, name: "last")]);
    }

    private static double Mean(ILookup<(NormalizationKind, bool), Outcome> outcomes, NormalizationKind mode, bool residual) => outcomes[(mode, residual)].Average(o => o.Accuracy);

    private sealed record Trial(NormalizationKind Mode, bool Residual, ulong Seed, int Steps);

    /// <param name="Trial">What was trained.</param>
    /// <param name="Accuracy">On the test set, 0 to 1.</param>
    /// <param name="Seen">Before and after training, of the network that is drawn; null of the others.</param>
    private sealed record Outcome(Trial Trial, double Accuracy, (Scatter Before, Scatter After)? Seen);

    /// <summary>What goes into the normalization after the last block, and x̂ of it.</summary>
    /// <param name="Points">x and x̂ of some samples, from the smallest to the largest σ, each input once.</param>
    /// <param name="SlopeRange">The largest 1/σ of all samples over the smallest.</param>
    private sealed record Scatter(IReadOnlyList<(double X, double Normalized)> Points, double SlopeRange)
    {
        public static Scatter Of(Sequential network, Dataset samples)
        {
            network.Training = false;
            network.Forward(samples.Features, new Shape(samples.Count, samples.FeatureCount), new float[samples.Count * samples.ClassCount]);
            float[] x = network.Activations(Blocks).ToArray(), normalized = new float[x.Length];
            NormStatistics statistics = new();
            Functional.LayerNorm(x, Width, Functional.Ones, Functional.Zeros, 0, normalized, statistics: statistics);
            double[] slopes = statistics.Rstd.ToArray();
            int[] order = [.. Enumerable.Range(0, samples.Count).OrderByDescending(i => slopes[i])];
            IEnumerable<int> shown = Enumerable.Range(0, Shown).Select(i => order[i * (samples.Count - 1) / (Shown - 1)]);
            return new Scatter(
                [.. shown.SelectMany(s => Enumerable.Range(s * Width, Width)).Select(i => ((double)x[i], (double)normalized[i])).DistinctBy(p => p.Item1)],
                slopes[order[0]] / slopes[order[^1]]);
        }

        public Series ToSeries(string name, SeriesStyle style) =>
            new(name, [.. Points.Select(p => p.X)], [.. Points.Select(p => p.Normalized)]) { Style = style, Joined = false };
    }
}
