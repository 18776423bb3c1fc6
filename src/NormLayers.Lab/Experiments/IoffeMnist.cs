using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>The first experiment of the batch normalization paper: a network of sigmoids, with and without.</summary>
internal sealed class IoffeMnist : IExperiment
{
    // The paper states neither; these are judged, and the whole grid is shown.
    private const double JudgedRate = 0.1;
    private const double JudgedDeviation = 0.1;
    private const int EarlyStep = 500;
    private const double HighAccuracy = 0.9;

    private static readonly double[] _rates = [0.1, 0.5, 2.5];
    private static readonly double[] _deviations = [0.01, 0.1, 1];
    private static readonly NormalizationKind[] _modes = [NormalizationKind.None, NormalizationKind.BatchNorm];

    public string Name => "ioffe-mnist";

    public string Paper => "Ioffe & Szegedy 2015, arXiv 1502.03167, §4.1, Fig. 1";

    public string Claim => "With batch normalization a network of sigmoids trains faster and becomes more accurate, and the inputs of its sigmoids are much more stable.";

    public double Cost => 60;

    public bool Exact => true;

    public int FewestImages => SigmoidRun.Batch;

    public ExperimentResult Run(ExperimentContext context)
    {
        long steps = context.Full ? 50_000 : context.Images.Shipped ? 2000 : 5000;
        DataSplit data = context.Images.Binarize();
        Cell[] cells = [.. from deviation in _deviations from rate in _rates from mode in _modes select new Cell(mode, rate, deviation)];
        IReadOnlyList<SigmoidRun> results = context.RunAll(
            cells, _ => steps, (c, progress) => SigmoidRun.Train(c.Mode == NormalizationKind.BatchNorm, c.Rate, c.Deviation, steps, data, context, progress),
            ["test accuracy", "spread"], (c, r) => new ExperimentRow(c.Describe(), [r.Accuracies[^1], r.Spread]));
        Dictionary<Cell, SigmoidRun> runs = cells.Zip(results).ToDictionary(p => p.First, p => p.Second);
        return ExperimentResult.From(
            this,
            context,
            Describe(runs, steps),
            Tabulate(runs),
            Judge(runs, steps),
            [
                Accuracy(runs),
                TypicalInputs(runs),
                Drift(runs),
                Map(runs, "Final test accuracy over the whole grid", "test accuracy", r => r.Accuracies[^1], v => v.ToString("0.000", CultureInfo.InvariantCulture), 0, 1) with
                {
                    Words = "The paper states neither learning rate nor initial weights, and they decide how far apart the two are: from hopeless without normalization to no difference at all.",
                },
                Map(runs, "Steps to an accuracy of 90 %", "log10 of the steps", r => Math.Log10(r.StepsTo(HighAccuracy) ?? double.NaN), v => Phrases.Text(Math.Round(Math.Pow(10, v))), 1.5, Math.Log10(steps)) with
                {
                    Words = "Darker is sooner; –: not within the steps that were run.",
                },
                Map(runs, "Spread over time of a unit's median input", "standard deviation", r => r.Spread, v => v.ToString("0.00", CultureInfo.InvariantCulture), 0, 1) with
                {
                    Words = "The mean over all units. The colours end at 1, the numbers do not.",
                },
            ]);
    }

    private static string[] Describe(Dictionary<Cell, SigmoidRun> runs, long steps)
    {
        double[] gains = [.. _deviations.SelectMany(_ => _rates, (d, r) => Final(runs, NormalizationKind.BatchNorm, r, d) - Final(runs, NormalizationKind.None, r, d))];
        string[] best = [.. _modes.Select(m => Phrases.Percent(runs.Where(r => r.Key.Mode == m).Max(r => r.Value.Accuracies[^1])))];
        return
        [
            $"Three hidden layers of {SigmoidRun.Width} sigmoids on black-and-white images, mini-batches of {SigmoidRun.Batch}, plain stochastic gradient descent, {steps} steps, one seed; batch normalization is judged by its running statistics. " +
            $"The paper does not state the learning rate and the initial weights: judged is {Phrases.Text(JudgedRate)} with a standard deviation of {Phrases.Text(JudgedDeviation)}, and the maps show all.",
            $"In {gains.Count(g => g > 0.01)} of the {gains.Length} cells batch normalization ends ahead by more than a point, in {gains.Count(g => g < -0.01)} behind by more than a point. " +
            $"The best cell without normalization ends at {best[0]}, the best with it at {best[1]}: with steps and weights that suit the plain network, the advantage is in the first steps.",
            "The inputs of the sigmoids are shown for all units of the last hidden layer, and for the unit whose spread is the median of all, which nobody picked.",
        ];
    }

    private static ExperimentTable Tabulate(Dictionary<Cell, SigmoidRun> runs) => new(
        [$"at step {EarlyStep}", "at the end", "steps to 90 %", "spread"],
        [.. runs.Select(r => new ExperimentRow(
            r.Key.Describe(), [Early(r.Value), r.Value.Accuracies[^1], r.Value.StepsTo(HighAccuracy) ?? double.NaN, r.Value.Spread]))]);

    private static Assertion[] Judge(Dictionary<Cell, SigmoidRun> runs, long steps)
    {
        SigmoidRun plain = runs[new(NormalizationKind.None, JudgedRate, JudgedDeviation)];
        SigmoidRun normalized = runs[new(NormalizationKind.BatchNorm, JudgedRate, JudgedDeviation)];
        double End(NormalizationKind mode) => runs[new(mode, 0.5, 0.01)].Accuracies[^1];
        return
        [
            new($"batchnorm: accuracy at step {EarlyStep}", Early(normalized), 0.88, 1),
            new($"none: accuracy at step {EarlyStep}", Early(plain), 0, 0.4),
            new("steps to 90 %, none (at least) over batchnorm", (double)(plain.StepsTo(HighAccuracy) ?? steps) / (normalized.StepsTo(HighAccuracy) ?? double.PositiveInfinity), 4, 1000),
            new("accuracy at the end, batchnorm minus none", normalized.Accuracies[^1] - plain.Accuracies[^1], 0, 1),
            new("the same, rate 0.5, deviation 0.01", End(NormalizationKind.BatchNorm) - End(NormalizationKind.None), 0.3, 1),
            new("spread of a unit's median input, none over batchnorm", plain.Spread / normalized.Spread, 1, 1000),
        ];
    }

    private static LineChart Accuracy(Dictionary<Cell, SigmoidRun> runs) => new()
    {
        Title = "Test accuracy over the steps",
        Words = "At the learning rate and deviation that are judged, and at five times the rate, where the network without normalization catches up.",
        X = new Axis("step", Log: true),
        Y = new Axis("share of correct samples") { Minimum = 0, Maximum = 1 },
        Series = [.. ((double[])[JudgedRate, 5 * JudgedRate]).SelectMany(rate => _modes.Select(mode =>
        {
            SigmoidRun run = runs[new(mode, rate, JudgedDeviation)];
            SeriesStyle style = rate == JudgedRate ? SeriesStyle.Of(mode) : mode == NormalizationKind.None ? SeriesStyle.Orange : SeriesStyle.SkyBlue;
            return new Series($"{NameOf(mode)}, rate {Phrases.Text(rate)}", [.. run.Steps.Select(s => (double)s)], run.Accuracies) { Style = style };
        }))],
    };

    private static LineChart TypicalInputs(Dictionary<Cell, SigmoidRun> runs) => new()
    {
        Title = "Input of a typical sigmoid",
        Words = "The median (line) and the 15th and 85th percentile (band) of one unit of the last hidden layer: the unit whose spread over time is the median of all units.",
        X = new Axis("step"),
        Y = new Axis("input of the sigmoid"),
        Series = [.. Judged(runs).Select(j =>
        {
            int unit = j.Run.TypicalUnit;
            return Fan(j.Mode, j.Run, [.. j.Run.Inputs.Select(u => u[unit])]);
        })],
    };

    private static LineChart Drift(Dictionary<Cell, SigmoidRun> runs) => new()
    {
        Title = "How far the medians of all inputs have moved",
        Words = "From the first reading on, without sign: the median unit (line), and from the 5th to the 95th percentile of all units of the last hidden layer (band).",
        X = new Axis("step"),
        Y = new Axis("change of the median input"),
        Series = [.. Judged(runs).Select(j => Fan(j.Mode, j.Run, [.. j.Run.Inputs.Select(units =>
        {
            double[] moved = [.. units.Zip(j.Run.Inputs[0], (now, first) => Math.Abs(now.Median - first.Median)).Order()];
            return new Percentiles(moved[5], moved[50], moved[95]);
        })]))],
    };

    private static Series Fan(NormalizationKind mode, SigmoidRun run, Percentiles[] values) => new(
        NameOf(mode),
        [.. run.ReadingSteps.Select(s => (double)s)],
        [.. values.Select(v => v.Median)],
        [.. values.Select(v => v.Low)],
        [.. values.Select(v => v.High)])
    {
        Style = SeriesStyle.Of(mode),
    };

    private static HeatMap Map(
        Dictionary<Cell, SigmoidRun> runs, string title, string value, Func<SigmoidRun, double> quantity, Func<double, string> mark, double minimum, double maximum)
    {
        (NormalizationKind Mode, double Deviation)[] rows = [.. _deviations.SelectMany(d => _modes, (d, m) => (m, d))];
        double[][] values = [.. rows.Select(row => _rates.Select(r => quantity(runs[new(row.Mode, r, row.Deviation)])).ToArray())];
        return new HeatMap
        {
            Title = title,
            Words = string.Empty,
            X = new Axis("learning rate") { Labels = [.. _rates.Select(Phrases.Text)] },
            Y = new Axis("deviation of the initial weights") { Labels = [.. rows.Select(r => $"{Phrases.Text(r.Deviation)}, {NameOf(r.Mode)}")] },
            ValueTitle = value,
            Values = values,
            Marks = [.. values.Select(row => row.Select(v => double.IsFinite(v) ? mark(v) : "–").ToArray())],
            Details = [.. rows.Select(row => _rates.Select(r => runs[new(row.Mode, r, row.Deviation)]).Select(r =>
                $"{Phrases.Percent(r.Accuracies[^1])} at the end; 90 % {(r.StepsTo(HighAccuracy) is { } s ? "at step " + Phrases.Text(s) : "not reached")}").ToArray())],
            Minimum = minimum,
            Maximum = maximum,
        };
    }

    private static IEnumerable<(NormalizationKind Mode, SigmoidRun Run)> Judged(Dictionary<Cell, SigmoidRun> runs) =>
        _modes.Select(m => (m, runs[new(m, JudgedRate, JudgedDeviation)]));

    private static double Early(SigmoidRun run) => run.Accuracies[Enumerable.Range(0, run.Steps.Count).First(i => run.Steps[i] == EarlyStep)];

    private static double Final(Dictionary<Cell, SigmoidRun> runs, NormalizationKind mode, double rate, double deviation) => runs[new(mode, rate, deviation)].Accuracies[^1];

    private static string NameOf(NormalizationKind mode) => mode.Name;

    private sealed record Cell(NormalizationKind Mode, double Rate, double Deviation)
    {
        public string Describe() => $"{NameOf(Mode)}, rate {Phrases.Text(Rate)}, deviation {Phrases.Text(Deviation)}";
    }
}
