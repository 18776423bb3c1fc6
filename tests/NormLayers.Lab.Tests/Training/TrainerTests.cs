using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Lab.Tests.Training;

public sealed class TrainerTests
{
    private static readonly TrainingOptions s_options = new() { Epochs = 4, BatchSize = 32 };

    [Theory]
    [InlineData("none")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    public void Fit_SmallProblem_LearnsInEveryMode(string mode)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        DataSplit data = Problems.ThreeClouds();
        Sequential network = Problems.Network(normalization);
        Evaluation before = Trainer.Evaluate(network, data.Test);
        TrainingResult result = Problems.Fit(network, data, s_options with { Epochs = 12 });
        Assert.Equal(TrainingStatus.Completed, result.Status);
        Assert.Null(result.Divergence);
        Assert.InRange(result.Test.Accuracy, Math.Max(0.8, before.Accuracy + 0.2), 1);
        Assert.InRange(result.Train.Accuracy, 0.8, 1);
        Assert.True(result.Test.Loss < 0.6 * before.Loss);
        Assert.True(result.History[^1].Train.Loss < result.History[0].Train.Loss);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    public void Fit_SameSeed_GivesTheSameBits(string mode)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        DataSplit data = Problems.ThreeClouds();
        (Sequential first, TrainingResult firstResult) = Train(42);
        (Sequential second, TrainingResult secondResult) = Train(42);
        (Sequential other, TrainingResult otherResult) = Train(43);
        foreach ((NamedParameter a, NamedParameter b) in first.NamedParameters.Zip(second.NamedParameters))
        {
            Compare.SameBits(a.Parameter.Value, b.Parameter.Value, a.Name);
        }

        Assert.Equal(firstResult.Test, secondResult.Test);
        Assert.Equal(firstResult.History.Select(e => e with { Seconds = 0 }), secondResult.History.Select(e => e with { Seconds = 0 }));
        Assert.NotEqual(firstResult.Test.Loss, otherResult.Test.Loss);
        Assert.NotEqual(first.Parameters[0].Value, other.Parameters[0].Value);

        (Sequential, TrainingResult) Train(ulong orderSeed)
        {
            Sequential network = Problems.Network(normalization);
            return (network, Problems.Fit(network, data, s_options with { Seed = orderSeed }));
        }
    }

    [Fact]
    public void Fit_WithoutShuffling_IsThePlainLoop()
    {
        DataSplit data = Problems.ThreeClouds();
        Sequential trained = Problems.Network();
        Problems.Fit(trained, data, s_options with { Epochs = 1, Shuffle = false });

        Sequential network = Problems.Network();
        SgdOptimizer optimizer = new(network.Parameters, 0.05);
        for (int start = 0; start < data.Train.Count; start += 32)
        {
            int rows = Math.Min(32, data.Train.Count - start);
            ReadOnlySpan<float> x = data.Train.Features.AsSpan(start * Problems.Features, rows * Problems.Features);
            float[] logits = new float[rows * Problems.Classes];
            float[] gradient = new float[logits.Length];
            network.Forward(x, (rows, Problems.Features), logits);
            SoftmaxCrossEntropy.Evaluate(logits, data.Train.Labels.AsSpan(start, rows), gradient);
            network.ZeroGradients();
            network.Backward(x, gradient, default);
            optimizer.Step();
        }

        foreach ((NamedParameter expected, NamedParameter actual) in network.NamedParameters.Zip(trained.NamedParameters))
        {
            Compare.SameBits(expected.Parameter.Value, actual.Parameter.Value, actual.Name);
        }
    }

    [Theory]
    [InlineData(false, 8)]
    [InlineData(true, 7)]
    public void Fit_Observer_HearsOfEveryStepAndEpoch(bool dropLast, int stepsPerEpoch)
    {
        // 240 samples in mini-batches of 32: seven full ones and one of 16.
        RecordingObserver observer = new();
        DataSplit data = Problems.ThreeClouds();
        TrainingResult result = Problems.Fit(Problems.Network(), data, s_options with { Epochs = 3, DropLast = dropLast }, observer);
        Assert.Equal(3 * stepsPerEpoch, result.Steps);
        Assert.Equal(Enumerable.Range(1, 3 * stepsPerEpoch).Select(s => (long)s), observer.Steps.Select(s => s.Step));
        Assert.Equal(result.History, observer.Epochs);
        Assert.Equal([1, 2, 3], observer.Epochs.Select(e => e.Epoch));
        foreach (EpochMetrics epoch in observer.Epochs)
        {
            StepMetrics[] steps = [.. observer.Steps.Where(s => s.Epoch == epoch.Epoch)];
            Assert.Equal(dropLast ? 224 : 240, steps.Sum(s => s.Samples));
            Assert.Equal(steps.Sum(s => s.Loss * s.Samples) / steps.Sum(s => s.Samples), epoch.BatchLoss, 1e-12);
            Assert.Equal((double)steps.Sum(s => s.Correct) / steps.Sum(s => s.Samples), epoch.BatchAccuracy, 1e-12);
            Assert.Equal(steps[^1].Step, epoch.Step);
            Assert.True(epoch.Seconds > 0);
        }

        Assert.Equal(result.Train, observer.Epochs[^1].Train);
        Assert.Equal(result.Test, observer.Epochs[^1].Test);
    }

    [Fact]
    public void Fit_Epoch_VisitsEverySampleOnceInANewOrder()
    {
        const int Count = 50;
        float[] features = [.. Enumerable.Range(0, Count * 2).Select(i => i % 2 == 0 ? i / 2 : 0.5f)];
        Dataset set = new("counted", features, new int[Count], 2, 2);
        List<float[]> Orders(bool shuffle)
        {
            SpyLayer spy = new();
            Sequential network = new(spy, new Linear(2, 2, new RandomSource(1)));
            Problems.Fit(network, new DataSplit(set, set), new TrainingOptions { Epochs = 2, BatchSize = 16, Shuffle = shuffle }, learningRate: 1e-6);
            Assert.Equal([16, 16, 16, 2, 16, 16, 16, 2], spy.Batches.Select(b => b.Length));
            return [[.. spy.Batches.Take(4).SelectMany(b => b)], [.. spy.Batches.Skip(4).SelectMany(b => b)]];
        }

        float[] inOrder = [.. Enumerable.Range(0, Count).Select(i => (float)i)];
        Assert.All(Orders(shuffle: false), order => Assert.Equal(inOrder, order));
        List<float[]> shuffled = Orders(shuffle: true);
        Assert.All(shuffled, order => Assert.Equal(inOrder, order.Order()));
        Assert.NotEqual(inOrder, shuffled[0]);
        Assert.NotEqual(shuffled[0], shuffled[1]);
    }

    [Fact]
    public void Fit_CancelledInAStep_FinishesThatStepAndReports()
    {
        using CancellationTokenSource source = new();
        RecordingObserver observer = new(step =>
        {
            if (step.Step == 11)
            {
                source.Cancel();
            }
        });
        DataSplit data = Problems.ThreeClouds();
        Sequential network = Problems.Network();
        TrainingResult result = Problems.FitUntil(network, data, s_options, observer, source.Token);
        Assert.Equal(TrainingStatus.Cancelled, result.Status);
        Assert.Equal(11, result.Steps);
        Assert.Equal(11, observer.Steps.Count);
        Assert.Single(result.History);
        Assert.Null(result.Divergence);
        Assert.Equal(Trainer.Evaluate(network, data.Test), result.Test);
    }

    [Fact]
    public void Fit_CancelledInTheLastStep_IsComplete()
    {
        using CancellationTokenSource source = new();
        RecordingObserver observer = new(step =>
        {
            if (step.Step == 32)
            {
                source.Cancel();
            }
        });
        TrainingResult result = Problems.FitUntil(Problems.Network(), Problems.ThreeClouds(), s_options, observer, source.Token);
        Assert.Equal(TrainingStatus.Completed, result.Status);
        Assert.Equal(4, result.History.Count);
    }

    [Fact]
    public void Fit_CancelledBeforehand_DoesNoStep()
    {
        TrainingResult result =
            Problems.FitUntil(Problems.Network(), Problems.ThreeClouds(), s_options, null, new CancellationToken(canceled: true));
        Assert.Equal(TrainingStatus.Cancelled, result.Status);
        Assert.Equal(0, result.Steps);
        Assert.Empty(result.History);
        Assert.True(double.IsFinite(result.Test.Loss));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    public void Fit_StepsAfterTheFirst_AllocateNothing(string mode) =>
        Assert.All(Problems.AllocatedBySteps(s_options, NormalizationKind.Find(mode)!), bytes => Assert.Equal(0, bytes));

    [Fact]
    public void Fit_Adam_AllocatesNothingEither() =>
        Assert.All(Problems.AllocatedBySteps(s_options, optimizer: p => new AdamOptimizer(p)), bytes => Assert.Equal(0, bytes));

    [Fact]
    public void Evaluate_MoreSamplesThanOneChunk_IsTheMeanOverAll()
    {
        Dataset set = Problems.ThreeClouds(train: 1000).Train;
        Sequential network = Problems.Network();
        Samples.Normal(16, 0.5, 0.2).CopyTo(((BatchNorm1D)network.Layers[1]).Running!.Mean, 0);
        network.Training = false;
        float[] logits = Samples.Forward(network, set.Features, (1000, Problems.Features));
        (double loss, int correct) = SoftmaxCrossEntropy.Evaluate(logits, set.Labels, default);
        network.Training = true;

        Evaluation evaluation = Trainer.Evaluate(network, set);
        Assert.Equal(loss, evaluation.Loss, 1e-12);
        Assert.Equal(correct / 1000.0, evaluation.Accuracy);
        Assert.True(network.Training);
        Assert.Equal(0, ((BatchNorm1D)network.Layers[1]).Running!.BatchesSeen);
    }

    [Fact]
    public void Fit_DataThatDoesNotFit_NamesWhatItNeeds()
    {
        DataSplit data = Problems.ThreeClouds();
        Sequential fourClasses = Mlp.Create(new MlpOptions { InputFeatures = Problems.Features, Classes = 4 });
        ArgumentException classes = Assert.Throws<ArgumentException>(() => Problems.Fit(fourClasses, data, s_options));
        Assert.Equal("Expected 4 classes, as many as the network has outputs, got 3 in 'train'. (Parameter 'data')", classes.Message);

        Sequential fiveFeatures = Mlp.Create(new MlpOptions { InputFeatures = 5, Classes = 3 });
        ArgumentException features = Assert.Throws<ArgumentException>(() => Problems.Fit(fiveFeatures, data, s_options));
        Assert.Equal(
            "Expected as many features as the network takes, got 4 in 'train'. Expected a shape (N, …, 5) for linear1, got (1, 4). (Parameter 'data')",
            features.Message);

        features = Assert.Throws<ArgumentException>("data", () => Trainer.Evaluate(fiveFeatures, data.Test));
        Assert.StartsWith("Expected as many features as the network takes, got 4 in 'test'.", features.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => new DataSplit(data.Train, null!));
        Assert.Throws<ArgumentNullException>(() => data with { Train = null! });

        DataSplit noTest = Problems.ThreeClouds(test: 0);
        Assert.Throws<ArgumentException>("data", () => Trainer.Evaluate(Problems.Network(), noTest.Test));
        Assert.Throws<ArgumentException>(() => Problems.Fit(Problems.Network(), noTest, s_options));
        DataSplit few = Problems.ThreeClouds(train: 20);
        ArgumentException dropped = Assert.Throws<ArgumentException>(() => Problems.Fit(Problems.Network(), few, s_options with { DropLast = true }));
        Assert.Contains("at least 32 training samples", dropped.Message, StringComparison.Ordinal);
        Assert.Equal(4, Problems.Fit(Problems.Network(), few, s_options).Steps);
    }

    [Fact]
    public void Fit_LastBatchOfOneWithBatchNorm_SaysWhatIsWrong()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Problems.Fit(Problems.Network(), Problems.ThreeClouds(train: 65), s_options));
        Assert.Contains("more than 1 value per channel", error.Message, StringComparison.Ordinal);
        Assert.Equal(8, Problems.Fit(Problems.Network(), Problems.ThreeClouds(train: 65), s_options with { DropLast = true }).Steps);
    }

    [Fact]
    public void Fit_EvaluationInterval_EvaluatesThoseEpochsAndTheLast()
    {
        DataSplit data = Problems.ThreeClouds();
        TrainingResult every = Problems.Fit(Problems.Network(), data, s_options with { Epochs = 7 });
        TrainingResult some = Problems.Fit(Problems.Network(), data, s_options with { Epochs = 7, EvaluationInterval = 3 });
        TrainingResult last = Problems.Fit(Problems.Network(), data, s_options with { Epochs = 7, EvaluationInterval = int.MaxValue });
        Assert.Equal([3, 6, 7], some.History.Select(e => e.Epoch));
        Assert.Equal([7], last.History.Select(e => e.Epoch));
        Assert.Equal(every.History[^1] with { Seconds = 0 }, last.History[^1] with { Seconds = 0 });
        Assert.Equal((TrainingStatus.Completed, every.Steps, every.Test), (last.Status, last.Steps, last.Test));
    }

    [Fact]
    public void Constructor_OptionsOutOfRange_NameTheOption()
    {
        Sequential network = Problems.Network();
        SgdOptimizer optimizer = new(network.Parameters, 0.1);
        Assert.Equal("Epochs", Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(network, optimizer, s_options with { Epochs = 0 })).ParamName);
        Assert.Equal("BatchSize", Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(network, optimizer, s_options with { BatchSize = 0 })).ParamName);
        Assert.Equal("EvaluationInterval", Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(network, optimizer, s_options with { EvaluationInterval = 0 })).ParamName);
    }

    [Fact]
    public void Constructor_OptimizerOfAnotherNetwork_IsRefused()
    {
        (Sequential one, Sequential another) = (Problems.Network(NormalizationKind.None), Problems.Network(NormalizationKind.None));
        ArgumentException error = Assert.Throws<ArgumentException>(() => new Trainer(one, new SgdOptimizer(another.Parameters, 0.1), s_options));
        Assert.Contains("4 of 4 parameters that are not the network's", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Trainer(one, new AdamOptimizer([.. one.Parameters, another.Parameters[0]]), s_options));
        Assert.Throws<ArgumentException>(() => new Trainer(one, new SgdOptimizer([], 0.1), s_options));
        _ = new Trainer(one, new SgdOptimizer([one.Parameters[^1]], 0.1), s_options);
    }

    [Fact]
    public void Evaluate_LayerInEvaluationMode_StaysInIt()
    {
        Sequential network = Problems.Network(NormalizationKind.BatchNorm);
        network.Layers[1].Training = false;
        Trainer.Evaluate(network, Problems.ThreeClouds().Train);
        Assert.True(network.Training);
        Assert.Equal([true, false, true, true], network.Layers.Select(l => l.Training));
    }
}
