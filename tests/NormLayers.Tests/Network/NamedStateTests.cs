using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class NamedStateTests
{
    [Fact]
    public void NamedState_NetworkWithBatchNorm_HasPyTorchsNames() => Assert.Equal(
        [
            "linear1.weight (5, 4)", "linear1.bias (5)", "norm1.weight (5)", "norm1.bias (5)", "norm1.running_mean (5)", "norm1.running_var (5)",
            "norm1.num_batches_tracked (1)", "norm1.num_batches_skipped (1)", "linear2.weight (3, 5)", "linear2.bias (3)",
        ],
        Create("batchnorm", 1).NamedState.Select(s => $"{s.Name} {s.Shape}"));

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("rmsnorm")]
    [InlineData("none")]
    public void NamedState_CopiedToAFreshNetwork_GivesTheSameBits(string mode)
    {
        Sequential trained = Create(mode, 1);
        SgdOptimizer optimizer = new(trained.Parameters, 0.05);
        for (int step = 0; step < 20; step++)
        {
            float[] x = Samples.Normal(32, 3, 2, seed: (ulong)step);
            Samples.Forward(trained, x, (8, 4));
            trained.ZeroGradients();
            trained.Backward(x, Samples.Upstream(24), []);
            optimizer.Step();
        }

        Sequential copy = Create(mode, 2);
        foreach ((NamedState from, NamedState to) in trained.NamedState.Zip(copy.NamedState))
        {
            to.CopyFrom(from);
        }

        float[] next = Samples.Normal(32, 3, 2, seed: 99);
        foreach (bool training in (bool[])[false, true, false])
        {
            (trained.Training, copy.Training) = (training, training);
            Compare.SameBits(Samples.Forward(trained, next, (8, 4)), Samples.Forward(copy, next, (8, 4)), "output");
        }

        Assert.Equal(mode == "batchnorm" ? 21 : 0, copy.Layers.OfType<BatchNorm1D>().Sum(n => n.Running!.BatchesSeen));
    }

    [Fact]
    public void NamedState_NestedNetwork_NamesThePath()
    {
        Sequential inner = new(new BatchNorm1D(3, name: "norm"));
        Assert.Contains("network.norm.running_var", new Sequential(inner).NamedState.Select(s => s.Name));
    }

    [Fact]
    public void NamedParameters_NestedNetwork_NameThePath()
    {
        RandomSource random = new(1);
        Sequential network = new(new Sequential(new Linear(3, 4, random, name: "a"), new Linear(4, 4, random, name: "b")), new Linear(4, 2, random, name: "c"));
        Assert.Equal(
            ["network.a.weight", "network.a.bias", "network.b.weight", "network.b.bias", "c.weight", "c.bias"],
            network.NamedParameters.Select(p => p.Name));
        Assert.Equal(network.Parameters, network.NamedParameters.Select(p => p.Parameter));
        Assert.Equal(network.NamedState.Select(s => s.Name), network.NamedParameters.Select(p => p.Name));
    }

    [Fact]
    public void CopyFrom_AnotherPart_IsRefused()
    {
        NamedState[] state = [.. new BatchNorm1D(3).NamedState];
        Assert.Equal("source", Assert.Throws<ArgumentException>(() => state[0].CopyFrom(state[1])).ParamName);
        Assert.Throws<ArgumentException>(() => state[0].CopyFrom(new BatchNorm1D(4).NamedState[0]));
        Assert.Throws<ArgumentException>(() => new NamedState("a", 1, [1f]).CopyFrom(new NamedState("a", [1L])));
        Assert.Throws<ArgumentException>(() => new NamedState("a", (2, 2), [1f]));
    }

    // Saved as text, they would be lost.
    [Fact]
    public void IsInStateDict_FalseForFloatsOrDoubles_IsRefused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new NamedState("f", 1, [0.5f]) { IsInStateDict = false });
        Assert.StartsWith("Expected counters in a part outside PyTorch's state dict, got floats in 'f'.", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new NamedState("d", 1, [0.5]) { IsInStateDict = false });
        Assert.False(new NamedState("c", [1L]) { IsInStateDict = false }.IsInStateDict);
        Assert.True(new NamedState("f", 1, [0.5f]) { IsInStateDict = true }.IsInStateDict);
    }

    private static Sequential Create(string mode, ulong seed) => Mlp.Create(
        new MlpOptions { InputFeatures = 4, Classes = 3, HiddenFeatures = [5], Normalization = NormalizationKind.Find(mode)!, Seed = seed });
}
