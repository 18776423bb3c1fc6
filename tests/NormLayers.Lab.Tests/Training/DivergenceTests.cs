using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Lab.Tests.Training;

/// <summary>A run whose loss is no longer finite ends with a result that says where and why.</summary>
public sealed class DivergenceTests
{
    private static readonly TrainingOptions s_inOrder = new() { Epochs = 2, BatchSize = 32, Shuffle = false };

    [Theory]
    [InlineData("none", float.NaN)]
    [InlineData("batchnorm", float.NaN)]
    [InlineData("layernorm", float.PositiveInfinity)]
    public void Fit_NonFiniteInput_IsFoundInItsStep(string mode, float bad)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        DataSplit data = Problems.ThreeClouds();
        data.Train.Features[70 * Problems.Features + 1] = bad;
        RecordingObserver observer = new();
        TrainingResult result = Problems.Fit(Problems.Network(normalization), data, s_inOrder, observer);
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.Equal(2, result.Steps);
        Assert.Equal(2, observer.Steps.Count);
        Assert.Empty(result.History);
        Assert.Equal((3L, 1, "input", DivergenceKind.Input), Where(result));
        Assert.Equal(
            "The loss is not finite at step 3 (epoch 1): the mini-batch holds NaN or infinity. Remove or replace these values in the data.",
            result.Divergence!.Message);
    }

    [Fact]
    public void Fit_HugeLearningRate_NamesTheFirstLayerWhoseOutputOverflowed()
    {
        // One step of 1e25 times a gradient below 1 leaves finite weights near 1e24, whose products with each other overflow.
        TrainingResult result = Problems.Fit(Problems.Network(NormalizationKind.None), Problems.ThreeClouds(), s_inOrder, learningRate: 1e25);
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.Equal(1, result.Steps);
        Assert.Equal((2L, 1, "linear2", DivergenceKind.Activations), Where(result));
        Assert.Contains("the output of linear2 overflowed first", result.Divergence!.Message, StringComparison.Ordinal);
        Assert.Contains("Try a smaller learning rate (it is 1E+25)", result.Divergence.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e17)]
    [InlineData(3e17)]
    public void Fit_FiniteLossBeyondReturn_StopsAtItsStep(double learningRate)
    {
        RecordingObserver observer = new();
        TrainingResult result = Problems.Fit(
            Problems.Network(NormalizationKind.None), Problems.ThreeClouds(), s_inOrder with { Epochs = 50 }, observer, learningRate: learningRate);
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.Equal(1, result.Steps);
        Assert.StartsWith("The loss is ", result.Divergence!.Message, StringComparison.Ordinal);
        Assert.Contains("no step leads back from there", result.Divergence.Message, StringComparison.Ordinal);
        Assert.True(double.IsFinite(observer.Steps[0].Loss));
    }

    [Fact]
    public void Fit_LastUpdateOverflows_IsNoCompletedRun()
    {
        TrainingOptions oneStep = new() { Epochs = 1, BatchSize = 1000 };
        TrainingResult result = Problems.Fit(Problems.Network(NormalizationKind.None), Problems.ThreeClouds(), oneStep, learningRate: 1e30);
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.Equal(1, result.Steps);
        Assert.Equal(2, result.Divergence!.Step);
        Assert.False(double.IsFinite(result.Train.Loss));
    }

    [Fact]
    public void Fit_UpdateThatOverflows_NamesItsLayer()
    {
        Dataset clouds = Problems.ThreeClouds().Train;
        Dataset wide = new("wide", [.. clouds.Features.Select(f => 1000 * f)], [.. clouds.Labels], clouds.FeatureCount, clouds.ClassCount);
        TrainingResult result = Problems.Fit(Problems.Network(NormalizationKind.None), new DataSplit(wide, wide), s_inOrder, learningRate: 3e38);
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.Equal(DivergenceKind.Gradients, result.Divergence!.Kind);
        Assert.Equal("linear1", result.Divergence.Layer);
        Assert.Contains("the update of linear1.weight overflowed in an earlier step", result.Divergence.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fit_GradientThatOverflows_NamesTheLayerWhereItBegan()
    {
        // The hidden value is 1, the second layer is huge: logits and loss are finite, but dW1 = (dy·W2)ᵀ·x is not.
        Linear first = new(1, 1, new RandomSource(1), name: "linear1");
        Linear second = new(1, 2, new RandomSource(1), name: "linear2");
        first.Weight.Value[0] = 0;
        first.Bias!.Value[0] = 1;
        ((float[])[1e29f, 1e30f]).CopyTo(second.Weight.Value, 0);
        second.Bias!.Value[0] = 3e30f;
        Dataset set = new("huge", Samples.Constant(8, 1e10f), [1, 1, 1, 1, 1, 1, 1, 1], 1, 2);
        TrainingResult result = Problems.Fit(
            new Sequential(first, new ReLU(), second), new DataSplit(set, set), new TrainingOptions { Epochs = 3, BatchSize = 8 });
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.Equal((2L, 2, "linear1", DivergenceKind.Gradients), Where(result));
        Assert.Contains("the gradient of linear1.weight overflowed in the step before", result.Divergence!.Message, StringComparison.Ordinal);
        Assert.Single(result.History);
    }

    [Fact]
    public void Fit_GradientsOfTwoLayersThatOverflow_NamesTheLater()
    {
        // Gradients flow backwards: that of linear2 overflows first, that of linear1 too.
        Linear first = new(1, 1, new RandomSource(1), name: "linear1");
        Linear second = new(1, 1, new RandomSource(1), name: "linear2");
        Linear third = new(1, 2, new RandomSource(1), name: "linear3");
        first.Weight.Value[0] = 1e-10f;
        second.Weight.Value[0] = 1e-10f;
        ((float[])[1e29f, 1e30f]).CopyTo(third.Weight.Value, 0);
        third.Bias!.Value[0] = 3e30f;
        Dataset set = new("huge", Samples.Constant(8, 1e20f), [1, 1, 1, 1, 1, 1, 1, 1], 1, 2);
        TrainingResult result = Problems.Fit(
            new Sequential(first, new ReLU("relu1"), second, new ReLU("relu2"), third),
            new DataSplit(set, set),
            new TrainingOptions { Epochs = 3, BatchSize = 8 });
        Assert.Contains(first.Weight.Gradient, g => !float.IsFinite(g));
        Assert.Contains(second.Weight.Gradient, g => !float.IsFinite(g));
        Assert.All(third.Weight.Gradient, g => Assert.True(float.IsFinite(g)));
        Assert.Equal((2L, 2, "linear2", DivergenceKind.Gradients), Where(result));
    }

    private static (long Step, int Epoch, string Layer, DivergenceKind Kind) Where(TrainingResult result)
    {
        Divergence divergence = result.Divergence!;
        return (divergence.Step, divergence.Epoch, divergence.Layer, divergence.Kind);
    }
}
