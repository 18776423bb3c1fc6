using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>Whole training runs against libtorch 2.10 in float64: losses, and the weights at the end.</summary>
public sealed class LibtorchTrainingTests
{
    private static readonly IReadOnlyList<ConformanceCase> s_suite = ConformanceCase.Load("libtorch");

    public static TheoryData<string> Cases => ConformanceCase.Names(s_suite, "Training");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_Case_EndsInLibtorchsWeights(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_suite, name);
        int[] xShape = c.InputShape("x");
        (int steps, int batch, int inputs) = (xShape[0], xShape[1], xShape[2]);
        int hidden = c.InputShape("w1")[0];
        int classes = c.InputShape("w2")[0];
        Dictionary<string, float[]> tensors = [];
        Sequential network = Build(c, inputs, hidden, classes, tensors);
        SgdOptimizer optimizer = new(network.Parameters, c.Number("lr"));

        float[] x = Compare.Narrow(c.Input("x"));
        int[] labels = [.. c.Input("labels").Select(v => (int)v)];
        float[] logits = new float[batch * classes];
        float[] dLogits = new float[batch * classes];
        double[] losses = new double[steps];
        for (int step = 0; step < steps; step++)
        {
            ReadOnlySpan<float> features = x.AsSpan(step * batch * inputs, batch * inputs);
            network.Forward(features, (batch, inputs), logits);
            (losses[step], _) = SoftmaxCrossEntropy.Evaluate(logits, labels.AsSpan(step * batch, batch), dLogits);
            network.ZeroGradients();
            network.Backward(features, dLogits, default);
            optimizer.Step();
        }

        int chain = inputs + hidden + classes + batch;
        Compare.Within(c.Output("losses"), losses, Tolerance.TrainedLoss(chain, c.Output("losses")), "losses");
        double farthest = tensors.Max(t => c.HasInput(t.Key) ? Distance(c.Input(t.Key), c.Output(t.Key)) : 0);
        Assert.Equal(c.Text("norm") switch { "none" => 4, "layernorm" => 6, _ => 8 }, tensors.Count);
        foreach ((string tensor, float[] actual) in tensors)
        {
            double[] expected = c.Output(tensor);
            Compare.Within(expected, actual, Tolerance.Trained(steps, chain, farthest, expected), tensor);
        }
    }

    private static double Distance(double[] from, double[] to) => from.Zip(to, (a, b) => Math.Abs(a - b)).Max();

    private static Sequential Build(ConformanceCase c, int inputs, int hidden, int classes, Dictionary<string, float[]> tensors)
    {
        Linear first = new(inputs, hidden, new RandomSource(1), name: "linear1");
        Linear second = new(hidden, classes, new RandomSource(2), name: "linear2");
        tensors["w1"] = first.Weight.Value;
        tensors["b1"] = first.Bias!.Value;
        tensors["w2"] = second.Weight.Value;
        tensors["b2"] = second.Bias!.Value;
        Layer? norm = null;
        if (c.Text("norm") == "batchnorm")
        {
            BatchNorm1D layer = new(hidden, c.Number("eps"), Momentum.NewWeight(c.Number("momentum")));
            tensors["gamma"] = layer.Gamma!.Value;
            tensors["beta"] = layer.Beta!.Value;
            tensors["running_mean"] = layer.Running!.Mean;
            tensors["running_var"] = layer.Running.Variance;
            norm = layer;
        }
        else if (c.Text("norm") == "layernorm")
        {
            LayerNorm1D layer = new(hidden, c.Number("eps"));
            tensors["gamma"] = layer.Gamma!.Value;
            tensors["beta"] = layer.Beta!.Value;
            norm = layer;
        }

        foreach ((string name, float[] values) in tensors)
        {
            if (c.HasInput(name))
            {
                Compare.Narrow(c.Input(name)).CopyTo(values, 0);
            }
        }

        return norm is null ? new Sequential(first, new ReLU(), second) : new Sequential(first, norm, new ReLU(), second);
    }
}
