using NormLayers.Network;

namespace NormLayers.Exchange;

/// <summary>Which operators of ONNX a layer is.</summary>
/// <param name="graph">Where nodes and constants go.</param>
/// <param name="input">The shape of the input, (1, …).</param>
internal sealed class OnnxLayers(OnnxGraph graph, Shape input)
{
    private Shape _shape = input;

    /// <summary>Adds a layer's nodes and constants.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="path">What is before its parameters' names: <c>norm1.</c>.</param>
    /// <param name="x">The value that goes in.</param>
    /// <returns>The value that comes out.</returns>
    /// <exception cref="NotSupportedException">ONNX has no operator that computes the same.</exception>
    public string Append(Layer layer, string path, string x)
    {
        if (layer is Sequential network)
        {
            return network.Layers.Aggregate(x, (value, inner) => Append(inner, $"{path}{inner.Name}.", value));
        }

        string y = AppendOne(layer, path, x);
        _shape = layer.OutputShape(_shape);
        return y;
    }

    private string AppendOne(Layer layer, string path, string x)
    {
        if (layer is MaskableLayer { Mask: not null })
        {
            throw Unsupported(layer, "it has a mask");
        }

        string name = path.Length > 0 ? path.TrimEnd('.') : layer.Name;
        string output = path + "output";
        switch (layer)
        {
            case Linear linear:
                return Linear(linear, linear.Weight.Value, (name, path, output), x);
            case NormalizedLinear normalized:
                return Linear(normalized.Linear, normalized.WeightsInUse(), (name, path, output), x);
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
            case BatchRenorm { Running: { } running } norm:
                return BatchRenorm(norm, running, name, path, x);
            case BatchNorm { Running: { } running } norm:
                return WithRunning(norm, running, name, path, x);
            case BatchNorm:
                throw Unsupported(layer, "it has no running statistics, and ONNX normalizes with those of a batch in training only");
            case InstanceNorm { Running: { } running } norm:
                return WithRunning(norm, running, name, path, x);
            case InstanceNorm when _shape.Rank < 3:
                throw Unsupported(layer, "ONNX's operator takes channels with positions, (N, C, …)");
            case InstanceNorm norm:
                return WithReLU(norm, name, path, graph.Node(
                    "InstanceNormalization",
                    6,
                    name,
                    "each channel of a sample: (x - mean)/sqrt(variance + epsilon)",
                    [x, .. ScaleAndShift(norm, norm.Channels, path)],
                    output,
                    Epsilon(layer, norm.Epsilon)));
            case GroupNorm norm:
                return WithReLU(norm, name, path, graph.Node(
                    "GroupNormalization",
                    21,
                    name,
                    "each group of channels of a sample: (x - mean)/sqrt(variance + epsilon)",
                    [x, .. ScaleAndShift(norm, norm.Channels, path)],
                    output,
                    Epsilon(layer, norm.Epsilon),
                    ("num_groups", norm.Groups)));
            case LocalResponseNorm norm:
                return LocalResponse(norm, (name, path, output), x);
            case Rearrangement rearrangement:
                return Rearrange(rearrangement, (name, path, output), x);
            case ScaleNorm norm:
                return ScaleNorm(norm, (name, path, output), x);
            case DyT norm:
                return DyT(norm, (name, path, output), x);
            case DynamicLayerNorm norm:
                return DynamicLayerNorm(norm, (name, path, output), x);
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
                throw Unsupported(layer, $"{layer.GetType().Name} is not among the layers that are written: Sequential, Linear, WeightNorm, WeightStandardization, ReLU, Sigmoid, SiLU, Gelu, Softmax, BatchNorm, GhostBatchNorm, BatchRenorm, LayerNorm, RmsNorm, GroupNorm, InstanceNorm, ScaleNorm, DyT, LocalResponseNorm, DynamicLayerNorm, Rearrangement");
        }
    }

    // With running statistics: the operator of batch normalization.
    private string WithRunning(NormalizationLayer norm, RunningStatistics running, string name, string path, string x)
    {
        int channels = running.Mean.Length;
        string[] constants =
        [
            .. ScaleAndShift(norm, channels, path),
            graph.Initializer(path + "running_mean", channels, running.Mean),
            graph.Initializer(path + "running_var", channels, running.Variance),
        ];
        return WithReLU(norm, name, path, graph.Node(
            "BatchNormalization", 15, name, "each channel, with its running mean and variance", [x, .. constants], path + "output", Epsilon(norm, norm.Epsilon)));
    }

    // With running deviations, which no operator takes.
    private string BatchRenorm(BatchRenorm norm, RunningStatistics running, string name, string path, string x)
    {
        const string Formula = "each channel: (x - running mean)/running deviation";
        if (Array.IndexOf(running.Deviation, 0) is >= 0 and int channel)
        {
            throw Unsupported(norm, FormattableString.Invariant($"its running deviation is 0 in channel {channel}, and ONNX would divide by it"));
        }

        Shape shape = new([norm.Features, .. Enumerable.Repeat(1, _shape.Rank - 2)]);
        string[] scaleAndShift = ScaleAndShift(norm, shape, path);
        string centred = graph.Node("Sub", 14, name + ".mean", Formula, [x, graph.Initializer(path + "running_mean", shape, running.Mean)], path + "centred");
        string scaled = graph.Node("Div", 14, name + ".deviation", Formula, [centred, graph.Initializer(path + "running_std", shape, running.Deviation)], path + "normalized");
        string product = graph.Node("Mul", 14, name + ".scale", Formula, [scaled, scaleAndShift[0]], path + "scaled");
        return WithReLU(norm, name, path, graph.Node("Add", 14, name, Formula, [product, scaleAndShift[1]], path + "output"));
    }

    // The operator takes (N, C, height, width), whatever the rank here.
    private string LocalResponse(LocalResponseNorm norm, (string Name, string Path, string Output) node, string x)
    {
        if (norm.Size % 2 == 0)
        {
            throw Unsupported(norm, FormattableString.Invariant($"its window of {norm.Size} channels is even, and runtimes take odd ones only"));
        }

        const string Formula = "each element: x/(bias + alpha/size·sum of the squares of its neighbours in other channels)^beta";
        bool isImage = _shape.Rank == 4;
        string image = isImage ? x : Reshape(node.Name + ".image", node.Path + "image", [0, _shape[1], -1, 1], x);
        string y = graph.Node(
            "LRN", 13, node.Name, Formula, [image], isImage ? node.Output : node.Path + "image.output",
            ("alpha", Finite(norm, "α", norm.Alpha)), ("beta", Finite(norm, "β", norm.Beta)), ("bias", Positive(norm, "k", norm.K)), ("size", norm.Size));
        return isImage ? y : Reshape(node.Name + ".shape", node.Output, [0, .. Enumerable.Range(1, _shape.Rank - 1).Select(a => (long)_shape[a])], y);
    }

    // Every element of a sample has its place in one row.
    private string Rearrange(Rearrangement layer, (string Name, string Path, string Output) node, string x)
    {
        string row = _shape.Rank == 2 ? x : Reshape(node.Name + ".row", node.Path + "row", [0, -1], x);
        string moved = graph.Node(
            "Gather", 13, node.Name, "copies elements of each sample to other places", [row, graph.Initializer(node.Path + "sources", [.. layer.Sources.Select(i => (long)i)])], node.Path + "moved",
            ("axis", 1));
        Shape shape = layer.OutputShape(_shape);
        return Reshape(node.Name + ".shape", node.Output, [0, .. Enumerable.Range(1, shape.Rank - 1).Select(a => (long)shape[a])], moved);
    }

    private string Reshape(string name, string output, long[] shape, string x) =>
        graph.Node("Reshape", 14, name, "the same elements in another shape", [x, graph.Initializer(output + ".shape", shape)], output);

    private string ScaleNorm(ScaleNorm norm, (string Name, string Path, string Output) node, string x)
    {
        const string Formula = "each row: g·x/max(|x|, epsilon)";
        string axes = graph.Initializer(node.Path + "axes", [-1L]);
        string length = graph.Node("ReduceL2", 18, node.Name + ".length", Formula, [x, axes], node.Path + "length");
        string least = graph.Initializer(node.Path + "epsilon", 1, [Epsilon(norm, norm.Epsilon).Value]);
        string limited = graph.Node("Max", 13, node.Name + ".limit", Formula, [length, least], node.Path + "limited_length");
        string direction = graph.Node("Div", 14, node.Name + ".direction", Formula, [x, limited], node.Path + "direction");
        return graph.Node("Mul", 14, node.Name, Formula, [direction, graph.Initializer(node.Path + "g", 1, Scale(norm.G, norm.OnePlusG, 1))], node.Output);
    }

    private string DyT(DyT norm, (string Name, string Path, string Output) node, string x)
    {
        const string Formula = "gamma·tanh(alpha·x) + beta";
        string scaled = graph.Node("Mul", 14, node.Name + ".scale", Formula, [x, graph.Initializer(node.Path + "alpha", 1, norm.Alpha.Value)], node.Path + "scaled");
        string value = graph.Node("Tanh", 13, node.Name + ".tanh", Formula, [scaled], node.Path + "tanh");
        if (norm.Gamma is { } gamma)
        {
            value = graph.Node("Mul", 14, node.Name + ".gamma", Formula, [value, graph.Initializer(node.Path + "weight", norm.Features, Scale(gamma, norm.OnePlusGamma, norm.Features))], node.Path + "product");
        }

        return norm.Beta is { } beta
            ? graph.Node("Add", 14, node.Name, Formula, [value, graph.Initializer(node.Path + "bias", norm.Features, beta.Value)], node.Output)
            : value;
    }

    // The operator scales all rows alike, by 1 here.
    private string DynamicLayerNorm(DynamicLayerNorm norm, (string Name, string Path, string Output) node, string x)
    {
        const string Formula = "(1 + a)·(x - mean)/sqrt(variance + epsilon) + b, with a and b of each row";
        string Constant(string name, float value) => graph.Initializer(node.Path + name, norm.Features, [.. Enumerable.Repeat(value, norm.Features)]);
        string Map(Linear map, string name) => Linear(map, map.Weight.Value, ($"{node.Name}.{name}", $"{node.Path}{name}.", $"{node.Path}{name}.output"), x);
        string ones = Constant("ones", 1);
        string rows = graph.Node(
            "LayerNormalization", 17, node.Name + ".rows", "each row: (x - mean)/sqrt(variance + epsilon)", [x, ones, Constant("zeros", 0)], node.Path + "normalized", ("axis", -1), Epsilon(norm, norm.Epsilon));
        string scale = graph.Node("Add", 14, node.Name + ".one_plus", Formula, [Map(norm.ScaleMap, "scale"), ones], node.Path + "factor");
        string product = graph.Node("Mul", 14, node.Name + ".product", Formula, [rows, scale], node.Path + "product");
        return graph.Node("Add", 14, node.Name, Formula, [product, Map(norm.ShiftMap, "shift")], node.Output);
    }

    private string Linear(Linear linear, float[] w, (string Name, string Path, string Output) node, string x)
    {
        const string Formula = "x·Wᵀ + b";
        (int inputs, int outputs) = (linear.Inputs, linear.Outputs);
        // Gemm takes matrices only.
        bool gemm = _shape.Rank == 2;
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
    private static (string Name, float Value) Epsilon(Layer layer, double epsilon) => ("epsilon", Positive(layer, "ε", epsilon));

    private static float Positive(Layer layer, string what, double value) => (float)value is > 0 and < float.PositiveInfinity and var number ? number
        : throw Unsupported(layer, value == 0
            ? $"its {what} is 0, and must be above 0"
            : FormattableString.Invariant($"its {what} of {value} is {((float)value == 0 ? "0" : "infinite")} as a float, and must be above 0 and finite"));

    private static float Finite(Layer layer, string what, double value) => float.IsFinite((float)value) ? (float)value
        : throw Unsupported(layer, FormattableString.Invariant($"its {what} of {value} is infinite as a float"));

    private static NotSupportedException Unsupported(Layer layer, string reason) => new($"{layer.Name} cannot be written as ONNX: {reason}.");
}
