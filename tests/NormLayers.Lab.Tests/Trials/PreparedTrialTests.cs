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

        Assert.Contains("at most 2147483647 elements", Assert.Throws<ArgumentException>(() => new PreparedTrial(options, data)).Message, StringComparison.Ordinal);
        Assert.Contains("at most 2147483647 elements", Assert.Throws<ArgumentException>(() => Rearrangement.Flatten(features, features)).Message, StringComparison.Ordinal);
        Assert.Contains("at most 2147483647 elements", Assert.Throws<ArgumentException>(() => Rearrangement.SwapAxes(features, features)).Message, StringComparison.Ordinal);
    }
}
