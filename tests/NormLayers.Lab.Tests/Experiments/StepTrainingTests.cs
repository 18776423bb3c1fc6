using NormLayers.Lab.Data;
using NormLayers.Lab.Experiments;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class StepTrainingTests
{
    private static readonly DataSplit s_data = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 50, TestCount = 20, Features = 4, Classes = 3, Seed = 1 });

    public static TheoryData<string> WithImages => [.. ExperimentCatalog.All.Where(e => e.UsesImages).Select(e => e.Name)];

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(13)]
    public void Run_SomeSteps_TakesExactlyThem(long steps)
    {
        List<long> seen = [];

        StepResult result = Run(steps, 0.1, seen.Add, TestContext.Current.CancellationToken);

        Assert.Equal([.. Enumerable.Range(1, (int)steps).Select(i => (long)i)], seen);
        Assert.Null(result.Divergence);
        Assert.InRange(result.Test.Accuracy, 0.1, 1);
    }

    [Fact]
    public void Run_TooLargeARate_SaysWhereItDiverged() => Assert.NotNull(Run(20, 1e30, null, TestContext.Current.CancellationToken).Divergence);

    [Fact]
    public void Run_CancelledAtAStep_StopsAfterIt()
    {
        using CancellationTokenSource source = new();
        List<long> seen = [];

        Assert.ThrowsAny<OperationCanceledException>(() => Run(
            20,
            0.1,
            step =>
            {
                seen.Add(step);
                if (step == 3)
                {
                    source.Cancel();
                }
            },
            source.Token));

        Assert.Equal([1, 2, 3], seen);
    }

    [Theory]
    [MemberData(nameof(WithImages))]
    public void Experiment_Cancelled_GivesNoResult(string name)
    {
        ExperimentContext context = new(1, false, new CancellationToken(canceled: true)) { Images = ImageData.Load(ImageData.ShippedName, 1) };

        Assert.ThrowsAny<OperationCanceledException>(() => ExperimentCatalog.All.Single(e => e.Name == name).Run(context));
    }

    private static StepResult Run(long steps, double rate, Action<long>? onStep, CancellationToken cancellation)
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 4, HiddenFeatures = [8], Classes = 3, Normalization = NormalizationKind.None });
        return StepTraining.Run(network, new SgdOptimizer(network.Parameters, rate), s_data, 8, steps, 1, null, onStep, cancellation);
    }
}
