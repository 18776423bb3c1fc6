using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>A whole training run of Linear, normalization, ReLU, Linear, against libtorch's in float64: losses, and the weights at the end.</summary>
internal static class TrainingCase
{
    public static IEnumerable<CaseOutput> Outputs(ConformanceCase c)
    {
        Shape shape = c.ShapeOf("x");
        (int steps, int batch, int inputs, int hidden, int classes) = (shape[0], shape[1], shape[2], c.ShapeOf("w1")[0], c.ShapeOf("w2")[0]);
        Linear first = new(inputs, hidden, new RandomSource(1), name: "linear1");
        Linear second = new(hidden, classes, new RandomSource(2), name: "linear2");
        NormalizationLayer? norm = c.Text("norm") switch
        {
            "batchnorm" => new BatchNorm1D(hidden, c.Number("epsilon"), Momentum.NewWeight(c.Number("momentum"))),
            "layernorm" => new LayerNorm1D(hidden, c.Number("epsilon")),
            _ => null,
        };
        Dictionary<string, float[]?> tensors = new()
        {
            ["w1"] = first.Weight.Value,
            ["b1"] = first.Bias!.Value,
            ["w2"] = second.Weight.Value,
            ["b2"] = second.Bias!.Value,
            ["gamma"] = norm?.Gamma!.Value,
            ["beta"] = norm?.Beta!.Value,
            ["running_mean"] = norm?.Running?.Mean,
            ["running_var"] = norm?.Running?.Variance,
        };
        foreach ((string name, float[]? values) in tensors)
        {
            Compare.Narrow(c.Input(name) ?? []).CopyTo(values ?? [], 0);
        }

        Sequential network = norm is null ? new(first, new ReLU(), second) : new(first, norm, new ReLU(), second);
        double[] losses = Train(network, new SgdOptimizer(network.Parameters, c.Number("lr")), c, batch * inputs, (batch, classes));
        int chain = inputs + hidden + classes + batch;
        double farthest = tensors.Keys.Max(name => c.Input(name)?.Zip(c.Output(name), (a, b) => Math.Abs(a - b)).Max() ?? 0);
        return c.Outputs.Select(o => o == "losses"
            ? new CaseOutput(o, c.Output(o), losses, [.. losses.Select(_ => Tolerance.TrainedLoss(chain, c.Output(o)))])
            : new CaseOutput(o, c.Output(o), Compare.Widen(tensors[o]), [.. c.Output(o).Select(_ => Tolerance.Trained(steps, chain, farthest, c.Output(o)))]));
    }

    private static double[] Train(Sequential network, SgdOptimizer optimizer, ConformanceCase c, int length, Shape outputs)
    {
        float[] x = Compare.Narrow(c.Input("x")!);
        int[] labels = [.. c.Input("labels")!.Select(v => (int)v)];
        float[] logits = new float[outputs.Length];
        float[] dLogits = new float[outputs.Length];
        double[] losses = new double[x.Length / length];
        for (int step = 0; step < losses.Length; step++)
        {
            ReadOnlySpan<float> features = x.AsSpan(step * length, length);
            network.Forward(features, (outputs[0], length / outputs[0]), logits);
            (losses[step], _) = SoftmaxCrossEntropy.Evaluate(logits, labels.AsSpan(step * outputs[0], outputs[0]), dLogits);
            network.ZeroGradients();
            network.Backward(features, dLogits, default);
            optimizer.Step();
        }

        return losses;
    }
}
