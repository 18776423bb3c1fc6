using System.Globalization;
using NormLayers.Cli.Output;
using NormLayers.Lab.Charts;

namespace NormLayers.Cli.Report;

/// <summary>The report of one training.</summary>
internal static class TrainReport
{
    public static LabReport From(ResultDocument document) => new()
    {
        Title = $"Training with {Phrases.NameOf(document.Mode)}",
        Words = [.. Describe(document)],
        Summary = new Table(
            [string.Empty, "loss (nats)", "accuracy"],
            [
                ["training set", Table.Number(document.TrainLoss), Table.Number(document.TrainAccuracy)],
                ["test set", Table.Number(document.TestLoss), Table.Number(document.TestAccuracy)],
            ]),
        Tables = [DataTable.From(document.Data)],
        Charts = [LossChart(document), AccuracyChart(document), .. document.Probes is { } probes ? ProbeCharts.From(probes) : []],
        Configuration = document.Config,
    };

    private static IEnumerable<string> Describe(ResultDocument document)
    {
        int epochs = document.History.Epoch.Length;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"A classifier with {Phrases.NameOf(document.Mode)} was trained for {Phrases.Count(epochs, "epoch")} ({Phrases.Count(document.Steps, "step")}) from seed {document.Seed} in {document.DurationSeconds:0.00} s. " +
            $"At the end it is right on {Phrases.Percent(document.TestAccuracy)} of the test set and on {Phrases.Percent(document.TrainAccuracy)} of the training set.");
        if (document.Divergence is { } divergence)
        {
            yield return $"The training diverged: {divergence.Message}";
        }
        else if (document.Status == "cancelled")
        {
            yield return "The training was stopped before its end; this is what it had come to.";
        }

        if (Thinning.Describe(epochs) is { } thinned)
        {
            yield return thinned;
        }

        if (document.Probes is { } probes)
        {
            yield return ProbeCharts.Describe(probes);
        }

        if (DataTable.Describe(document.Data) is { } data)
        {
            yield return data;
        }
    }

    private static LineChart LossChart(ResultDocument document)
    {
        HistoryDocument history = document.History;
        return new LineChart
        {
            Title = "Loss",
            Words = DescribeLoss(history),
            X = new Axis("epoch"),
            Y = new Axis("mean cross-entropy (nats)") { Minimum = 0 },
            Series =
            [
                Curve("training set", history, history.TrainLoss, SeriesStyle.Blue),
                Curve("test set", history, history.TestLoss, SeriesStyle.Vermillion),
                Curve("mini-batches, while training", history, history.BatchLoss, SeriesStyle.Purple),
            ],
        };
    }

    private static LineChart AccuracyChart(ResultDocument document)
    {
        HistoryDocument history = document.History;
        return new LineChart
        {
            Title = "Accuracy",
            Words = history.Epoch.Length == 0
                ? "No epoch was finished, so there is nothing to draw."
                : $"After the last epoch {Phrases.Percent(history.TrainAccuracy[^1])} of the training set and {Phrases.Percent(history.TestAccuracy[^1])} of the test set are classified correctly. " +
                  $"The best epoch on the test set had {Phrases.Percent(history.TestAccuracy.Max())}.",
            X = new Axis("epoch"),
            Y = new Axis("share of correct samples") { Maximum = 1 },
            Series =
            [
                Curve("training set", history, history.TrainAccuracy, SeriesStyle.Blue),
                Curve("test set", history, history.TestAccuracy, SeriesStyle.Vermillion),
                Curve("mini-batches, while training", history, history.BatchAccuracy, SeriesStyle.Purple),
            ],
        };
    }

    private static string DescribeLoss(HistoryDocument history)
    {
        if (history.Epoch.Length == 0)
        {
            return "No epoch was finished, so there is nothing to draw.";
        }

        double best = history.TestLoss.Min();
        int bestEpoch = history.Epoch[Array.IndexOf(history.TestLoss, best)];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The test loss goes from {history.TestLoss[0]:0.0000} after the first epoch to {history.TestLoss[^1]:0.0000} after the last; its lowest is {best:0.0000} after epoch {bestEpoch}. ") +
            "Training and test set are evaluated after each epoch; the mini-batches are as they were while the weights still changed, and with batch normalization under their own statistics.";
    }

    private static Series Curve(string name, HistoryDocument history, double[] values, SeriesStyle style)
    {
        int[] places = Thinning.Places(history.Epoch.Length);
        return new Series(name, [.. places.Select(i => (double)history.Epoch[i])], [.. places.Select(i => values[i])]) { Style = style };
    }
}
