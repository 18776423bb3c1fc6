namespace NormLayers.Exchange;

/// <summary>Finds the normalizations of a graph: operators, and sequences of operators. It takes time in proportion to the graph.</summary>
internal sealed class OnnxPatterns
{
    private const float DefaultEpsilon = 1e-5f;
    private const float SkipEpsilon = 1e-12f;

    private readonly IReadOnlyList<OnnxNode> _nodes;
    private readonly IReadOnlyDictionary<string, OnnxTensor> _constants;
    private readonly long _opset;
    private readonly Dictionary<string, OnnxNode> _producers;

    // Of each value the node that takes it first, and behind it the others, in the order of the graph.
    private readonly Dictionary<string, int> _firstUse;
    private readonly (OnnxNode Node, int Next)[] _uses;

    // Read once: many nodes may take the value of one with long attributes, or one long constant.
    private readonly Dictionary<OnnxNode, long[]?> _axes = [];
    private readonly Dictionary<OnnxNode, bool> _castsOfFloats = [];
    private readonly Dictionary<OnnxNode, bool> _wholeShapes = [];
    private readonly Dictionary<OnnxTensor, double?> _numbers = [];

    public OnnxPatterns(IReadOnlyList<OnnxNode> nodes, IReadOnlyDictionary<string, OnnxTensor> constants, long opset)
    {
        (_nodes, _constants, _opset) = (nodes, constants, opset);
        (int outputs, int inputs) = (0, 0);
        foreach (OnnxNode node in nodes)
        {
            outputs += node.Outputs.Count;
            inputs += node.Inputs.Count;
        }

        (_producers, _firstUse, _uses) = (new(outputs), new(inputs), new (OnnxNode, int)[inputs]);
        for (int n = nodes.Count - 1; n >= 0; n--)
        {
            OnnxNode node = nodes[n];
            for (int i = 0; i < node.Outputs.Count; i++)
            {
                if (node.Outputs[i].Length > 0 && !_producers.TryAdd(node.Outputs[i], node))
                {
                    throw new InvalidDataException($"expected every value to come out of one node, got {SafetensorsHeader.Printable(node.Outputs[i])} out of two.");
                }
            }

            for (int i = 0; i < node.Inputs.Count; i++)
            {
                int next = FirstUse(node.Inputs[i]);
                if (next < 0 || _uses[next].Node != node)
                {
                    _uses[--inputs] = (node, next);
                    _firstUse[node.Inputs[i]] = inputs;
                }
            }
        }
    }

    public IReadOnlyList<OnnxNormalization> Find() => [.. _nodes.Select(n => FromOperator(n) ?? FromRoot(n) ?? FromLength(n)).OfType<OnnxNormalization>()];

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
    private OnnxNormalization? FromRoot(OnnxNode root)
    {
        if (!Is(root, "Sqrt")
            || Producer(root.Input(0), "Add") is not { } sum
            || WithConstant(sum, IsFloat) is not { } epsilon
            || Producer(epsilon.Other, "ReduceMean") is not { } mean
            || Axes(mean) is not { } axes
            || SquareOf(mean.Input(0)) is not { } squared)
        {
            return null;
        }

        string? centred = CentredInput(squared, axes);
        OnnxNode? quotient = null;
        for (int use = FirstUse(root.Output); use >= 0 && quotient is null; use = _uses[use].Next)
        {
            quotient = Quotient(_uses[use].Node, root.Output, squared, centred is null ? null : axes);
        }

        if (quotient is null || Number(epsilon.Constant) is not { } number)
        {
            return null;
        }

        (OnnxNode last, OnnxParameter scale, OnnxParameter shift) = (quotient, default, default);
        if (Affine(last, "Mul", t => t.IsFloat && t.Count > 0) is { } product)
        {
            (last, scale) = product;
            if (centred is not null && Affine(last, "Add", t => t.IsFloat && t.Count > 0) is { } shifted && shifted.Parameter.Tensor!.Shape.SequenceEqual(scale.Tensor!.Shape))
            {
                (last, shift) = shifted;
            }
        }

        return new(last, centred is null ? "RMSNormalization" : "LayerNormalization", number, centred ?? squared)
        {
            IsDecomposed = true,
            Axes = axes,
            Scale = scale,
            Shift = shift,
        };
    }

    // From x/‖x‖, x·(1/‖x‖) or x·(g/‖x‖) back to the length, and on to g.
    private OnnxNormalization? FromLength(OnnxNode last)
    {
        if (Direction(last) is not var (x, divisor, factor)
            || Limited(BeforeExpand(divisor, x)) is not var (length, limit, isAdded)
            || Length(length) is not var (squared, axes)
            || !SameValue(x, squared)
            || (limit is null ? 0 : Number(limit)) is not { } epsilon
            || (factor is not null && Number(factor) is null))
        {
            return null;
        }

        if (factor is null && Affine(last, "Mul", IsFloat) is { } product)
        {
            (last, factor) = (product.Node, product.Parameter.Tensor);
        }

        return new(last, "LpNormalization", epsilon, x)
        {
            IsDecomposed = true,
            AddsEpsilonToLength = isAdded,
            Axes = axes,
            Scale = new OnnxParameter(factor?.Name ?? "", factor),
        };
    }

    private (string X, string Divisor, OnnxTensor? Factor)? Direction(OnnxNode node)
    {
        if (Is(node, "Div"))
        {
            return (node.Input(0), node.Input(1), null);
        }

        for (int i = 0; Is(node, "Mul") && i < 2; i++)
        {
            string inverse = BeforeExpand(node.Input(i), node.Input(1 - i));
            if (Producer(inverse, "Reciprocal") is { } reciprocal)
            {
                return (node.Input(1 - i), reciprocal.Input(0), null);
            }

            if (Producer(inverse, "Div") is { } quotient && Constant(quotient.Input(0)) is { } factor && IsFloat(factor))
            {
                return (node.Input(1 - i), quotient.Input(1), factor);
            }
        }

        return null;
    }

    // What a length is limited by from below, or has added, so that it is not 0.
    private (string Length, OnnxTensor? Epsilon, bool IsAdded)? Limited(string value)
    {
        if (Producer(value, "Clip") is { } clip)
        {
            // Before opset 11 the limits are attributes.
            return clip.Input(2).Length == 0 && Constant(clip.Input(1)) is { } least && IsFloat(least) ? (clip.Input(0), least, false) : null;
        }

        bool isAdded = Producer(value, "Add") is not null;
        return (Producer(value, "Max") ?? Producer(value, "Add")) is not { } limited ? (value, null, false)
            : limited.Inputs.Count == 2 && WithConstant(limited, IsFloat) is { } epsilon ? (epsilon.Other, epsilon.Constant, isAdded)
            : null;
    }

    // What ‖·‖ is taken of, and over which axes.
    private (string X, long[] Axes)? Length(string value)
    {
        if (Producer(value, "ReduceL2") is { } length)
        {
            return Axes(length) is { } axes ? (length.Input(0), axes) : null;
        }

        string sum = Producer(value, "Sqrt")?.Input(0) ?? "";
        (OnnxNode? Node, string? Squared) found = Producer(sum, "ReduceSumSquare") is { } squares ? (squares, squares.Input(0))
            : Producer(sum, "ReduceSum") is { } node ? (node, SquareOf(node.Input(0)))
            : default;
        return found is ({ } reduced, { } x) && Axes(reduced) is { } own ? (x, own) : null;
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
    private OnnxNode? Quotient(OnnxNode node, string root, string numerator, long[]? axes)
    {
        if (Is(node, "Div") && node.Input(1) == root && IsSame(node.Input(0), numerator, axes))
        {
            return node;
        }

        bool isInverse = Is(node, "Reciprocal") || (Is(node, "Div") && node.Input(1) == root && Constant(node.Input(0)) is { } one && Number(one) == 1);
        for (int use = isInverse ? FirstUse(node.Output) : -1; use >= 0; use = _uses[use].Next)
        {
            OnnxNode product = _uses[use].Node;
            if (Is(product, "Mul") && IsSame(product.Input(0) == node.Output ? product.Input(1) : product.Input(0), numerator, axes))
            {
                return product;
            }
        }

        return null;
    }

    // The same value, or with axes the same value minus its mean.
    private bool IsSame(string value, string other, long[]? axes) =>
        SameValue(value, other) || (axes is not null && CentredInput(value, axes) is { } input && input == CentredInput(other, axes));

    // The product with γ, or the sum with β, if nothing else takes the value.
    private (OnnxNode Node, OnnxParameter Parameter)? Affine(OnnxNode node, string onnxOperator, Func<OnnxTensor, bool> isWanted)
    {
        OnnxNode? next = OnlyUse(node.Output);
        if (next is not null && IsCastOfFloats(next))
        {
            next = OnlyUse(next.Output);
        }

        return next is not null && Is(next, onnxOperator) && WithConstant(next, isWanted) is { } constant
            ? (next, new OnnxParameter(constant.Constant.Name, constant.Constant))
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

    private long[]? Axes(OnnxNode mean) => Once(_axes, mean, static (patterns, mean) => patterns.ReadAxes(mean));

    // Since opset 18 the axes are an input.
    private long[]? ReadAxes(OnnxNode mean) =>
        mean.Integer("keepdims", 1) != 1 ? null
        : mean.Integers("axes") is { } attribute ? attribute.Length < Shape.MaxRank ? attribute : null
        : Constant(mean.Input(1)) is { DataType: "INT64", Count: < Shape.MaxRank } input ? Values(input.ReadIntegers)
        : null;

    private OnnxParameter Parameter(OnnxNode node, int index) => new(node.Input(index), Constant(node.Input(index)));

    private OnnxTensor? Constant(string value) => _constants.GetValueOrDefault(value) ?? _constants.GetValueOrDefault(BeforeCast(value));

    private OnnxNode? Producer(string value, string onnxOperator) => _producers.GetValueOrDefault(BeforeCast(value)) is { } node && Is(node, onnxOperator) ? node : null;

    private bool SameValue(string a, string b) => a == b || BeforeCast(a) == BeforeCast(b);

    // Exporters compute normalizations of half floats in floats, with a cast before and after.
    private string BeforeCast(string value) => _producers.GetValueOrDefault(value) is { } node && (IsCastOfFloats(node) || Is(node, "Identity")) ? node.Input(0) : value;

    // To the shape of x it repeats values; to another it could make the quotient larger than x.
    private string BeforeExpand(string value, string x) =>
        Producer(value, "Expand") is { } expand && Producer(expand.Input(1), "Shape") is { } shape && SameValue(shape.Input(0), x) && IsWhole(shape) ? expand.Input(0) : value;

    private int FirstUse(string value) => _firstUse.GetValueOrDefault(value, -1);

    private OnnxNode? OnlyUse(string value) => FirstUse(value) is >= 0 and var use && _uses[use].Next < 0 ? _uses[use].Node : null;

    private static bool IsFloat(OnnxTensor tensor) => tensor is { Count: 1, IsFloat: true };

    // Since opset 15 a Shape may be of some of the dimensions.
    private bool IsWhole(OnnxNode shape) =>
        Once(_wholeShapes, shape, static (_, shape) => shape.Integer("start", 0) == 0 && shape.Integer("end", long.MaxValue) == long.MaxValue);

    // A cast to integers cuts a value off.
    private bool IsCastOfFloats(OnnxNode node) => Is(node, "Cast") && Once(_castsOfFloats, node, static (_, cast) => OnnxTensor.IsFloatType(cast.Integer("to", 0)));

    private double? Number(OnnxTensor tensor) => Once(_numbers, tensor, static (_, tensor) => tensor switch
    {
        { Count: 1, IsFloat: true } => Values(tensor.ReadFloats)?[0],
        { Count: 1, IsInteger: true } => Values(tensor.ReadIntegers)?[0],
        _ => default(double?),
    });

    private T Once<TKey, T>(Dictionary<TKey, T> known, TKey key, Func<OnnxPatterns, TKey, T> read)
        where TKey : notnull
    {
        if (!known.TryGetValue(key, out T? value))
        {
            known.Add(key, value = read(this, key));
        }

        return value;
    }

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
