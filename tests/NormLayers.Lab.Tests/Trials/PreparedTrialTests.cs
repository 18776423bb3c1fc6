using System.Globalization;
using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Trials;

public sealed class PreparedTrialTests
{
    // 251001 patches of 250000 pixels are 6·10¹⁰; 116964 of 73441 are 2·2³² + 18532.
    [Theory]
    [InlineData(1000, 500)]
    [InlineData(612, 271)]
    public void Create_PatchesOfMorePixelsThanAnArrayHas_IsRefused(int side, int size)
    {
        int features = side * side;
        DataSplit data = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 4, TestCount = 3, Features = features });
        TrialOptions options = new() { Patches = new PatchOptions(size, 1), HiddenFeatures = [1], Normalization = NormalizationKind.None };

        Assert.Contains("have more than 2147483591 elements", Assert.Throws<ArgumentException>(() => new PreparedTrial(options, data)).Message, StringComparison.Ordinal);
        Assert.Contains("at most 2147483591 elements", Assert.Throws<ArgumentException>(() => Rearrangement.Flatten(features, features)).Message, StringComparison.Ordinal);
        Assert.Contains("at most 2147483591 elements", Assert.Throws<ArgumentException>(() => Rearrangement.SwapAxes(features, features)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToJson_InAnotherLanguage_IsTheSame()
    {
        TrialOptions options = new()
        {
            NormalizationOptions = new NormalizationOptions { Limits = new RenormLimits(2.5, double.PositiveInfinity) { WarmUpSteps = 7, RMaxSteps = 8, DMaxSteps = 9 } },
            LearningRate = 0.25,
            BatchNormMomentum = Momentum.OldWeight(0.75),
        };
        string invariant = options.ToJson().ToJsonString();
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = ",", PositiveInfinitySymbol = "unendlich" } };

            Assert.Equal(invariant, options.ToJson().ToJsonString());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        Assert.Contains("\"renorm_r_max\":2.5,\"renorm_d_max\":\"Infinity\",\"renorm_warmup_steps\":7,\"renorm_r_max_steps\":8,\"renorm_d_max_steps\":9,", invariant, StringComparison.Ordinal);
        Assert.Contains("\"batchnorm_momentum\":\"new weight 0.25\"", invariant, StringComparison.Ordinal);
    }

    [Fact]
    public void CountSteps_NumbersOutOfRange_Throw()
    {
        Assert.Equal((7, 6), (Trial.CountSteps(new TrialOptions { Epochs = 1, BatchSize = 10 }, 61), Trial.CountSteps(new TrialOptions { Epochs = 1, BatchSize = 10, DropLast = true }, 61)));
        Assert.Throws<ArgumentOutOfRangeException>("BatchSize", () => Trial.CountSteps(new TrialOptions { BatchSize = 0 }, 1));
        Assert.Throws<ArgumentOutOfRangeException>("samples", () => Trial.CountSteps(new TrialOptions(), -1));
        Assert.Throws<OverflowException>(() => Trial.CountSteps(new TrialOptions { Epochs = int.MaxValue, BatchSize = 1 }, long.MaxValue));
        DataSplit data = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 9, TestCount = 3, Features = 2, Classes = 2 });
        Assert.Throws<ArgumentOutOfRangeException>("Optimizer", () => new PreparedTrial(new TrialOptions { Optimizer = (OptimizerKind)99 }, data));
    }
}
