using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Trials;

public sealed class SweepTests
{
    private static readonly SweepGrid _grid = new SweepGrid(new TrialOptions { Epochs = 2, HiddenFeatures = [8] })
        .Vary("mode", [NormalizationKind.None, NormalizationKind.BatchNorm], (o, mode) => o with { Normalization = mode })
        .Vary("learning_rate", [0.1, 1e30], (o, rate) => o with { LearningRate = rate });

    private static SeedData Data => SeedData.Of(new SyntheticOptions { TrainCount = 100, TestCount = 40 });

    [Fact]
    public void Vary_TwoAxes_GivesAllCombinationsTheLastVaryingFastest()
    {
        Assert.Equal(["none 0.1", "none 1E+30", "batchnorm 0.1", "batchnorm 1E+30"], _grid.Points.Select(p => string.Join(' ', p.Values)));
        Assert.Equal(["mode", "learning_rate"], _grid.Axes.Select(a => a.Name));
        Assert.Equal((NormalizationKind.BatchNorm, 0.1), (_grid.Points[2].Options.Normalization, _grid.Points[2].Options.LearningRate));
        Assert.Throws<ArgumentException>(() => _grid.Vary("epsilon", (double[])[], (o, e) => o with { Epsilon = e }));
        Assert.Throws<ArgumentException>(() => _grid.Vary("epsilon", [0.1, 0.1], (o, e) => o with { Epsilon = e }));
        Assert.Throws<ArgumentException>("name", () => _grid.Vary(_grid.Axes[0].Name, [0.1], (o, e) => o with { Epsilon = e }));
        Assert.Throws<ArgumentException>("set", () => _grid.Vary<double>("another", [0.1], (_, _) => null!));
        Assert.Throws<ArgumentException>(() => new SweepGrid(_grid.Options, _grid.Axes, [.. _grid.Points.Skip(1)]));
    }

    [Fact]
    public void Run_Cells_SayWhatTheirTrialsDo()
    {
        Sweep sweep = new(_grid, [1, 2], Data);
        Assert.Null(sweep.ToResult().Cells[0].Outcome);

        Assert.True(sweep.Run(cancellationToken: TestContext.Current.CancellationToken));

        SweepResult result = sweep.ToResult();
        Assert.Equal((8, 8), (result.Done, result.Total));
        Assert.Equal(SweepOutcome.Diverges, result.Cells[1].Outcome);
        Assert.Matches("^none, learning_rate 1E\\+30: 2 of 2 diverge, first at step \\d+ in linear", result.DescribeDivergence(result.Cells[1]));
        Assert.Null(result.DescribeDivergence(result.Cells[0]));
        TrialResult alone = Trial.Run(_grid.Points[2].Options with { Seed = 2 }, Data.Get(2), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(TrialSummary.Of(alone, Data.Summary), result.Cells[2].Trials[1]);
    }

    [Fact]
    public void Run_InParts_ComesToTheSame()
    {
        Sweep whole = new(_grid, [1, 2], Data);
        whole.Run(cancellationToken: TestContext.Current.CancellationToken);
        Sweep parts = new(_grid, [1, 2], Data);

        Assert.True(parts.Run(part: 2, parts: 3, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(3, parts.ToResult().Done);
        Assert.False(parts.Run(cancellationToken: new CancellationToken(canceled: true)));
        Assert.True(parts.Run(cancellationToken: TestContext.Current.CancellationToken));

        Assert.Equal(whole.ToResult().Cells.SelectMany(c => c.Trials), parts.ToResult().Cells.SelectMany(c => c.Trials));
        Assert.Throws<ArgumentOutOfRangeException>(() => parts.Run(part: 4, parts: 3, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Add_TrialOfAnEarlierRun_IsNotRunAgain()
    {
        Sweep sweep = new(_grid, [1], Data);
        TrialSummary known = TrialSummary.Of(Trial.Run(sweep.Trials[0], Data.Get(1), cancellationToken: TestContext.Current.CancellationToken), Data.Summary) with { TrainLoss = 7 };
        sweep.Add(0, known);

        sweep.Run(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Same(known, sweep.ToResult().Cells[0].Trials[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => sweep.Add(4, known));
        Assert.Throws<ArgumentException>("summary", () => sweep.Add(0, known with { Seed = 77 }));
        Assert.Throws<ArgumentOutOfRangeException>("parts", () => sweep.Run(part: 1, parts: 0, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Estimate_LossThatIsNotFinite_IsLeftOut()
    {
        TrialSummary summary = TrialSummary.Of(Trial.Run(new Sweep(_grid, [1], Data).Trials[0], Data.Get(1), cancellationToken: TestContext.Current.CancellationToken), Data.Summary);
        SweepCell cell = new([], [summary with { TestLoss = 2 }, summary with { TestLoss = double.NaN }, summary with { TestLoss = 4 }]);
        Estimate loss = cell.Estimate(t => t.TestLoss);
        Assert.Equal((2, 3), (loss.Count, loss.Mean));
    }

    [Fact]
    public void Report_WithoutAConfiguration_ShowsTheOptionsAndWhatIsNotDone()
    {
        LabReport report = SweepReport.From(new Sweep(_grid, [1], Data).ToResult());

        Assert.Equal(_grid.Options.Epochs, (int?)report.Configuration["epochs"]);
        Assert.Equal(_grid.Options.BatchSize, (int?)report.Configuration["batch_size"]);
    }

    [Fact]
    public void Run_DataThatCannotBeMade_GivesThatException()
    {
        SeedData data = new(seed => throw new DataFormatException("d.csv", $"no data for seed {seed}"), Data.Summary, 1, Data.Get(1));

        DataFormatException e = Assert.Throws<DataFormatException>(() => new Sweep(_grid, [1, 2], data).Run(cancellationToken: TestContext.Current.CancellationToken));

        Assert.Contains("no data for seed 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Outcome_TrainingLossAtHalfOfGuessing_Trains()
    {
        TrialSummary summary = new()
        {
            Seed = 1,
            GuessingLoss = Math.Log(4),
            TrainLoss = 0.5 * Math.Log(4),
            TrainAccuracy = 1,
            TestLoss = 1,
            TestAccuracy = 1,
            Steps = 1,
            Divergence = null,
        };

        Assert.Equal(SweepOutcome.Trains, summary.Outcome);
        Assert.Equal(SweepOutcome.Stalls, (summary with { TrainLoss = 0.7 }).Outcome);
        Assert.Equal(SweepOutcome.Stalls, (summary with { TrainLoss = double.NaN }).Outcome);
    }
}
