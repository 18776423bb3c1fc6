using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>The report of one training.</summary>
public static class TrainReport
{
    /// <summary>What the report says.</summary>
    /// <param name="trial">The training.</param>
    /// <param name="data">What it was run on.</param>
    /// <param name="probes">What was probed; null if nothing was.</param>
    /// <param name="configuration">The configuration to show; null shows the trial's options.</param>
    public static LabReport From(TrialResult trial, DataSummary data, ProbeHistory? probes = null, JsonObject? configuration = null)
    {
        ArgumentNullException.ThrowIfNull(trial);
        ArgumentNullException.ThrowIfNull(data);
        TrainingResult result = trial.Result;
        return new LabReport
        {
            Title = $"Training with {NameOf(trial)}",
            Words = [.. Describe(trial, data, probes)],
            Summary = new Table(
                [string.Empty, "loss (nats)", "accuracy"],
                [
                    ["training set", Table.Number(result.Train.Loss), Table.Number(result.Train.Accuracy)],
                    ["test set", Table.Number(result.Test.Loss), Table.Number(result.Test.Accuracy)],
                ]),
            Tables = [DataTable.From(data)],
            Charts = [LossChart(result.History), AccuracyChart(result.History), .. probes is not null ? ProbeCharts.From(probes) : []],
            Configuration = configuration ?? trial.Options.ToJson(),
        };
    }

    private static string NameOf(TrialResult trial) => Phrases.NameOf(trial.Options.Normalization.Name);

    private static IEnumerable<string> Describe(TrialResult trial, DataSummary data, ProbeHistory? probes)
    {
        TrainingResult result = trial.Result;
        int epochs = result.History.Count;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"A classifier with {NameOf(trial)} was trained for {Phrases.Count(epochs, "epoch")} ({Phrases.Count(result.Steps, "step")}) from seed {trial.Options.Seed} in {trial.Seconds:0.00} s. " +
            $"At the end it is right on {Phrases.Percent(result.Test.Accuracy)} of the test set and on {Phrases.Percent(result.Train.Accuracy)} of the training set.");
        if (result.Divergence is { } divergence)
        {
            yield return $"The training diverged: {divergence.Message}";
        }
        else if (result.Status == TrainingStatus.Cancelled)
        {
            yield return "The training was stopped before its end; this is what it had come to.";
        }

        if (Thinning.Describe(epochs) is { } thinned)
        {
            yield return thinned;
        }

        if (probes is not null)
        {
            yield return ProbeCharts.Describe(probes);
        }

        if (DataTable.Describe(data) is { } remarks)
        {
            yield return remarks;
        }
    }

    private static LineChart LossChart(IReadOnlyList<EpochMetrics> history)
    {
        return new LineChart
        {
            Title = "Loss",
            Words = DescribeLoss(history),
            X = new Axis("epoch"),
            Y = new Axis("mean cross-entropy (nats)") { Minimum = 0 },
            Series =
            [
                Curve("training set", history, e => e.Train.Loss, SeriesStyle.Blue),
                Curve("test set", history, e => e.Test.Loss, SeriesStyle.Vermillion),
                Curve("mini-batches, while training", history, e => e.BatchLoss, SeriesStyle.Purple),
            ],
        };
    }

    private static LineChart AccuracyChart(IReadOnlyList<EpochMetrics> history)
    {
        return new LineChart
        {
            Title = "Accuracy",
            Words = history.Count == 0
                ? "No epoch was finished, so there is nothing to draw."
                : $"After the last epoch {Phrases.Percent(history[^1].Train.Accuracy)} of the training set and {Phrases.Percent(history[^1].Test.Accuracy)} of the test set are classified correctly. " +
                  $"The best epoch on the test set had {Phrases.Percent(history.Max(e => e.Test.Accuracy))}.",
            X = new Axis("epoch"),
            Y = new Axis("share of correct samples") { Maximum = 1 },
            Series =
            [
                Curve("training set", history, e => e.Train.Accuracy, SeriesStyle.Blue),
                Curve("test set", history, e => e.Test.Accuracy, SeriesStyle.Vermillion),
                Curve("mini-batches, while training", history, e => e.BatchAccuracy, SeriesStyle.Purple),
            ],
        };
    }

    private static string DescribeLoss(IReadOnlyList<EpochMetrics> history)
    {
        if (history.Count == 0)
        {
            return "No epoch was finished, so there is nothing to draw.";
        }

        EpochMetrics best = history.MinBy(e => e.Test.Loss)!;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The test loss goes from {history[0].Test.Loss:0.0000} after the first epoch to {history[^1].Test.Loss:0.0000} after the last; its lowest is {best.Test.Loss:0.0000} after epoch {best.Epoch}. ") +
            "Training and test set are evaluated after each epoch; the mini-batches are as they were while the weights still changed, and with batch normalization under their own statistics.";
    }

    private static Series Curve(string name, IReadOnlyList<EpochMetrics> history, Func<EpochMetrics, double> value, SeriesStyle style)
    {
        int[] places = Thinning.Places(history.Count);
        return new Series(name, [.. places.Select(i => (double)history[i].Epoch)], [.. places.Select(i => value(history[i]))]) { Style = style };
    }
}
