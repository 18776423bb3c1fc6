using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Tests.Docs;

/// <summary>The page on files names every tensor and every convention that a layer's file has.</summary>
public sealed class ModelsPageTests
{
    [Fact]
    public void Page_NamesEveryTensorAndConventionOfAFile()
    {
        string page = string.Join('\n', RepositoryFiles.ReadLines("docs/models.md"));
        Layer[] layers =
        [
            new LayerNorm1D(4, name: "norm1"), new RmsNorm(4, epsilonOutsideRoot: true, name: "norm1"), new BatchNorm(4, name: "norm1"), new GhostBatchNorm(4, 2, name: "norm1"),
            new BatchRenorm(4, RenormLimits.Paper, name: "norm1"), new GroupNorm(2, 4, name: "norm1"), new InstanceNorm(4, trackRunningStatistics: true, name: "norm1"),
            new AdaptiveLayerNorm(4, name: "norm1"), new ScaleNorm(4, name: "norm1"), new DyT(4, name: "norm1"), new LocalResponseNorm(3, name: "norm1"),
            new WeightNorm(new Linear(4, 4, new RandomSource(1), name: "linear1")), new WeightStandardization(new Linear(4, 4, new RandomSource(1), name: "linear1")),
        ];
        IEnumerable<string> names = layers.SelectMany(l => l.NamedState.Select(s => $"{l.Name}.{s.Name}").Concat(l.Conventions.Keys.Select(k => $"{l.Name}.{k}"))).Distinct();
        Assert.All(names, name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
        Assert.True(names.Count() > 20, "The search is broken.");
    }
}
