using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

public sealed class LayerCheckTests
{
    [Fact]
    public void Run_EveryLayer_AgreesWithItsReference()
    {
        IReadOnlyList<LayerCheckRow> rows = LayerCheck.Run(TestContext.Current.CancellationToken);
        Assert.All(rows, r => Assert.True(r.Passed, $"{r.Layer}: {string.Join("; ", r.Faults)}"));
        Assert.All(rows, r => Assert.True((r.Cases > 1 || r.Layer == nameof(LayerNorm)) && r.Values > 100 && r.Quotients > 50, $"{r}"));
        Assert.All(rows, r => Assert.InRange(r.WorstError, 1e-9, LayerCheck.Bound));
        Assert.All(rows, r => Assert.InRange(r.WorstQuotient, 1e-9, 1));
    }

    // The list of cases is written by hand: what is no normalization is named here, so that a new layer is a case or a failure.
    [Fact]
    public void Cases_EveryLayerOfTheLibrary_AreThere()
    {
        string[] cases = [.. LayerCase.All.Select(c => c.Create().GetType().Name).Distinct()];
        string[] layers = [.. typeof(Layer).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(Layer)) && !t.IsAbstract).Select(t => t.Name)];
        string[] others = ["Gelu", "Linear", "ReLU", "Rearrangement", "Sequential", "Sigmoid", "SiLU", "Softmax"];
        string[] ranks = ["BatchNorm1D", "BatchNorm2D", "BatchNorm3D"]; // BatchNorm that takes fewer shapes.
        Assert.Equal(layers.Order(StringComparer.Ordinal), cases.Concat(others).Concat(ranks).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Cases_EveryKindOfTheRegistry_AreThere()
    {
        Type[] cases = [.. LayerCase.All.Select(c => c.Create().GetType()).Distinct()];
        foreach (NormalizationKind kind in NormalizationKind.All.Where(k => k != NormalizationKind.None))
        {
            NormalizationSettings settings = new(Features: 4) { Positions = 2 };
            Layer?[] layers = [kind.Create(settings), kind.Wrap?.Invoke(new Linear(4, 4, new RandomSource(1)), settings)];
            Assert.Contains(layers, layer => layer is not null);
            Assert.All(layers.OfType<Layer>(), layer => Assert.Contains(cases, c => c == layer.GetType() || c == layer.GetType().BaseType));
        }
    }

    [Fact]
    public void Run_Cancelled_Throws() => Assert.Throws<OperationCanceledException>(() => LayerCheck.Run(new CancellationToken(canceled: true)));
}
