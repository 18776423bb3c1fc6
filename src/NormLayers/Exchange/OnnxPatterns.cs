using System.Text;
using Name = System.ReadOnlyMemory<byte>;

namespace NormLayers.Exchange;

/// <summary>Finds the normalizations of a graph: operators, and sequences of operators. It takes time in proportion to the graph and the logarithm of its names.</summary>
internal sealed class OnnxPatterns
{
    private const float DefaultEpsilon = 1e-5f;
    private const float SkipEpsilon = 1e-12f;

    // The bytes of a message that is read again each time, and not remembered.
    private const int Short = 256;

    private readonly OnnxIndex _index;
    private readonly long _opset;

    // Read once: many nodes may take the value of one with long attributes, or one long constant.
    private readonly Dictionary<int, OnnxNodeMessage> _nodes = [];
    private readonly Dictionary<Name, long[]?> _axes = [];
    private readonly Dictionary<Name, bool> _castsOfFloats = [];
    private readonly Dictionary<Name, bool> _wholeShapes = [];
    private readonly Dictionary<int, OnnxTensor> _constants = [];
    private readonly Dictionary<OnnxTensor, double?> _numbers = [];
    private readonly Dictionary<OnnxTensor, long[]?> _integers = [];

    public OnnxPatterns(OnnxIndex index, long opset) => (_index, _opset) = (index, opset);

    public IReadOnlyList<OnnxNormalization> Find()
    {
        List<OnnxNormalization> found = [];
        foreach (int place in _index.Nodes)
        {
            OnnxNodeMessage node = Node(place);
            if ((FromOperator(node) ?? FromRoot(node) ?? FromLength(node)) is { } normalization)
            {
                found.Add(normalization);
            }
        }

        return found;
    }

    private OnnxNormalization? FromOperator(OnnxNodeMessage node)
    {
        if (node.Is("LayerNormalization"))
        {
            return Rows(node, "LayerNormalization", 1, 2, [0]);
        }

        if (node.Is("RMSNormalization") || (node.IsNamed("SimplifiedLayerNormalization") && (node.IsStandard || node.IsRuntimes)))
        {
            return Rows(node, "RMSNormalization", 1, -1, [0]);
        }

        if (node.IsRuntimes && node.IsNamed("SkipLayerNormalization"))
        {
            return Rows(node, "LayerNormalization", 2, 3, [0, 1, 4], SkipEpsilon);
        }

        if (node.IsRuntimes && node.IsNamed("SkipSimplifiedLayerNormalization"))
        {
            return Rows(node, "RMSNormalization", 2, -1, [0, 1, 3], SkipEpsilon);
        }

        if (node.Is("LpNormalization") && node.Integer("p", 2) == 2)
        {
            return new(node, "LpNormalization", 0, Text(node.Input(0))) { Axes = [node.Integer("axis", -1)] };
        }

        string? channels = node.Is("BatchNormalization") && node.Integer("spatial", 1) == 1 ? "BatchNormalization"
            : node.Is("InstanceNormalization") ? "InstanceNormalization"
            : node.Is("GroupNormalization") ? "GroupNormalization"
            : null;
        return channels is null ? null : new(node, channels, node.Float("epsilon", DefaultEpsilon), Text(node.Input(0)))
        {
            Scale = Parameter(node, 1),
            Shift = Parameter(node, 2),
            Mean = Parameter(node, 3),
            Variance = Parameter(node, 4),
            Momentum = node.Float("momentum", 0.9f),
            // Before opset 14 a node is in training mode if it gives more than its output.
            IsTraining = channels == "BatchNormalization" && (_opset >= 14 ? node.Integer("training_mode", 0) == 1 : node.NamedOutputs > 1),
            Groups = node.Integer("num_groups", 0),
            ScaleIsPerGroup = _opset < 21,
        };
    }

    private OnnxNormalization Rows(OnnxNodeMessage node, string onnxOperator, int scale, int shift, int[] inputs, float epsilon = DefaultEpsilon) =>
        new(node, onnxOperator, node.Float("epsilon", epsilon), [.. inputs.Select(i => Text(node.Input(i))).Where(i => i.Length > 0)])
        {
            Axes = [node.Integer("axis", -1)],
            Scale = Parameter(node, scale),
            Shift = shift < 0 ? default : Parameter(node, shift),
        };

    // From the root of a variance, or of a mean square, back to what is normalized and on to β.
    private OnnxNormalization? FromRoot(OnnxNodeMessage root)
    {
        if (!root.Is("Sqrt")
            || Producer(root.Input(0), "Add") is not { } sum
            || WithConstant(sum, IsFloat) is not { } epsilon
            || Producer(epsilon.Other, "ReduceMean") is not { } mean
            || Axes(mean) is not { } axes
            || SquareOf(mean.Input(0)) is not { } squared)
        {
            return null;
        }

        Name? centred = CentredInput(squared, axes);
        OnnxNodeMessage? quotient = null;
        for (int use = FirstUse(root.Output); use >= 0 && quotient is null; use = _index.NextUse(use))
        {
            quotient = Quotient(User(use), root.Output, squared, centred is null ? null : axes);
        }

        if (quotient is not { } last || Number(epsilon.Constant) is not { } number)
        {
            return null;
        }

        (OnnxParameter scale, OnnxParameter shift) = (default, default);
        if (Affine(last, "Mul", t => t.IsFloat && t.Count > 0) is { } product)
        {
            (last, scale) = product;
            if (centred is not null && Affine(last, "Add", t => t.IsFloat && t.Count > 0) is { } shifted && Fit(shifted.Parameter.Tensor!, scale.Tensor!))
            {
                (last, shift) = shifted;
            }
        }

        return new(last, centred is null ? "RMSNormalization" : "LayerNormalization", number, Text(centred ?? squared))
        {
            IsDecomposed = true,
            Axes = axes,
            Scale = scale,
            Shift = shift,
        };
    }

    // From x/‖x‖, x·(1/‖x‖) or x·(g/‖x‖) back to the length, and on to g.
    private OnnxNormalization? FromLength(OnnxNodeMessage last)
    {
        if (Direction(last) is not var (x, divisor, factor, expanded))
        {
            return null;
        }

        (Name limited, long[]? shape) = BeforeExpand(divisor, x);
        if ((shape is not null && expanded is not null)
            || Limited(limited) is not var (length, limit, isAdded)
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

        return new(last, "LpNormalization", epsilon, Text(x))
        {
            ExpandedTo = shape ?? expanded,
            IsDecomposed = true,
            AddsEpsilonToLength = isAdded,
            Axes = axes,
            Scale = new OnnxParameter(factor?.Name ?? "", factor),
        };
    }

    private (Name X, Name Divisor, OnnxTensor? Factor, long[]? ExpandedTo)? Direction(OnnxNodeMessage node)
    {
        if (node.Is("Div"))
        {
            return (node.Input(0), node.Input(1), null, null);
        }

        for (int i = 0; i < 2 && node.Is("Mul"); i++)
        {
            (Name inverse, long[]? expanded) = BeforeExpand(node.Input(i), node.Input(1 - i));
            if (Producer(inverse, "Reciprocal") is { } reciprocal)
            {
                return (node.Input(1 - i), reciprocal.Input(0), null, expanded);
            }

            if (Producer(inverse, "Div") is { } quotient && Constant(quotient.Input(0)) is { } factor && IsFloat(factor))
            {
                return (node.Input(1 - i), quotient.Input(1), factor, expanded);
            }
        }

        return null;
    }

    // What a length is limited by from below, or has added, so that it is not 0.
    private (Name Length, OnnxTensor? Epsilon, bool IsAdded)? Limited(Name value)
    {
        if (Producer(value, "Clip") is { } clip)
        {
            // Before opset 11 the limits are attributes.
            return clip.Input(2).IsEmpty && Constant(clip.Input(1)) is { } least && IsFloat(least) ? (clip.Input(0), least, false) : null;
        }

        bool isAdded = Producer(value, "Add") is not null;
        return (Producer(value, "Max") ?? Producer(value, "Add")) is not { } limited ? (value, null, false)
            : limited.InputCount == 2 && WithConstant(limited, IsFloat) is { } epsilon ? (epsilon.Other, epsilon.Constant, isAdded)
            : null;
    }

    // What ‖·‖ is taken of, and over which axes.
    private (Name X, long[] Axes)? Length(Name value)
    {
        if (Producer(value, "ReduceL2") is { } length)
        {
            return Axes(length) is { } axes ? (length.Input(0), axes) : null;
        }

        Name sum = Producer(value, "Sqrt")?.Input(0) ?? default;
        (OnnxNodeMessage? Node, Name? Squared) found = Producer(sum, "ReduceSumSquare") is { } squares ? (squares, squares.Input(0))
            : Producer(sum, "ReduceSum") is { } node ? (node, SquareOf(node.Input(0)))
            : default;
        return found is ({ } reduced, { } x) && Axes(reduced) is { } own ? (x, own) : null;
    }

    // x of x − mean(x); null if the value is something else.
    private Name? CentredInput(Name value, long[] axes) =>
        Producer(value, "Sub") is { } difference
        && Producer(difference.Input(1), "ReduceMean") is { } mean
        && SameValue(mean.Input(0), difference.Input(0))
        && Axes(mean) is { } own && own.SequenceEqual(axes)
            ? difference.Input(0)
            : default(Name?);

    private Name? SquareOf(Name value) =>
        Producer(value, "Pow") is { } power && Constant(power.Input(1)) is { } exponent && Number(exponent) == 2 ? power.Input(0)
        : Producer(value, "Mul") is { } product && IsEqual(product.Input(0), product.Input(1)) ? product.Input(0)
        : default(Name?);

    // numerator/root, or numerator·(1/root).
    private OnnxNodeMessage? Quotient(OnnxNodeMessage node, Name root, Name numerator, long[]? axes)
    {
        if (node.Is("Div") && IsEqual(node.Input(1), root) && IsSame(node.Input(0), numerator, axes))
        {
            return node;
        }

        bool isInverse = node.Is("Reciprocal") || (node.Is("Div") && IsEqual(node.Input(1), root) && Constant(node.Input(0)) is { } one && Number(one) == 1);
        for (int use = isInverse ? FirstUse(node.Output) : -1; use >= 0; use = _index.NextUse(use))
        {
            OnnxNodeMessage product = User(use);
            if (product.Is("Mul") && IsSame(IsEqual(product.Input(0), node.Output) ? product.Input(1) : product.Input(0), numerator, axes))
            {
                return product;
            }
        }

        return null;
    }

    // The same value, or with axes the same value minus its mean.
    private bool IsSame(Name value, Name other, long[]? axes) =>
        SameValue(value, other) || (axes is not null && CentredInput(value, axes) is { } input && CentredInput(other, axes) is { } same && IsEqual(input, same));

    // The product with γ, or the sum with β, if nothing else takes the value.
    private (OnnxNodeMessage Node, OnnxParameter Parameter)? Affine(OnnxNodeMessage node, string onnxOperator, Func<OnnxTensor, bool> isWanted)
    {
        OnnxNodeMessage? only = OnlyUse(node.Output);
        if (only is { } cast && IsCastOfFloats(cast))
        {
            only = OnlyUse(cast.Output);
        }

        return only is { } next && next.Is(onnxOperator) && WithConstant(next, isWanted) is { } constant
            ? (next, new OnnxParameter(constant.Constant.Name, constant.Constant))
            : null;
    }

    // The two inputs of a sum or product, one of which is constant.
    private (OnnxTensor Constant, Name Other)? WithConstant(OnnxNodeMessage node, Func<OnnxTensor, bool> isWanted)
    {
        if (Constant(node.Input(1)) is { } second && isWanted(second))
        {
            return (second, node.Input(0));
        }

        return Constant(node.Input(0)) is { } first && isWanted(first) ? (first, node.Input(1)) : null;
    }

    private long[]? Axes(OnnxNodeMessage mean) => Once(_axes, mean, static (patterns, mean) => patterns.ReadAxes(mean));

    // Since opset 18 the axes are an input.
    private long[]? ReadAxes(OnnxNodeMessage mean) =>
        mean.Integer("keepdims", 1) != 1 ? null
        : mean.Integers("axes") is { } attribute ? attribute.Length < Shape.MaxRank ? attribute : null
        : Constant(mean.Input(1)) is { DataType: "INT64", Count: < Shape.MaxRank } input ? Integers(input)
        : null;

    private OnnxParameter Parameter(OnnxNodeMessage node, int index) => new(Text(node.Input(index)), Constant(node.Input(index)));

    private OnnxTensor? Constant(Name value)
    {
        int constant = _index.Constant(value.Span);
        constant = constant < 0 ? _index.Constant(BeforeCast(value).Span) : constant;
        return constant < 0 ? null : Once(_constants, constant, static (patterns, constant) => patterns._index.Tensor(constant));
    }

    private OnnxNodeMessage? Producer(Name value, string onnxOperator) => Producer(BeforeCast(value)) is { } node && node.Is(onnxOperator) ? node : default(OnnxNodeMessage?);

    private OnnxNodeMessage? Producer(Name value) => _index.Producer(value.Span) is { } place ? Node(place) : default(OnnxNodeMessage?);

    private OnnxNodeMessage Node(int place)
    {
        Name message = _index.Message(place);
        return message.Length <= Short ? new(message) : Once(_nodes, place, static (patterns, place) => new OnnxNodeMessage(patterns._index.Message(place)));
    }

    private bool SameValue(Name a, Name b) => IsEqual(a, b) || IsEqual(BeforeCast(a), BeforeCast(b));

    private static bool IsEqual(Name a, Name b) => a.Span.SequenceEqual(b.Span);

    // Exporters compute normalizations of half floats in floats, with a cast before and after.
    private Name BeforeCast(Name value) => Producer(value) is { } node && (IsCastOfFloats(node) || node.Is("Identity")) ? node.Input(0) : value;

    // To the shape of x it repeats values. To another it could make the quotient larger than x, so that a shape that is written down is kept, to be compared with x's.
    private (Name Value, long[]? Shape) BeforeExpand(Name value, Name x)
    {
        if (Producer(value, "Expand") is not { } expand)
        {
            return (value, null);
        }

        return Producer(expand.Input(1), "Shape") is { } shape && SameValue(shape.Input(0), x) && IsWhole(shape) ? (expand.Input(0), null)
            : Constant(expand.Input(1)) is { DataType: "INT64", Count: <= Shape.MaxRank, Shape.Count: 1 } written && Integers(written) is { } numbers ? (expand.Input(0), numbers)
            : (value, null);
    }

    private int FirstUse(Name value) => _index.FirstUse(value.Span);

    private OnnxNodeMessage User(int use) => Node(_index.User(use));

    private OnnxNodeMessage? OnlyUse(Name value) => FirstUse(value) is >= 0 and var use && _index.NextUse(use) < 0 ? User(use) : default(OnnxNodeMessage?);

    private static bool IsFloat(OnnxTensor tensor) => tensor is { Count: 1, IsFloat: true };

    // One number is β or γ of all elements.
    private static bool Fit(OnnxTensor shift, OnnxTensor scale) => shift.Count == 1 || scale.Count == 1 || shift.Shape.SequenceEqual(scale.Shape);

    // Since opset 15 a Shape may be of some of the dimensions.
    private bool IsWhole(OnnxNodeMessage shape) =>
        Once(_wholeShapes, shape, static (_, shape) => shape.Integer("start", 0) == 0 && shape.Integer("end", long.MaxValue) == long.MaxValue);

    // A cast to integers cuts a value off.
    private bool IsCastOfFloats(OnnxNodeMessage node) => node.Is("Cast") && Once(_castsOfFloats, node, static (_, cast) => OnnxTensor.IsFloatType(cast.Integer("to", 0)));

    private long[]? Integers(OnnxTensor tensor) => Once(_integers, tensor, static (_, tensor) => Values(tensor.ReadIntegers));

    private double? Number(OnnxTensor tensor) => Once(_numbers, tensor, static (patterns, tensor) => tensor switch
    {
        { Count: 1, IsFloat: true } => Values(tensor.ReadFloats)?[0],
        { Count: 1, IsInteger: true } => patterns.Integers(tensor)?[0],
        _ => default(double?),
    });

    private T Once<T>(Dictionary<Name, T> known, OnnxNodeMessage node, Func<OnnxPatterns, OnnxNodeMessage, T> read)
    {
        if (node.Message.Length <= Short)
        {
            return read(this, node);
        }

        if (!known.TryGetValue(node.Message, out T? value))
        {
            known.Add(node.Message, value = read(this, node));
        }

        return value;
    }

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

    private static string Text(Name name) => Encoding.UTF8.GetString(name.Span);
}
