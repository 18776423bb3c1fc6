using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>The report of a comparison.</summary>
public static class CompareReport
{
    /// <summary>What the report says.</summary>
    /// <param name="result">The comparison.</param>
    /// <param name="configuration">The configuration to show; null shows what all trials share.</param>
    public static LabReport From(CompareResult result, JsonObject? configuration = null)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new LabReport
        {
            Title = "Comparison of " + string.Join(", ", result.Modes.Select(m => Phrases.NameOf(m.Name))),
            Words = [.. Describe(result)],
            Summary = Modes(result),
            Tables = [DataTable.From(result.Data)],
            Charts =
            [
                Curves(result, "Test loss", "mean cross-entropy (nats)", e => e.Test.Loss),
                Curves(result, "Test accuracy", "share of correct samples", e => e.Test.Accuracy),
                Finals(result, "Final test loss", "mean cross-entropy (nats)", m => m.TestLoss, p => p.TestLoss),
                Finals(result, "Final test accuracy", "share of correct samples", m => m.TestAccuracy, p => p.TestAccuracy),
            ],
            Configuration = configuration ?? result.Options.ToJson(),
        };
    }

    /// <summary>The numbers of each mode, a row each: mean ± half the 95 % confidence interval.</summary>
    /// <param name="result">The comparison.</param>
    public static Table Modes(CompareResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        string target = result.TargetLoss.ToString("0.0000", CultureInfo.InvariantCulture);
        return new Table(
            ["", "train loss", "test loss", "test accuracy", $"steps to loss {target}", "seconds", "diverged"],
            [.. result.Modes.Select(m => (string[])[
                m.Name, Number(m.TrainLoss), TestLoss(m), Percent(m.TestAccuracy),
                Steps(m, result.Seeds.Count), Number(m.Seconds, "0.000"), Share(m.Diverged, result.Seeds.Count)])]);
    }

    private static IEnumerable<string> Describe(CompareResult result)
    {
        string seconds = result.Seconds.ToString("0.00", CultureInfo.InvariantCulture);
        yield return $"Each mode was trained from {Phrases.Count(result.Seeds.Count, "seed")}; with one seed all modes see the same data in the same order, and start from the same weights. " +
            $"All trials together took {seconds} s." + (result.Cancelled ? " They were stopped before their end; this is what they had come to." : string.Empty);
        foreach (PairResult pair in result.Pairs)
        {
            yield return $"{pair.First} against {pair.Second}, seed by seed: test loss, {pair.TestLoss.Describe(pair.First, pair.Second)}; " +
                $"test accuracy in points, {pair.TestAccuracy.Describe(pair.First, pair.Second, "0.00", 100)}.";
        }

        foreach (ModeResult mode in result.Modes.Where(m => m.Diverged > 0))
        {
            yield return $"Of the trials with {Phrases.NameOf(mode.Name)}, {mode.Diverged} of {result.Seeds.Count} diverged; they are not in the means and curves.";
        }

        foreach (ModeResult mode in result.Modes.Where(m => m.TestLoss.Count < m.Completed))
        {
            yield return $"Of the trials with {Phrases.NameOf(mode.Name)}, {mode.Completed - mode.TestLoss.Count} of {mode.Completed} ended with a test loss that is not finite, which is not in the mean.";
        }

        if (Thinning.Describe(result.Modes.Max(EpochsOf)) is { } thinned)
        {
            yield return thinned;
        }

        if (DataTable.Describe(result.Data) is { } data)
        {
            yield return data;
        }
    }

    private static LineChart Curves(CompareResult result, string title, string unit, Func<EpochMetrics, double> quantity) => new()
    {
        Title = title + " after each epoch",
        Words = "The median of the completed seeds (line) and the middle half of them (band, first to third quartile), in evaluation mode.",
        X = new Axis("epoch"),
        Y = new Axis(unit),
        Series = [.. result.Modes.Where(m => m.Completed > 0).Select(m => Curve(m, quantity))],
    };

    private static Series Curve(ModeResult mode, Func<EpochMetrics, double> quantity)
    {
        TrialResult[] completed = Completed(mode);
        int[] places = Thinning.Places(EpochsOf(mode));
        Quartiles[] values = [.. places.Select(i => Quartiles.Of(completed.Select(t => quantity(t.Result.History[i]))))];
        return new Series(
            mode.Name, [.. places.Select(i => i + 1.0)], [.. values.Select(v => v.Median)], [.. values.Select(v => v.First)], [.. values.Select(v => v.Third)])
        {
            Style = SeriesStyle.Of(mode.Mode),
        };
    }

    private static LineChart Finals(
        CompareResult result, string title, string unit, Func<ModeResult, Estimate> quantity, Func<PairResult, PairedDifference> difference) => new()
        {
            Title = title,
            Words = "The mean over the seeds and its 95 % confidence interval. The verdicts come from the differences seed by seed, not from whether these intervals overlap: " +
                string.Join("; ", result.Pairs.Select(p => $"{p.First}, {p.Second}: {difference(p).Describe(p.First, p.Second)}")) + ".",
            X = new Axis("normalization") { Labels = [.. result.Modes.Select(m => m.Name)] },
            Y = new Axis(unit),
            Series = [.. result.Modes.Select((m, i) => Point(m, i, quantity(m)))],
        };

    private static Series Point(ModeResult mode, int place, Estimate estimate)
    {
        bool known = estimate.Count > 1;
        return new Series(
            mode.Name,
            [place],
            [estimate.Mean],
            known ? [estimate.Mean - estimate.HalfWidth] : null,
            known ? [estimate.Mean + estimate.HalfWidth] : null)
        {
            Style = SeriesStyle.Of(mode.Mode),
            Joined = false,
        };
    }

    private static int EpochsOf(ModeResult mode) => Completed(mode) is [{ } first, ..] ? first.Result.History.Count : 0;

    private static TrialResult[] Completed(ModeResult mode) => [.. mode.Trials.OfType<TrialResult>().Where(t => t.Result.Status == TrainingStatus.Completed)];

    private static string Number(Estimate estimate, string format = "0.0000", double factor = 1) =>
        estimate.Count == 0 ? "-"
        : (factor * estimate.Mean).ToString(format, CultureInfo.InvariantCulture)
            + (estimate.Count < 2 ? string.Empty : " ± " + (factor * estimate.HalfWidth).ToString(format, CultureInfo.InvariantCulture));

    private static string TestLoss(ModeResult mode) =>
        Number(mode.TestLoss) + (mode.TestLoss.Count == mode.Completed ? string.Empty : $" ({Share(mode.TestLoss.Count, mode.Completed)})");

    private static string Percent(Estimate estimate) => Number(estimate, "0.00", 100) + (estimate.Count == 0 ? string.Empty : " %");

    private static string Steps(ModeResult mode, int seeds) =>
        Number(mode.StepsToTarget, "0") + (mode.StepsToTarget.Count == seeds ? string.Empty : $" ({Share(mode.StepsToTarget.Count, seeds)})");

    private static string Share(int part, int whole) => string.Create(CultureInfo.InvariantCulture, $"{part} of {whole}");
}
