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
        Type[] layers = [.. typeof(Layer).Assembly.GetTypes().Where(t => t.IsPublic && !t.IsAbstract
            && (typeof(INormalization).IsAssignableFrom(t) || typeof(NormalizedLinear).IsAssignableFrom(t) || t == typeof(LocalResponseNorm)))];
        Assert.Equal(["BatchNorm1D", "BatchNorm2D", "BatchNorm3D"], layers.Select(t => t.Name).Except(rows.Select(r => r.Layer)).Order());
    }

    [Fact]
    public void Run_Cancelled_Throws() => Assert.Throws<OperationCanceledException>(() => LayerCheck.Run(new CancellationToken(canceled: true)));
}
