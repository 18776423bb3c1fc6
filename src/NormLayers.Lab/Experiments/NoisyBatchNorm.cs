using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>Whether batch normalization still helps when noise makes its outputs unstable again.</summary>
internal sealed class NoisyBatchNorm : IExperiment
{
    // The setting that ioffe-mnist judges.
    private const double Rate = 0.1;
    private const double Deviation = 0.1;
    private const int Seeds = 3;

    private static readonly Variant[] _variants =
    [
        new("none", false, false, SeriesStyle.Of(NormalizationKind.None)),
        new("none, noisy", false, true, SeriesStyle.Orange),
        new("batchnorm", true, false, SeriesStyle.Of(NormalizationKind.BatchNorm)),
        new("batchnorm, noisy", true, true, SeriesStyle.SkyBlue),
    ];

    public string Name => "noisy-bn";

    public string Paper => "Santurkar et al. 2018, arXiv 1805.11604, §2.1, Fig. 2";

    public string Claim => "Batch normalization does not need stable distributions: with noise after it that shifts and stretches them at every step, it still trains as well, and better than a network without it.";

    public double Cost => 40;

    public bool Exact => false;

    public int FewestImages => SigmoidRun.Batch;

    public ExperimentResult Run(ExperimentContext context)
    {
        long steps = context.Full ? 15_000 : 3000;
        DataSplit data = context.Images.Binarize();
        (Variant Variant, int Seed)[] trials = [.. from seed in Enumerable.Range(0, Seeds) from variant in _variants select (variant, seed)];
        IReadOnlyList<SigmoidRun> results = context.RunAll(
            trials,
            _ => steps,
            (t, progress) => SigmoidRun.Train(
                t.Variant.Normalized, Rate, Deviation, steps, data, context with { Seed = context.Seed + (ulong)t.Seed }, progress, t.Variant.Noisy),
            ["test accuracy", "spread"],
            (t, r) => new ExperimentRow($"{t.Variant.Name}, seed {context.Seed + (ulong)t.Seed}", [r.Accuracies[^1], r.Spread]));
        Outcome[] outcomes =
        [
            .. trials.Zip(results).GroupBy(p => p.First.Variant, p => p.Second).Select(g => new Outcome(
                g.Key, g.Average(r => r.Accuracies[^1]), g.Min(r => r.Accuracies[^1]), g.Max(r => r.Accuracies[^1]), g.Average(r => r.Spread), [.. g])),
        ];
        return ExperimentResult.From(this, context, Describe(outcomes, steps), Tabulate(outcomes), Judge(outcomes), [Accuracy(outcomes), Medians(outcomes)]);
    }

    private static string[] Describe(Outcome[] outcomes, long steps)
    {
        (Outcome plain, Outcome noisyPlain, Outcome batch, Outcome noisyBatch) = (outcomes[0], outcomes[1], outcomes[2], outcomes[3]);
        double loss = plain.Accuracy - noisyPlain.Accuracy;
        string half = loss > 0.02
            ? $"it costs the network without normalization {Points(loss)} points here"
            : "it does not stop the network without normalization here";
        return
        [
            $"The other half of the paper's claim, that the same noise keeps the network without normalization from training, is not judged: {half} ({Phrases.Percent(noisyPlain.Accuracy)} with the noise, {Phrases.Percent(plain.Accuracy)} without; " +
            $"batch normalization {Phrases.Percent(noisyBatch.Accuracy)} and {Phrases.Percent(batch.Accuracy)}). The paper trained a deep convolutional network; the noise is its noise, not turned up until it fits.",
            $"The network of ioffe-mnist: three hidden layers of {SigmoidRun.Width} sigmoids, a learning rate of {Phrases.Text(Rate)}, weights of deviation {Phrases.Text(Deviation)}, {Phrases.Text(steps)} steps, {Seeds} seeds. The noise is in training only: a becomes s·a + m with, " +
            "for each layer and step, μ from -0.5 to 0.5 and σ from 1 to 1.25, and for each element m from μ-0.1 to μ+0.1 and s normal about σ with a deviation of 0.1.",
            $"The spread of a unit's median input over time is {Number(noisyBatch.Spread)} with noisy batch normalization, {Number(plain.Spread)} without any normalization and {Number(batch.Spread)} with plain batch normalization: " +
            (noisyBatch.Spread > plain.Spread
                ? "the least stable of the three trains as well as the most stable one."
                : "the noise takes stability away, though not as much as in the paper, where it leaves less than the network without normalization has; what batch normalization is good for stays."),
        ];
    }

    private static ExperimentTable Tabulate(Outcome[] outcomes) => new(
        ["accuracy", "lowest seed", "highest seed", "spread"],
        [.. outcomes.Select(o => new ExperimentRow(o.Variant.Name, [o.Accuracy, o.Lowest, o.Highest, o.Spread]))]);

    private static Assertion[] Judge(Outcome[] outcomes) =>
    [
        new("accuracy, noisy batchnorm minus batchnorm", outcomes[3].Accuracy - outcomes[2].Accuracy, -0.02, 0.02),
        new("accuracy, noisy batchnorm minus none", outcomes[3].Accuracy - outcomes[0].Accuracy, 0.01, 1),
    ];

    private static LineChart Accuracy(Outcome[] outcomes) => new()
    {
        Title = "Test accuracy over the steps",
        Words = "Mean of the seeds (line) and their whole range (band), in evaluation mode, without noise. Look at how little the noise takes from batch normalization, and that it does not stop the other network.",
        X = new Axis("step", Log: true),
        Y = new Axis("share of correct samples") { Minimum = 0, Maximum = 1 },
        Series = [.. outcomes.Select(o => SeedBand.Of(
            o.Variant.Name,
            [.. o.Runs[0].Steps.Select(s => (double)s)],
            o.Runs[0].Steps.Select((_, i) => o.Runs.Select(r => r.Accuracies[i]).ToArray()),
            o.Variant.Style))],
    };

    private static LineChart Medians(Outcome[] outcomes) => new()
    {
        Title = "Input of a typical sigmoid",
        Words = "The median over the samples of one unit of the last hidden layer, first seed: the unit whose spread over time is the median of all units. The noise is redrawn at every step, so that a reading of ten mini-batches averages over ten draws.",
        X = new Axis("step"),
        Y = new Axis("median input of the sigmoid"),
        Series = [.. outcomes.Select(o =>
        {
            SigmoidRun run = o.Runs[0];
            int unit = run.TypicalUnit;
            return new Series(o.Variant.Name, [.. run.ReadingSteps.Select(s => (double)s)], [.. run.Inputs.Select(u => u[unit].Median)]) { Style = o.Variant.Style };
        })],
    };

    private static string Points(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private sealed record Variant(string Name, bool Normalized, bool Noisy, SeriesStyle Style);

    private sealed record Outcome(Variant Variant, double Accuracy, double Lowest, double Highest, double Spread, SigmoidRun[] Runs);
}
