using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class SequentialTests
{
    [Fact]
    public void ForwardAndBackward_Layers_AreAppliedOneAfterTheOther()
    {
        Sequential network = Network(1);
        Sequential alone = Network(1);
        float[] x = Samples.Normal(6 * 4);
        float[] dy = Samples.Upstream(6 * 2);
        float[] y = Samples.Forward(network, x, (6, 4));
        float[] dx = Samples.Backward(network, x, dy);

        List<float[]> inputs = [x];
        foreach (Layer layer in alone.Layers)
        {
            inputs.Add(Samples.Forward(layer, inputs[^1], (6, inputs[^1].Length / 6)));
        }

        float[] gradient = dy;
        for (int i = alone.Layers.Count - 1; i >= 0; i--)
        {
            if (i < alone.Layers.Count - 1)
            {
                Compare.SameBits(inputs[i + 1], network.Activations(i), $"activations {i}");
                Compare.SameBits(gradient, network.ActivationGradients(i), $"activation gradients {i}");
            }

            gradient = Samples.Backward(alone.Layers[i], inputs[i], gradient);
        }

        Compare.SameBits(inputs[^1], y, "y");
        Compare.SameBits(gradient, dx, "dx");
        foreach ((Parameter expected, Parameter actual) in alone.Parameters.Zip(network.Parameters))
        {
            Compare.SameBits(expected.Gradient, actual.Gradient, actual.Name);
        }
    }

    [Fact]
    public void NamedParameters_Network_CarryLayerAndParameter()
    {
        Sequential network = Network(1);
        Assert.Equal(
            ["first.weight", "first.bias", "norm.gamma", "norm.beta", "second.weight", "second.bias"],
            network.NamedParameters.Select(p => p.Name));
        Assert.Equal(network.Parameters, network.NamedParameters.Select(p => p.Parameter));
    }

    [Fact]
    public void NamedParameters_AfterBackward_HoldTheGradientsByName()
    {
        Sequential network = Network(1);
        float[] x = Samples.Normal(6 * 4);
        Samples.Forward(network, x, (6, 4));
        network.Backward(x, Samples.Upstream(12), default);
        Assert.Same(((Linear)network.Layers[0]).Weight.Gradient, network.NamedParameters.Single(p => p.Name == "first.weight").Parameter.Gradient);
        Assert.All(network.NamedParameters, p => Assert.Contains(p.Parameter.Gradient, g => g != 0));
        network.ZeroGradients();
        Assert.All(network.NamedParameters, p => Compare.AllEqual(0, p.Parameter.Gradient, p.Name));
    }

    [Fact]
    public void Training_Set_ReachesEveryLayer()
    {
        Sequential network = Network(1);
        network.Training = false;
        Assert.All(network.Layers, l => Assert.False(l.Training));
        network.Training = true;
        Assert.All(network.Layers, l => Assert.True(l.Training));
    }

    [Fact]
    public void Forward_SmallerBatchAfterLarger_ForgetsTheLarger()
    {
        Sequential used = Network(1);
        float[] large = Samples.Normal(20 * 4);
        Samples.Forward(used, large, (20, 4));
        Samples.Backward(used, large, Samples.Upstream(40));
        used.ZeroGradients();
        Sequential fresh = Network(1);
        float[] x = Samples.Normal(3 * 4, seed: 9);
        Compare.SameBits(Samples.Forward(fresh, x, (3, 4)), Samples.Forward(used, x, (3, 4)), "y");
        Compare.SameBits(Samples.Backward(fresh, x, Samples.Upstream(6)), Samples.Backward(used, x, Samples.Upstream(6)), "dx");
        Assert.Equal(3 * 5, used.Activations(2).Length);
    }

    [Fact]
    public void ForwardAndBackward_SecondPass_AllocateNothing()
    {
        Sequential network = Network(1);
        float[] x = Samples.Normal(20 * 4);
        float[] y = new float[40];
        float[] dx = new float[x.Length];
        Run();
        Assert.Equal(0, Allocations.Of(Run));

        void Run()
        {
            network.Forward(x, (20, 4), y);
            network.Backward(x, y, dx);
        }
    }

    [Fact]
    public void Activations_OfTheLastLayer_AreTheCallers()
    {
        Sequential network = Network(1);
        Samples.Forward(network, Samples.Normal(6 * 4), (6, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => network.Activations(3).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => network.Activations(-1).Length);
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => network.ActivationGradients(3).Length);
        Assert.StartsWith("Expected a layer from 0 to 2, the last but one, got 3.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_SameShapeAgain_AsksNoLayerForItsOutputShape()
    {
        Unreferenced layer = new();
        Sequential network = new(new ReLU(), layer, new ReLU("relu2"));
        foreach (int rows in (int[])[6, 4, 6])
        {
            Samples.Forward(network, Samples.Normal(rows * 4), (rows, 4));
            int asked = layer.Asked;
            float[] x = Samples.Normal(rows * 4, seed: 7);
            float[] y = new float[x.Length];
            network.Forward(x, (rows, 4), y);
            network.Backward(x, y, []);
            Assert.Equal(asked, layer.Asked);
            Assert.Equal(x.Select(v => Math.Max(v, 0)), y);
        }

        // A shape of the same length is another shape; and one that failed leaves the last pass as it was.
        float[] last = Samples.Normal(24, seed: 8);
        Assert.Throws<ArgumentException>(() => network.Forward(last, (5, 4), new float[20]));
        network.Backward(last, last, new float[24]);
        int before = layer.Asked;
        network.Forward(last, (3, 8), new float[24]);
        Assert.NotEqual(before, layer.Asked);
    }

    [Fact]
    public void Backward_LastLayerWithReLU_IsTheSameWithAndWithoutTheOutput()
    {
        float[] x = Samples.Normal(6 * 4);
        float[] dy = Samples.Upstream(x.Length);
        float[] y = new float[x.Length];
        Sequential network = new(new Linear(4, 4, new RandomSource(3)), new LayerNorm(4, relu: true));
        network.Forward(x, (6, 4), y);
        (float[] without, float[] with) = (new float[x.Length], new float[x.Length]);
        network.Backward(x, dy, without);
        float[] weight = [.. network.Parameters[0].Gradient];
        network.ZeroGradients();
        network.Backward(x, y, dy, with);
        Compare.SameBits(without, with, "dx");
        Compare.SameBits(weight, network.Parameters[0].Gradient, "weight");
        Assert.Contains(with, v => v != 0);

        // It is the output given that says where the ReLU was open.
        network.Backward(x, new float[x.Length], dy, with);
        Compare.AllEqual(0, with, "dx of a closed ReLU");
    }

    [Fact]
    public void CreateReference_LayerWithoutReference_IsNull()
    {
        Assert.NotNull(Network(1).CreateReference());
        Assert.Null(new Sequential(new ReLU(), new Unreferenced()).CreateReference());
    }

    [Fact]
    public void Constructor_NoLayerOrTwoOfOneName_Throws()
    {
        Assert.Equal("layers", Assert.Throws<ArgumentException>(() => new Sequential()).ParamName);
        ArgumentException twice = Assert.Throws<ArgumentException>(() => new Sequential(new ReLU("a"), new ReLU("a")));
        Assert.Equal("Expected layers with different names, got 'a' twice. (Parameter 'layers')", twice.Message);
    }

    [Fact]
    public void Forward_ShapeThatALayerDoesNotTake_Throws()
    {
        Sequential network = new(new Linear(4, 3, new RandomSource(1)), new LayerNorm1D(5, name: "norm2"));
        ArgumentException error = Assert.Throws<ArgumentException>(() => network.Forward(new float[8], (2, 4), new float[6]));
        Assert.StartsWith("Expected a shape whose last dimension is 5 for norm2, got (2, 3).", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ActivationGradients_WithoutABackwardPass_SaySo()
    {
        Sequential network = Network(1);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => network.Activations(0).Length);
        Assert.Equal("network: no Forward has computed the values of layer 0.", error.Message);
        float[] x = Samples.Normal(6 * 4);
        Samples.Forward(network, x, (6, 4));
        error = Assert.Throws<InvalidOperationException>(() => network.ActivationGradients(2).Length);
        Assert.Equal("network: no Backward has computed the values of layer 2.", error.Message);
        Assert.Equal(30, network.Activations(2).Length);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    public void ActivationGradients_AfterAForwardPassOfAnotherSize_AreThoseOfTheLastBackwardPass(int rows)
    {
        Sequential network = Network(1);
        float[] x = Samples.Normal(6 * 4);
        Samples.Forward(network, x, (6, 4));
        Samples.Backward(network, x, Samples.Upstream(12));
        float[] gradients = network.ActivationGradients(0).ToArray();
        Assert.Equal(30, gradients.Length);
        Assert.Contains(gradients, g => g != 0);
        Samples.Forward(network, Samples.Normal(rows * 4), (rows, 4));
        Compare.SameBits(gradients, network.ActivationGradients(0), "gradients");
        Assert.Equal(rows * 5, network.Activations(0).Length);
    }

    // The shapes between the layers follow the input before a layer refuses one.
    [Fact]
    public void Activations_AfterAFailedForwardPass_AreThoseThatWereComputed()
    {
        Sequential network = new(new ReLU("a"), new BatchNorm1D(4, nonFinite: NonFiniteStatistics.Throw, name: "b"), new ReLU("c"));
        Samples.Forward(network, Samples.Normal(8), (2, 4));
        float[] x = Samples.Constant(12, float.PositiveInfinity);
        Assert.Throws<InvalidOperationException>(() => Samples.Forward(network, x, (3, 4)));
        Compare.SameBits(x, network.Activations(0), "a");
        Assert.Throws<InvalidOperationException>(() => network.Activations(1).Length);
    }

    private static Sequential Network(ulong seed)
    {
        RandomSource random = new(seed);
        return new(
            new Linear(4, 5, random, name: "first"),
            new BatchNorm1D(5, name: "norm"),
            new ReLU(),
            new Linear(5, 2, random, name: "second"));
    }

    private sealed class Unreferenced() : Layer("unreferenced")
    {
        public int Asked { get; private set; }

        public override Shape OutputShape(Shape shape)
        {
            Asked++;
            return shape;
        }

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }
}
