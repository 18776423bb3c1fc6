using System.Collections;
using Name = System.ReadOnlyMemory<byte>;

namespace NormLayers.Exchange;

/// <summary>The normalizations of a graph: operators, and sequences of operators. Finding them takes time in proportion to the graph and the logarithm of its names.</summary>
/// <remarks>Kept are their places, and what was read of long messages, less than the file's size. Each is another object each time.</remarks>
internal sealed class OnnxPatterns : IReadOnlyList<OnnxNormalization>
{
    private const float DefaultEpsilon = 1e-5f;
    private const float SkipEpsilon = 1e-12f;

    // The bytes of a message that is read again each time, and not remembered.
    private const int Short = 1024;

    private static readonly int[] s_first = [0];
    private static readonly int[] s_skip = [0, 1, 4];
    private static readonly int[] s_skipSimplified = [0, 1, 3];

    private readonly OnnxIndex _index;
    private readonly long _opset;
    private readonly int[] _found;

    // Many nodes may take the value of one with long attributes, or one long constant.
    private readonly Dictionary<(Name Message, Delegate Read), object?> _long = [];
    private (int Place, OnnxNodeMessage Node) _last = (-1, default);

    public OnnxPatterns(OnnxIndex index, long opset)
    {
        (_index, _opset) = (index, opset);
        List<int> found = [];
        foreach (int place in _index.Nodes)
        {
            if (At(place) is not null)
            {
                found.Add(place);
            }
        }

        _found = [.. found];
    }

    public int Count => _found.Length;

    public OnnxNormalization this[int index]
    {
        get
        {
            // What is remembered is read and written here too.
            lock (_long)
            {
                return new OnnxNormalization(At(_found[Throw.IfNoPlace(index, Count)])!.Value);
            }
        }
    }

    public IEnumerator<OnnxNormalization> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // The one that a node is, or begins or ends as a sequence.
    private OnnxMatch? At(int place)
    {
        OnnxNodeMessage node = Node(place);
        return FromOperator(node) ?? FromRoot(node) ?? FromLength(node);
    }

    private OnnxMatch? FromOperator(OnnxNodeMessage node)
    {
        if (node.Is("LayerNormalization"))
        {
            return Rows(node, "LayerNormalization", 1, 2, s_first);
        }

        if (node.Is("RMSNormalization") || (node.IsNamed("SimplifiedLayerNormalization") && (node.IsStandard || node.IsRuntimes)))
        {
            return Rows(node, "RMSNormalization", 1, -1, s_first);
        }

        if (node.IsRuntimes && node.IsNamed("SkipLayerNormalization"))
        {
            return Rows(node, "LayerNormalization", 2, 3, s_skip, SkipEpsilon);
        }

        if (node.IsRuntimes && node.IsNamed("SkipSimplifiedLayerNormalization"))
        {
            return Rows(node, "RMSNormalization", 2, -1, s_skipSimplified, SkipEpsilon);
        }

        if (node.Is("LpNormalization") && node.Integer("p", 2) == 2)
        {
            return new(node, "LpNormalization", 0) { Inputs = s_first, Axes = new(node.Integer("axis", -1)) };
        }

        string? channels = node.Is("BatchNormalization") && node.Integer("spatial", 1) == 1 ? "BatchNormalization"
            : node.Is("InstanceNormalization") ? "InstanceNormalization"
            : node.Is("GroupNormalization") ? "GroupNormalization"
            : null;
        return channels is null ? null : new(node, channels, node.Float("epsilon", DefaultEpsilon))
        {
            Inputs = s_first,
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

    private OnnxMatch Rows(OnnxNodeMessage node, string onnxOperator, int scale, int shift, int[] inputs, float epsilon = DefaultEpsilon) =>
        new(node, onnxOperator, node.Float("epsilon", epsilon))
        {
            Inputs = inputs,
            Axes = new(node.Integer("axis", -1)),
            Scale = Parameter(node, scale),
            Shift = shift < 0 ? default : Parameter(node, shift),
        };

    // From the root of a variance, or of a mean square, back to what is normalized and on to β.
    private OnnxMatch? FromRoot(OnnxNodeMessage root)
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
            if (centred is not null && Affine(last, "Add", t => t.IsFloat && t.Count > 0) is { } shifted && Fit(shifted.Parameter.Tensor!.Value, scale.Tensor!.Value))
            {
                (last, shift) = shifted;
            }
        }

        return new(last, centred is null ? "RMSNormalization" : "LayerNormalization", number)
        {
            Normalized = centred ?? squared,
            Axes = axes,
            Scale = scale,
            Shift = shift,
        };
    }

    // From x/‖x‖, x·(1/‖x‖) or x·(g/‖x‖) back to the length, and on to g.
    private OnnxMatch? FromLength(OnnxNodeMessage last)
    {
        if (Direction(last) is not var (x, divisor, factor, expanded))
        {
            return null;
        }

        (Name limited, FewIntegers? shape) = BeforeExpand(divisor, x);
        if ((shape is not null && expanded is not null)
            || Limited(limited) is not var (length, limit, isAdded)
            || Length(length) is not var (squared, axes)
            || !SameValue(x, squared)
            || Number(limit, otherwise: 0) is not { } epsilon
            || Number(factor, otherwise: 1) is null)
        {
            return null;
        }

        if (factor is null && Affine(last, "Mul", IsFloat) is { } product)
        {
            (last, factor) = (product.Node, product.Parameter.Tensor);
        }

        return new(last, "LpNormalization", epsilon)
        {
            Normalized = x,
            ExpandedTo = shape ?? expanded,
            AddsEpsilonToLength = isAdded,
            Axes = axes,
            Scale = new OnnxParameter(factor?.Name ?? default, factor),
        };
    }

    private (Name X, Name Divisor, OnnxTensorMessage? Factor, FewIntegers? ExpandedTo)? Direction(OnnxNodeMessage node)
    {
        if (node.Is("Div"))
        {
            return (node.Input(0), node.Input(1), null, null);
        }

        for (int i = 0; i < 2 && node.Is("Mul"); i++)
        {
            (Name inverse, FewIntegers? expanded) = BeforeExpand(node.Input(i), node.Input(1 - i));
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
    private (Name Length, OnnxTensorMessage? Epsilon, bool IsAdded)? Limited(Name value)
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
    private (Name X, FewIntegers Axes)? Length(Name value)
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
    private Name? CentredInput(Name value, FewIntegers axes) =>
        Producer(value, "Sub") is { } difference
        && Producer(difference.Input(1), "ReduceMean") is { } mean
        && SameValue(mean.Input(0), difference.Input(0))
        && Axes(mean) is { } own && own.Equals(axes)
            ? difference.Input(0)
            : default(Name?);

    private Name? SquareOf(Name value) =>
        Producer(value, "Pow") is { } power && Constant(power.Input(1)) is { } exponent && Number(exponent) == 2 ? power.Input(0)
        : Producer(value, "Mul") is { } product && IsEqual(product.Input(0), product.Input(1)) ? product.Input(0)
        : default(Name?);

    // numerator/root, or numerator·(1/root).
    private OnnxNodeMessage? Quotient(OnnxNodeMessage node, Name root, Name numerator, FewIntegers? axes)
    {
        if (node.Is("Div") && IsEqual(node.Input(1), root) && IsSame(node.Input(0), numerator, axes))
        {
            return node;
        }

        // A product of no more than two inverses, an inverse of one root: the search stays linear, whatever else these nodes take.
        bool isInverse = (node.Is("Reciprocal") && IsEqual(node.Input(0), root)) || (node.Is("Div") && IsEqual(node.Input(1), root) && Constant(node.Input(0)) is { } one && Number(one) == 1);
        for (int use = isInverse ? FirstUse(node.Output) : -1; use >= 0; use = _index.NextUse(use))
        {
            OnnxNodeMessage product = User(use);
            if (product.Is("Mul")
                && ((IsEqual(product.Input(0), node.Output) && IsSame(product.Input(1), numerator, axes)) || (IsEqual(product.Input(1), node.Output) && IsSame(product.Input(0), numerator, axes))))
            {
                return product;
            }
        }

        return null;
    }

    // The same value, or with axes the same value minus its mean.
    private bool IsSame(Name value, Name other, FewIntegers? axes) =>
        SameValue(value, other) || (axes is { } over && CentredInput(value, over) is { } input && CentredInput(other, over) is { } same && IsEqual(input, same));

    // The product with γ, or the sum with β, if nothing else takes the value.
    private (OnnxNodeMessage Node, OnnxParameter Parameter)? Affine(OnnxNodeMessage node, string onnxOperator, Func<OnnxTensorMessage, bool> isWanted)
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
    private (OnnxTensorMessage Constant, Name Other)? WithConstant(OnnxNodeMessage node, Func<OnnxTensorMessage, bool> isWanted)
    {
        if (Constant(node.Input(1)) is { } second && isWanted(second))
        {
            return (second, node.Input(0));
        }

        return Constant(node.Input(0)) is { } first && isWanted(first) ? (first, node.Input(1)) : null;
    }

    // Since opset 18 the axes are an input.
    private FewIntegers? Axes(OnnxNodeMessage mean) => Once(mean.Message, mean, static (patterns, mean) =>
        mean.Integer("keepdims", 1) != 1 ? null
        : mean.CountIntegers("axes") is >= 0 and var count ? (count < Shape.MaxRank ? Few(count, mean, static (mean, axes) => mean.ReadIntegers("axes", axes)) : null)
        : patterns.Constant(mean.Input(1)) is { Count: < Shape.MaxRank } input ? patterns.Integers(input)
        : default(FewIntegers?));

    private OnnxParameter Parameter(OnnxNodeMessage node, int index) => new(node.Input(index), Constant(node.Input(index)));

    private OnnxTensorMessage? Constant(Name value)
    {
        int constant = _index.Constant(value.Span);
        constant = constant < 0 ? _index.Constant(BeforeCast(value).Span) : constant;
        return constant < 0 ? null : Once(_index.ConstantMessage(constant), constant, static (patterns, constant) => patterns._index.Tensor(constant));
    }

    private OnnxNodeMessage? Producer(Name value, string onnxOperator) => Producer(BeforeCast(value)) is { } node && node.Is(onnxOperator) ? node : default(OnnxNodeMessage?);

    private OnnxNodeMessage? Producer(Name value) => _index.Producer(value.Span) is { } place ? Node(place) : default(OnnxNodeMessage?);

    private OnnxNodeMessage Node(int place)
    {
        if (place != _last.Place)
        {
            Name message = _index.Message(place);
            _last = (place, Once(message, message, static (_, message) => new OnnxNodeMessage(message)));
        }

        return _last.Node;
    }

    private bool SameValue(Name a, Name b) => IsEqual(a, b) || IsEqual(BeforeCast(a), BeforeCast(b));

    private static bool IsEqual(Name a, Name b) => a.Span.SequenceEqual(b.Span);

    // Exporters compute normalizations of half floats in floats, with a cast before and after.
    private Name BeforeCast(Name value) => Producer(value) is { } node && (IsCastOfFloats(node) || node.Is("Identity")) ? node.Input(0) : value;

    // To the shape of x it repeats values. To another it could make the quotient larger than x, so that a shape that is written down is kept, to be compared with x's.
    private (Name Value, FewIntegers? Shape) BeforeExpand(Name value, Name x)
    {
        if (Producer(value, "Expand") is not { } expand)
        {
            return (value, null);
        }

        return Producer(expand.Input(1), "Shape") is { } shape && SameValue(shape.Input(0), x) && IsWhole(shape) ? (expand.Input(0), null)
            : Constant(expand.Input(1)) is { Count: <= Shape.MaxRank, Rank: 1 } written && Integers(written) is { } numbers ? (expand.Input(0), numbers)
            : (value, null);
    }

    private int FirstUse(Name value) => _index.FirstUse(value.Span);

    private OnnxNodeMessage User(int use) => Node(_index.User(use));

    private OnnxNodeMessage? OnlyUse(Name value) => FirstUse(value) is >= 0 and var use && _index.NextUse(use) < 0 ? User(use) : default(OnnxNodeMessage?);

    private static bool IsFloat(OnnxTensorMessage tensor) => tensor is { Count: 1, IsFloat: true };

    // One number is β or γ of all elements.
    private static bool Fit(OnnxTensorMessage shift, OnnxTensorMessage scale) => shift.Count == 1 || scale.Count == 1
        || shift.Shape(stackalloc long[OnnxTensorMessage.MostDimensions]).SequenceEqual(scale.Shape(stackalloc long[OnnxTensorMessage.MostDimensions]));

    // Since opset 15 a Shape may be of some of the dimensions.
    private bool IsWhole(OnnxNodeMessage shape) =>
        Once(shape.Message, shape, static (_, shape) => shape.Integer("start", 0) == 0 && shape.Integer("end", long.MaxValue) == long.MaxValue);

    // A cast to integers cuts a value off.
    private bool IsCastOfFloats(OnnxNodeMessage node) => node.Is("Cast") && Once(node.Message, node, static (_, cast) => OnnxTensorMessage.IsFloatType(cast.Integer("to", 0)));

    // Null for values that are in another file, or damaged: whoever needs them gets the exception, and the file's other parts are read.
    private FewIntegers? Integers(OnnxTensorMessage tensor) => Once(tensor.Message, tensor, static (_, tensor) =>
        tensor is { Type: NumberType.I64, IsComplete: true } ? Few(tensor.Count, tensor, static (tensor, numbers) => tensor.Read(numbers)) : default(FewIntegers?));

    private double? Number(OnnxTensorMessage tensor) => Once(tensor.Message, tensor, static (_, tensor) => tensor.Number());

    private double? Number(OnnxTensorMessage? tensor, double otherwise) => tensor is { } some ? Number(some) : otherwise;

    private static FewIntegers Few<T>(int count, T from, Action<T, Span<long>> read)
    {
        Span<long> numbers = stackalloc long[Shape.MaxRank];
        read(from, numbers[..count]);
        return new(numbers[..count]);
    }

    // What is read of a long message is kept.
    private T Once<TFrom, T>(Name message, TFrom from, Func<OnnxPatterns, TFrom, T> read)
    {
        if (message.Length <= Short)
        {
            return read(this, from);
        }

        if (!_long.TryGetValue((message, read), out object? value))
        {
            _long.Add((message, read), value = read(this, from));
        }

        return (T)value!;
    }
}
