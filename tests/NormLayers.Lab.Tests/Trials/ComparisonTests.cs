using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Trials;

public sealed class ComparisonTests
{
    private static readonly TrialOptions _options = new() { Epochs = 2, HiddenFeatures = [8] };
    private static readonly NormalizationKind[] _modes = [NormalizationKind.None, NormalizationKind.LayerNorm];

    private static SeedData Data => SeedData.Of(new SyntheticOptions { TrainCount = 100, TestCount = 40 });

    [Fact]
    public void Run_EachTrial_IsTheTrialAlone()
    {
        CompareResult result = Comparison.Run(_options, _modes, [3, 5], Data, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(_modes, result.Modes.Select(m => m.Mode));
        foreach (ModeResult mode in result.Modes)
        {
            foreach ((TrialResult? trial, long seed) in mode.Trials.Zip((long[])[3, 5]))
            {
                TrialOptions options = _options with { Normalization = mode.Mode, Seed = seed };
                TrialResult alone = Trial.Run(options, Data.Get(seed), cancellationToken: TestContext.Current.CancellationToken);
                Assert.Equal((options, alone.Result.Train, alone.Result.Test), (trial!.Options, trial.Result.Train, trial.Result.Test));
            }

            Assert.Equal(mode.Trials.Average(t => t!.Result.Test.Loss), mode.TestLoss.Mean, 1e-12);
        }

        PairResult pair = Assert.Single(result.Pairs);
        Assert.Equal(result.Modes[0].TestLoss.Mean - result.Modes[1].TestLoss.Mean, pair.TestLoss.Estimate.Mean, 1e-12);
    }

    [Fact]
    public void Run_Observed_CountsEveryStepAndTrial()
    {
        Watcher watcher = new();

        Comparison.Run(_options with { LearningRate = 1e30 }, _modes, [1, 2, 3], Data, observer: watcher, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal((6, 6 * 8L), watcher.Announced);
        Assert.Equal((6, 6 * 8L), watcher.Counted);
        Assert.Contains(watcher.Trials, t => t.Result.Status == TrainingStatus.Diverged);
        Assert.Equal(6, watcher.Trials.Select(t => t.Options).Distinct().Count());
    }

    [Fact]
    public void Run_Cancelled_HasNoTrial()
    {
        CompareResult result = Comparison.Run(_options, _modes, [1, 2], Data, cancellationToken: new CancellationToken(canceled: true));

        Assert.True(result.Cancelled);
        Assert.All(result.Modes, m => Assert.All(m.Trials, Assert.Null));
        Assert.True(double.IsNaN(result.TargetLoss));
    }

    [Fact]
    public void Run_ObserverThatThrows_ThrowsThat() => Assert.Throws<IOException>(
        () => Comparison.Run(_options, _modes, [1], Data, observer: new Watcher { Fails = true }, cancellationToken: TestContext.Current.CancellationToken));

    [Fact]
    public void Run_ModesOrSeedsThatCannotBe_AreRefused()
    {
        Assert.Equal("modes", Assert.Throws<ArgumentException>(() => Run([NormalizationKind.None], [1])).ParamName);
        Assert.Equal("modes", Assert.Throws<ArgumentException>(() => Run([NormalizationKind.None, NormalizationKind.None], [1])).ParamName);
        Assert.Equal("seeds", Assert.Throws<ArgumentException>(() => Run(_modes, [])).ParamName);
        Assert.Equal("seeds", Assert.Throws<ArgumentException>(() => Run(_modes, [1, 1])).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>("targetLoss", () => Comparison.Run(new TrialOptions(), _modes, [1], Data, targetLoss: double.NaN, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("got an empty list", Assert.Throws<ArgumentException>(() => Run(_modes, [])).Message, StringComparison.Ordinal);

        static CompareResult Run(NormalizationKind[] modes, long[] seeds) =>
            Comparison.Run(_options, modes, seeds, Data, cancellationToken: TestContext.Current.CancellationToken);
    }

    [Fact]
    public void SeedData_OfOneSet_SplitsItAnewForEachSeed()
    {
        SeedData data = SeedData.Of(Digits.Load(), 397);

        Assert.Equal(1400, data.TrainCount);
        Assert.Equal(397, data.Summary.Classes.Sum(c => c.Test));
        Assert.Equal(data.Get(1).Test.Features, SeedData.Of(Digits.Load(), 397).Get(1).Test.Features);
        Assert.NotEqual(data.Get(1).Test.Features, data.Get(2).Test.Features);
    }

    private sealed class Watcher : ITrialsObserver
    {
        private readonly Lock _lock = new();

        public bool Fails { get; init; }

        public (int Trials, long Steps) Announced { get; private set; }

        public (int Trials, long Steps) Counted { get; private set; }

        public List<TrialResult> Trials { get; } = [];

        public void OnStart(int trials, long steps) => Announced = (trials, steps);

        public void OnProgress(long steps, int trials)
        {
            lock (_lock)
            {
                Counted = (Counted.Trials + trials, Counted.Steps + steps);
            }
        }

        public void OnTrial(TrialResult trial)
        {
            if (Fails)
            {
                throw new IOException("full");
            }

            lock (_lock)
            {
                Trials.Add(trial);
            }
        }
    }
}
