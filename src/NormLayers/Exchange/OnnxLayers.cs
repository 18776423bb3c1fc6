using NormLayers.Network;

namespace NormLayers.Exchange;

/// <summary>Which operators of ONNX a layer is.</summary>
internal static class OnnxLayers
{
    /// <summary>Adds a layer's nodes and constants.</summary>
    /// <param name="graph">Where to.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="path">What is before its parameters' names: <c>norm1.</c>.</param>
    /// <param name="x">The value that goes in.</param>
    /// <returns>The value that comes out.</returns>
    /// <exception cref="NotSupportedException">ONNX has no operator that computes the same.</exception>
    public static string Append(OnnxGraph graph, Layer layer, string path, string x)
    {
        switch (layer)
        {
            case Sequential network:
                foreach (Layer inner in network.Layers)
                {
                    x = Append(graph, inner, $"{path}{inner.Name}.", x);
                }

                return x;
            case Linear linear:
                string weight = graph.Initializer(path + "weight", linear.Weight.Shape, linear.Weight.Value);
                string[] bias = linear.Bias is { } b ? [graph.Initializer(path + "bias", b.Shape, b.Value)] : [];
                return graph.Node("Gemm", 13, Name(layer, path), "x·Wᵀ + b", [x, weight, .. bias], path + "output", ("transB", 1));
            case ReLU:
                return graph.Node("Relu", 14, Name(layer, path), "max(x, 0)", [x], path + "output");
            case Sigmoid:
                return graph.Node("Sigmoid", 13, Name(layer, path), "1/(1 + exp(-x))", [x], path + "output");
            case BatchNorm1D norm:
                return Append(graph, norm, path, x);
            case LayerNorm1D norm:
                string scale = Scale(graph, path, norm.Features, norm.Gamma?.Value);
                string[] shift = norm.Beta is { } beta ? [graph.Initializer(path + "bias", beta.Shape, beta.Value)] : [];
                string y = graph.Node(
                    "LayerNormalization", 17, Name(layer, path), "each row: (x - mean)/sqrt(variance + epsilon)", [x, scale, .. shift], path + "output", ("axis", -1), Epsilon(layer, norm.Epsilon));
                return norm.HasReLU ? graph.Node("Relu", 14, Name(norm, path) + ".relu", "max(x, 0)", [y], path + "relu.output") : y;
            case RmsNorm { EpsilonOutsideRoot: false } norm:
                return graph.Node(
                    "RMSNormalization", 23, Name(layer, path), "each row: x/sqrt(mean(x²) + epsilon)", [x, Scale(graph, path, norm.Features, norm.Scale)], path + "output", ("axis", -1), Epsilon(layer, norm.Epsilon));
            case RmsNorm:
                throw Unsupported(layer, "its ε is added outside the root");
            default:
                throw Unsupported(layer, $"{layer.GetType().Name} is not among the layers that are written: Sequential, Linear, ReLU, Sigmoid, BatchNorm1D, LayerNorm1D, RmsNorm");
        }
    }

    private static string Append(OnnxGraph graph, BatchNorm1D norm, string path, string x)
    {
        if (norm.Running is not { } running)
        {
            throw Unsupported(norm, "it has no running statistics, and ONNX normalizes with those of a batch in training only");
        }

        string scale = Scale(graph, path, norm.Features, norm.Gamma?.Value);
        string shift = graph.Initializer(path + "bias", norm.Features, norm.Beta?.Value ?? new float[norm.Features]);
        string mean = graph.Initializer(path + "running_mean", norm.Features, running.Mean);
        string variance = graph.Initializer(path + "running_var", norm.Features, running.Variance);
        string y = graph.Node(
            "BatchNormalization", 15, Name(norm, path), "each channel, with its running mean and variance", [x, scale, shift, mean, variance], path + "output", Epsilon(norm, norm.Epsilon));
        return norm.HasReLU ? graph.Node("Relu", 14, Name(norm, path) + ".relu", "max(x, 0)", [y], path + "relu.output") : y;
    }

    // ONNX requires a scale where a layer here may have none. 1 + γ is written as their sum.
    private static string Scale(OnnxGraph graph, string path, int features, ReadOnlySpan<float> scale)
    {
        float[] ones = new float[features];
        Array.Fill(ones, 1);
        return graph.Initializer(path + "weight", features, scale.IsEmpty ? ones : scale);
    }

    // An attribute is a float. One that is 0 makes ONNX Runtime divide by 0 where the variance is 0, and the layers here do not.
    private static (string, object) Epsilon(Layer layer, double epsilon) =>
        (float)epsilon > 0 ? ("epsilon", (float)epsilon) : throw Unsupported(layer, $"its ε is 0, or is no float above 0: {epsilon}");

    private static string Name(Layer layer, string path) => path.Length > 0 ? path.TrimEnd('.') : layer.Name;

    private static NotSupportedException Unsupported(Layer layer, string reason) => new($"{layer.Name} cannot be written as ONNX: {reason}.");
}
