using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>The largest learning rate and the greatest depth at which each normalization still trains a plain ReLU network.</summary>
internal sealed class LearningRateSweep : IExperiment
{
    private const int Depth = 8;
    private const int Width = 64;
    private const int Batch = 64;
    private const int Seeds = 3;

    // The learning rate of the depth panel, and the largest at which batch normalization is to have no advantage.
    private const double DepthRate = 0.1;
    private const double SmallRate = 0.03;
    private const int GreatDepth = 20;

    // Trained: half of the test samples are right, where guessing gets a tenth; a diverged network counts as guessing.
    private const double Trained = 0.5;

    private static readonly double[] _rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
    private static readonly int[] _depths = [5, 10, GreatDepth, 38];
    private static readonly NormalizationKind[] _modes = [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm];

    public string Name => "lr-sweep";

    public string Paper => "Bjorck et al. 2018, arXiv 1806.02375";

    public string Claim => "Batch normalization helps because networks with it can be trained with larger steps; with steps that suit the network without it, it has no advantage.";

    public double Cost => 15;

    public bool Exact => false;

    public int FewestImages => Batch;

    public ExperimentResult Run(ExperimentContext context)
    {
        int steps = context.Full ? 3000 : 300;
        ulong[] seeds = [.. Enumerable.Range(0, Seeds).Select(i => context.Seed + (ulong)i)];
        Trial[] trials =
        [
            .. from seed in seeds from rate in _rates from mode in _modes select new Trial(mode, rate, Depth, seed, steps),
            .. from seed in seeds from depth in _depths from mode in _modes select new Trial(mode, DepthRate, depth, seed, steps),
        ];
        ILookup<(NormalizationKind, double, int), Outcome> outcomes = context
            .RunAll(
                trials, t => t.Steps * t.Depth, (t, progress) => Train(t, context, progress),
                ["test accuracy"], (t, o) => new ExperimentRow($"{NameOf(t.Mode)}, rate {Phrases.Text(t.Rate)}, {t.Depth} layers, seed {t.Seed}", [o.Accuracy]))
            .ToLookup(o => (o.Trial.Mode, o.Trial.Rate, o.Trial.Depth));
        return ExperimentResult.From(this, context, [.. Describe(outcomes, steps)], Tabulate(outcomes), Judge(outcomes), [ByRate(outcomes, steps), Map(outcomes), ByDepth(outcomes)]);
    }

    private static Outcome Train(Trial trial, ExperimentContext context, ITrainingObserver progress)
    {
        RunSeeds seeds = RunSeeds.From((long)trial.Seed);
        DataSplit data = context.Images.Split;
        data = data with { Train = data.Train.Take(trial.Steps * Batch, seeds.Data) };
        Sequential network = Mlp.Create(new MlpOptions
        {
            InputFeatures = data.Train.FeatureCount,
            HiddenFeatures = [.. Enumerable.Repeat(Width, trial.Depth)],
            Classes = data.Train.ClassCount,
            Normalization = trial.Mode,
            Seed = seeds.Weights,
        });
        StepResult result = StepTraining.Run(
            network, new SgdOptimizer(network.Parameters, trial.Rate), data, Batch, trial.Steps, seeds.Order, progress, null, context.CancellationToken);
        return new Outcome(trial, result.TestAccuracy, result.Divergence);
    }

    private static IEnumerable<string> Describe(ILookup<(NormalizationKind, double, int), Outcome> outcomes, int steps)
    {
        yield return $"A network of {Depth} hidden layers of {Width} (He initialization, ReLU), {steps} steps of stochastic gradient descent with {Batch} samples, {Seeds} seeds. " +
            "Trained means that half of the test samples are right; a diverged network counts as guessing.";
        double plain = Largest(outcomes, NormalizationKind.None);
        double layer = Largest(outcomes, NormalizationKind.LayerNorm);
        yield return $"The largest rate at which every seed trains is {Phrases.Text(plain)} without normalization, {Phrases.Text(Largest(outcomes, NormalizationKind.BatchNorm))} with batch normalization and {Phrases.Text(layer)} with layer normalization.";
        if (layer <= plain)
        {
            yield return "So layer normalization does not widen the range of learning rates of a plain deep network by a step of this grid: where the loss is not finite without normalization it stays finite, and learns nothing either. " +
                "That contradicts what is often said of normalization in general; init-rank shows why: it lets the samples collapse as no normalization does.";
        }

        if (Mean(outcomes, NormalizationKind.BatchNorm, _rates[^1], Depth) < Trained)
        {
            yield return $"At a rate of {Phrases.Text(_rates[^1])} batch normalization fails too: the last linear layer, and gamma and beta, are not normalized.";
        }

        if (outcomes[(NormalizationKind.None, 1, Depth)].Select(o => o.Divergence).FirstOrDefault(d => d is not null) is { } first)
        {
            yield return $"Without normalization, at a rate of 1: {first.Message}";
        }
    }

    private static ExperimentTable Tabulate(ILookup<(NormalizationKind, double, int), Outcome> outcomes) => new(
        ["largest rate that trains", .. _rates.Select(r => "at " + Phrases.Text(r)), .. _depths.Select(d => $"depth {d}")],
        [.. _modes.Select(m => new ExperimentRow(
            NameOf(m),
            [
                Largest(outcomes, m),
                .. _rates.Select(r => Mean(outcomes, m, r, Depth)),
                .. _depths.Select(d => Mean(outcomes, m, DepthRate, d)),
            ]))]);

    private static Assertion[] Judge(ILookup<(NormalizationKind, double, int), Outcome> outcomes)
    {
        double plain = Largest(outcomes, NormalizationKind.None);
        double deep = Mean(outcomes, NormalizationKind.BatchNorm, DepthRate, GreatDepth);
        return
        [
            new("seeds that diverge at 1, none", outcomes[(NormalizationKind.None, 1, Depth)].Count(o => o.Divergence is not null), Seeds, Seeds),
            new("largest rate that trains, batchnorm over none", Largest(outcomes, NormalizationKind.BatchNorm) / plain, 9.99, 1000),
            new("largest rate that trains, layernorm over none", Largest(outcomes, NormalizationKind.LayerNorm) / plain, 0.09, 1.01),
            .. _rates.Where(r => r <= SmallRate).Select(r => new Assertion(
                $"accuracy at {Phrases.Text(r)}, batchnorm minus none", Mean(outcomes, NormalizationKind.BatchNorm, r, Depth) - Mean(outcomes, NormalizationKind.None, r, Depth), r < SmallRate ? -1 : -0.03, 0.03)),
            .. ((double[])[1, 3]).Select(r => new Assertion(
                $"worst accuracy at {Phrases.Text(r)}, batchnorm", outcomes[(NormalizationKind.BatchNorm, r, Depth)].Min(o => o.Accuracy), 0.88, 1)),
            new($"accuracy at depth {GreatDepth}, batchnorm minus none", deep - Mean(outcomes, NormalizationKind.None, DepthRate, GreatDepth), 0.3, 1),
            new($"accuracy at depth {GreatDepth}, batchnorm minus layernorm", deep - Mean(outcomes, NormalizationKind.LayerNorm, DepthRate, GreatDepth), 0.3, 1),
        ];
    }

    private static LineChart ByRate(ILookup<(NormalizationKind, double, int), Outcome> outcomes, int steps) => new()
    {
        Title = "Test accuracy by learning rate",
        Words = $"After {steps} steps: mean of {Seeds} seeds (line) and their whole range (band). Look on the left, at small steps, for who is ahead, and on the right for who still learns.",
        X = new Axis("learning rate", Log: true),
        Y = new Axis("share of correct samples") { Minimum = 0, Maximum = 1 },
        Series = [.. _modes.Select(m => SeedBand.Of(NameOf(m), _rates, _rates.Select(r => Accuracies(outcomes, m, r, Depth)), SeriesStyle.Of(m)))],
    };

    private static LineChart ByDepth(ILookup<(NormalizationKind, double, int), Outcome> outcomes) => new()
    {
        Title = "Test accuracy by depth",
        Words = $"At a learning rate of {Phrases.Text(DepthRate)}, which suits all three at depth {_depths[0]}: mean and range of the seeds. What stops batch normalization at last are its own growing gradients (init-gradients).",
        X = new Axis("hidden layers"),
        Y = new Axis("share of correct samples") { Minimum = 0, Maximum = 1 },
        Series = [.. _modes.Select(m => SeedBand.Of(
            NameOf(m), [.. _depths.Select(d => (double)d)], _depths.Select(d => Accuracies(outcomes, m, DepthRate, d)), SeriesStyle.Of(m)))],
    };

    private static HeatMap Map(ILookup<(NormalizationKind, double, int), Outcome> outcomes) => new()
    {
        Title = "What trains",
        Words = "Mean test accuracy. ✕: a seed diverged; –: a seed stayed finite and did not get half of the test samples right.",
        X = new Axis("learning rate") { Labels = [.. _rates.Select(Phrases.Text)] },
        Y = new Axis("normalization") { Labels = [.. _modes.Select(NameOf)] },
        ValueTitle = "test accuracy",
        Values = [.. _modes.Select(m => _rates.Select(r => Mean(outcomes, m, r, Depth)).ToArray())],
        Marks = [.. _modes.Select(m => _rates.Select(r => Mark([.. outcomes[(m, r, Depth)]])).ToArray())],
        Details = [.. _modes.Select(m => _rates.Select(r => string.Join(", ", outcomes[(m, r, Depth)].Select(o => o.Describe()))).ToArray())],
    };

    private static string Mark(Outcome[] outcomes) =>
        outcomes.Any(o => o.Divergence is not null) ? "✕" : outcomes.Any(o => o.Accuracy < Trained) ? "–" : string.Empty;

    // The largest rate at which every seed trains.
    private static double Largest(ILookup<(NormalizationKind, double, int), Outcome> outcomes, NormalizationKind mode) =>
        _rates.Where(r => outcomes[(mode, r, Depth)].All(o => o.Divergence is null && o.Accuracy >= Trained)).DefaultIfEmpty(double.NaN).Max();

    private static double[] Accuracies(ILookup<(NormalizationKind, double, int), Outcome> outcomes, NormalizationKind mode, double rate, int depth) =>
        [.. outcomes[(mode, rate, depth)].Select(o => o.Accuracy)];

    private static double Mean(ILookup<(NormalizationKind, double, int), Outcome> outcomes, NormalizationKind mode, double rate, int depth) =>
        outcomes[(mode, rate, depth)].Average(o => o.Accuracy);

    private static string NameOf(NormalizationKind mode) => mode.Name;

    private sealed record Trial(NormalizationKind Mode, double Rate, int Depth, ulong Seed, int Steps);

    private sealed record Outcome(Trial Trial, double Accuracy, Divergence? Divergence)
    {
        public string Describe() => Divergence is { } d
            ? string.Create(CultureInfo.InvariantCulture, $"seed {Trial.Seed} diverged at step {d.Step} in {d.Layer}")
            : string.Create(CultureInfo.InvariantCulture, $"seed {Trial.Seed} {Accuracy:0.000}");
    }
}
