using NormLayers.Network;

namespace NormLayers.Exchange;

/// <summary>Which operators of ONNX a layer is.</summary>
/// <param name="graph">Where nodes and constants go.</param>
/// <param name="rank">The dimensions of the input, which no layer here changes.</param>
internal sealed class OnnxLayers(OnnxGraph graph, int rank)
{
    /// <summary>Adds a layer's nodes and constants.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="path">What is before its parameters' names: <c>norm1.</c>.</param>
    /// <param name="x">The value that goes in.</param>
    /// <returns>The value that comes out.</returns>
    /// <exception cref="NotSupportedException">ONNX has no operator that computes the same.</exception>
    public string Append(Layer layer, string path, string x)
    {
        string name = path.Length > 0 ? path.TrimEnd('.') : layer.Name;
        string output = path + "output";
        switch (layer)
        {
            case Sequential network:
                return network.Layers.Aggregate(x, (value, inner) => Append(inner, $"{path}{inner.Name}.", value));
            case Linear linear:
                return Linear(linear, (name, path, output), x);
            case ReLU:
                return graph.Node("Relu", 14, name, "max(x, 0)", [x], output);
            case Sigmoid:
                return graph.Node("Sigmoid", 13, name, "1/(1 + exp(-x))", [x], output);
            case SiLU:
                string sigmoid = graph.Node("Sigmoid", 13, name + ".sigmoid", "1/(1 + exp(-x))", [x], path + "sigmoid.output");
                return graph.Node("Mul", 14, name, "x/(1 + exp(-x))", [x, sigmoid], output);
            case Gelu:
                return graph.Node("Gelu", 20, name, "x times the normal distribution's P(X < x)", [x], output);
            case Softmax:
                return graph.Node("Softmax", 13, name, "exp(x) over its sum, in each row", [x], output, ("axis", -1));
            case BatchNorm { Running: { } running } norm:
                string[] constants =
                [
                    .. ScaleAndShift(norm, norm.Features, path),
                    graph.Initializer(path + "running_mean", norm.Features, running.Mean),
                    graph.Initializer(path + "running_var", norm.Features, running.Variance),
                ];
                return WithReLU(norm, name, path, graph.Node(
                    "BatchNormalization", 15, name, "each channel, with its running mean and variance", [x, .. constants], output, Epsilon(layer, norm.Epsilon)));
            case BatchNorm:
                throw Unsupported(layer, "it has no running statistics, and ONNX normalizes with those of a batch in training only");
            case LayerNorm norm:
                return WithReLU(norm, name, path, graph.Node(
                    "LayerNormalization",
                    17,
                    name,
                    "each set of the last dimensions: (x - mean)/sqrt(variance + epsilon)",
                    [x, .. ScaleAndShift(norm, norm.NormalizedShape, path)],
                    output,
                    ("axis", -norm.NormalizedShape.Rank),
                    Epsilon(layer, norm.Epsilon)));
            case RmsNorm { EpsilonOutsideRoot: true }:
                throw Unsupported(layer, "its ε is added outside the root");
            case RmsNorm norm:
                string scale = graph.Initializer(path + "weight", norm.Features, Scale(norm.Gamma, norm.OnePlusGamma, norm.Features));
                return graph.Node("RMSNormalization", 23, name, "each row: x/sqrt(mean(x²) + epsilon)", [x, scale], output, ("axis", -1), Epsilon(layer, norm.Epsilon));
            default:
                throw Unsupported(layer, $"{layer.GetType().Name} is not among the layers that are written: Sequential, Linear, ReLU, Sigmoid, SiLU, Gelu, Softmax, BatchNorm, LayerNorm, RmsNorm");
        }
    }

    private string Linear(Linear linear, (string Name, string Path, string Output) node, string x)
    {
        const string Formula = "x·Wᵀ + b";
        (int inputs, int outputs, float[] w) = (linear.Inputs, linear.Outputs, linear.Weight.Value);
        // Gemm takes matrices only.
        bool gemm = rank == 2;
        string weight = gemm
            ? graph.Initializer(node.Path + "weight", linear.Weight.Shape, w)
            : graph.Initializer(node.Path + "weight_transposed", (inputs, outputs), [.. Enumerable.Range(0, w.Length).Select(i => w[i % outputs * inputs + i / outputs])]);
        string[] bias = linear.Bias is { } b ? [graph.Initializer(node.Path + "bias", b.Shape, b.Value)] : [];
        if (gemm)
        {
            return graph.Node("Gemm", 13, node.Name, Formula, [x, weight, .. bias], node.Output, ("transB", 1));
        }

        string product = bias.Length == 0 ? node.Output : node.Path + "product";
        graph.Node("MatMul", 13, node.Name, "x·Wᵀ", [x, weight], product);
        return bias.Length == 0 ? product : graph.Node("Add", 14, node.Name + ".bias", Formula, [product, .. bias], node.Output);
    }

    private string WithReLU(NormalizationLayer norm, string name, string path, string y) =>
        norm.HasReLU ? graph.Node("Relu", 14, name + ".relu", "max(x, 0)", [y], path + "relu.output") : y;

    // ONNX requires both where a layer here may have neither.
    private string[] ScaleAndShift(NormalizationLayer norm, Shape shape, string path) =>
    [
        graph.Initializer(path + "weight", shape, Scale(norm.Gamma, norm.OnePlusGamma, shape.Length)),
        graph.Initializer(path + "bias", shape, norm.Beta?.Value ?? new float[shape.Length]),
    ];

    // 1 + γ is written as their sum.
    private static float[] Scale(Parameter? gamma, bool onePlusGamma, int length) => gamma is null
        ? [.. Enumerable.Repeat(1f, length)]
        : onePlusGamma ? Array.ConvertAll(gamma.Value, g => 1 + g) : gamma.Value;

    // An attribute is a float. One that is 0 makes ONNX Runtime divide by 0 where the variance is 0, and the layers here do not.
    private static (string, object) Epsilon(Layer layer, double epsilon) => (float)epsilon > 0
        ? ("epsilon", (float)epsilon)
        : throw Unsupported(layer, FormattableString.Invariant($"its ε is 0, or is no float above 0: {epsilon}"));

    private static NotSupportedException Unsupported(Layer layer, string reason) => new($"{layer.Name} cannot be written as ONNX: {reason}.");
}
