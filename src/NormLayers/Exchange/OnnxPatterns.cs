namespace NormLayers.Exchange;

/// <summary>Finds the normalizations of a graph: operators, and sequences of operators. It takes time in proportion to the graph.</summary>
internal sealed class OnnxPatterns
{
    private const float DefaultEpsilon = 1e-5f;
    private const float SkipEpsilon = 1e-12f;

    private static readonly OnnxNode[] s_none = [];

    private readonly IReadOnlyList<OnnxNode> _nodes;
    private readonly IReadOnlyDictionary<string, OnnxTensor> _constants;
    private readonly long _opset;
    private readonly Dictionary<string, OnnxNode> _producers = [];
    private readonly Dictionary<string, List<OnnxNode>> _consumers = [];

    public OnnxPatterns(IReadOnlyList<OnnxNode> nodes, IReadOnlyDictionary<string, OnnxTensor> constants, long opset)
    {
        (_nodes, _constants, _opset) = (nodes, constants, opset);
        foreach (OnnxNode node in nodes)
        {
            foreach (string output in node.Outputs.Where(o => o.Length > 0))
            {
                if (!_producers.TryAdd(output, node))
                {
                    throw new InvalidDataException($"expected every value to come out of one node, got {SafetensorsHeader.Printable(output)} out of two.");
                }
            }

            foreach (string input in node.Inputs.Distinct())
            {
                if (!_consumers.TryGetValue(input, out List<OnnxNode>? consumers))
                {
                    _consumers.Add(input, consumers = []);
                }

                consumers.Add(node);
            }
        }
    }

    public IReadOnlyList<OnnxNormalization> Find() => [.. _nodes.Select(n => FromOperator(n) ?? FromSequence(n)).OfType<OnnxNormalization>()];

    private OnnxNormalization? FromOperator(OnnxNode node) => node switch
    {
        { IsStandard: true, Operator: "LayerNormalization" } => Rows(node, "LayerNormalization", 1, 2, [node.Input(0)]),
        { IsStandard: true, Operator: "RMSNormalization" } => Rows(node, "RMSNormalization", 1, -1, [node.Input(0)]),
        { Operator: "SimplifiedLayerNormalization" } when node.IsStandard || node.IsRuntimes => Rows(node, "RMSNormalization", 1, -1, [node.Input(0)]),
        { IsRuntimes: true, Operator: "SkipLayerNormalization" } => Rows(node, "LayerNormalization", 2, 3, [node.Input(0), node.Input(1), node.Input(4)], SkipEpsilon),
        { IsRuntimes: true, Operator: "SkipSimplifiedLayerNormalization" } => Rows(node, "RMSNormalization", 2, -1, [node.Input(0), node.Input(1), node.Input(3)], SkipEpsilon),
        { IsStandard: true, Operator: "BatchNormalization" } when node.Integer("spatial", 1) == 1 => new(node, node.Operator, node.Float("epsilon", DefaultEpsilon), node.Input(0))
        {
            Scale = Parameter(node, 1),
            Shift = Parameter(node, 2),
            Mean = Parameter(node, 3),
            Variance = Parameter(node, 4),
            Momentum = node.Float("momentum", 0.9f),
            // Before opset 14 a node is in training mode if it gives more than its output.
            IsTraining = _opset >= 14 ? node.Integer("training_mode", 0) == 1 : node.Outputs.Count(o => o.Length > 0) > 1,
        },
        { IsStandard: true, Operator: "InstanceNormalization" } => new(node, node.Operator, node.Float("epsilon", DefaultEpsilon), node.Input(0))
        {
            Scale = Parameter(node, 1),
            Shift = Parameter(node, 2),
        },
        { IsStandard: true, Operator: "GroupNormalization" } => new(node, node.Operator, node.Float("epsilon", DefaultEpsilon), node.Input(0))
        {
            Scale = Parameter(node, 1),
            Shift = Parameter(node, 2),
            Groups = node.Integer("num_groups", 0),
            ScaleIsPerGroup = _opset < 21,
        },
        { IsStandard: true, Operator: "LpNormalization" } when node.Integer("p", 2) == 2 => new(node, node.Operator, 0, node.Input(0)) { Axes = [node.Integer("axis", -1)] },
        _ => null,
    };

    private OnnxNormalization Rows(OnnxNode node, string onnxOperator, int scale, int shift, string[] inputs, float epsilon = DefaultEpsilon) =>
        new(node, onnxOperator, node.Float("epsilon", epsilon), [.. inputs.Where(i => i.Length > 0)])
        {
            Axes = [node.Integer("axis", -1)],
            Scale = Parameter(node, scale),
            Shift = shift < 0 ? default : Parameter(node, shift),
        };

    // From the root of a variance, or of a mean square, back to what is normalized and on to β.
    private OnnxNormalization? FromSequence(OnnxNode root)
    {
        if (!Is(root, "Sqrt")
            || Producer(root.Input(0), "Add") is not { } sum
            || WithConstant(sum, t => t.IsFloat && Number(t) is not null) is not { } epsilon
            || Producer(epsilon.Other, "ReduceMean") is not { } mean
            || Axes(mean) is not { } axes
            || SquareOf(mean.Input(0)) is not { } squared)
        {
            return null;
        }

        string? centred = CentredInput(squared, axes);
        OnnxNode? quotient = Consumers(root.Output).Select(c => Quotient(c, root.Output, n => centred is null ? SameValue(n, squared) : CentredInput(n, axes) == centred)).FirstOrDefault(n => n is not null);
        if (quotient is null)
        {
            return null;
        }

        (OnnxNode last, OnnxParameter scale, OnnxParameter shift) = (quotient, default, default);
        if (Affine(last, "Mul") is { } product)
        {
            (last, scale) = product;
            if (centred is not null && Affine(last, "Add") is { } shifted && shifted.Parameter.Tensor!.Shape.SequenceEqual(scale.Tensor!.Shape))
            {
                (last, shift) = shifted;
            }
        }

        return new(last, centred is null ? "RMSNormalization" : "LayerNormalization", Number(epsilon.Constant) ?? 0, centred ?? squared)
        {
            IsDecomposed = true,
            Axes = axes,
            Scale = scale,
            Shift = shift,
        };
    }

    // x of x − mean(x); null if the value is something else.
    private string? CentredInput(string value, long[] axes) =>
        Producer(value, "Sub") is { } difference
        && Producer(difference.Input(1), "ReduceMean") is { } mean
        && SameValue(mean.Input(0), difference.Input(0))
        && Axes(mean) is { } own && own.SequenceEqual(axes)
            ? difference.Input(0)
            : null;

    private string? SquareOf(string value) =>
        Producer(value, "Pow") is { } power && Constant(power.Input(1)) is { } exponent && Number(exponent) == 2 ? power.Input(0)
        : Producer(value, "Mul") is { } product && product.Input(0) == product.Input(1) ? product.Input(0)
        : null;

    // numerator/root, or numerator·(1/root).
    private OnnxNode? Quotient(OnnxNode node, string root, Func<string, bool> isNumerator)
    {
        if (Is(node, "Div") && node.Input(1) == root && isNumerator(node.Input(0)))
        {
            return node;
        }

        bool isInverse = Is(node, "Reciprocal") || (Is(node, "Div") && node.Input(1) == root && Constant(node.Input(0)) is { } one && Number(one) == 1);
        return isInverse
            ? Consumers(node.Output).FirstOrDefault(c => Is(c, "Mul") && isNumerator(c.Input(0) == node.Output ? c.Input(1) : c.Input(0)))
            : null;
    }

    // The product with γ, or the sum with β, if nothing else takes the value.
    private (OnnxNode Node, OnnxParameter Parameter)? Affine(OnnxNode node, string onnxOperator)
    {
        IReadOnlyList<OnnxNode> next = Consumers(node.Output);
        if (next is [var cast] && IsCastOfFloats(cast))
        {
            next = Consumers(cast.Output);
        }

        return next is [var only] && Is(only, onnxOperator) && WithConstant(only, t => t.IsFloat && t.Count > 0) is { } constant
            ? (only, new OnnxParameter(constant.Constant.Name, constant.Constant))
            : null;
    }

    // The two inputs of a sum or product, one of which is constant.
    private (OnnxTensor Constant, string Other)? WithConstant(OnnxNode node, Func<OnnxTensor, bool> isWanted)
    {
        if (Constant(node.Input(1)) is { } second && isWanted(second))
        {
            return (second, node.Input(0));
        }

        return Constant(node.Input(0)) is { } first && isWanted(first) ? (first, node.Input(1)) : null;
    }

    // Since opset 18 the axes are an input.
    private long[]? Axes(OnnxNode mean) => mean.Integer("keepdims", 1) != 1
        ? null
        : mean.Integers("axes") ?? (Constant(mean.Input(1)) is { DataType: "INT64", Count: < Shape.MaxRank } axes ? Values(axes.ReadIntegers) : null);

    private OnnxParameter Parameter(OnnxNode node, int index) => new(node.Input(index), Constant(node.Input(index)));

    private OnnxTensor? Constant(string value) => _constants.GetValueOrDefault(value) ?? _constants.GetValueOrDefault(BeforeCast(value));

    private OnnxNode? Producer(string value, string onnxOperator) => _producers.GetValueOrDefault(BeforeCast(value)) is { } node && Is(node, onnxOperator) ? node : null;

    private bool SameValue(string a, string b) => a == b || BeforeCast(a) == BeforeCast(b);

    // Exporters compute normalizations of half floats in floats, with a cast before and after.
    private string BeforeCast(string value) => _producers.GetValueOrDefault(value) is { } node && (IsCastOfFloats(node) || Is(node, "Identity")) ? node.Input(0) : value;

    private IReadOnlyList<OnnxNode> Consumers(string value) => _consumers.TryGetValue(value, out List<OnnxNode>? nodes) ? nodes : s_none;

    // A cast to integers cuts a value off.
    private static bool IsCastOfFloats(OnnxNode node) => Is(node, "Cast") && OnnxTensor.IsFloatType(node.Integer("to", 0));

    private static double? Number(OnnxTensor tensor) => tensor switch
    {
        { Count: 1, IsFloat: true } => Values(tensor.ReadFloats)?[0],
        { Count: 1, IsInteger: true } => Values(tensor.ReadIntegers)?[0],
        _ => null,
    };

    // Null for values that are in another file, or damaged: whoever needs them gets the exception, and the file's other parts are read.
    private static T[]? Values<T>(Func<T[]> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static bool Is(OnnxNode node, string onnxOperator) => node.IsStandard && node.Operator == onnxOperator;
}
