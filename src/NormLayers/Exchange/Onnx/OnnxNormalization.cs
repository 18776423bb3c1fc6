using System.Text;

namespace NormLayers.Exchange;

/// <summary>A normalization in an ONNX graph, with all that a layer needs.</summary>
/// <remarks>
/// <para>Taken as one are the operators LayerNormalization, RMSNormalization, BatchNormalization, InstanceNormalization, GroupNormalization and LpNormalization. So are ONNX Runtime's
/// own SimplifiedLayerNormalization, SkipLayerNormalization and SkipSimplifiedLayerNormalization, and the sequences that exporters write
/// for the first two. These are ReduceMean, Sub, Pow or Mul, ReduceMean, Add, Sqrt, Div or Reciprocal and Mul, then Mul with γ and Add with β, where they are.</para>
/// <para>For LpNormalization the sequences begin with ReduceL2, or with ReduceSum of squares or ReduceSumSquare and Sqrt. Clip, Max or Add with ε and Expand to the shape of x come next, where they are, and Div or Reciprocal and Mul. Last comes Mul with one number g,
/// or Div of g by the length and Mul. Without ε, a row of zeros gives NaN in ONNX and zeros in the layer.</para>
/// <para>A sequence whose ε, exponent or axes are in another file (external data), or are damaged, is not taken as one. Casts between types of floats are looked through.</para>
/// <para>ε is the file's float, as a double.</para>
/// </remarks>
public sealed class OnnxNormalization
{
    private readonly OnnxMatch _match;
    private readonly long[] _axes;

    internal OnnxNormalization(OnnxMatch match)
    {
        OnnxNodeMessage node = match.Node;
        (_match, _axes, Name, Output) = (match, match.Axes.ToArray(), node.Label, Text(node.Output));
        Inputs = match.Normalized is { } x ? [Text(x)] : [.. match.Inputs.Select(i => node.Input(i)).Where((input, i) => i == 0 || !input.IsEmpty).Select(Text)];
    }

    /// <summary>The name of the operator's node, or of the last one of a sequence; its output's name if it has none.</summary>
    public string Name { get; }

    /// <summary>The operator of ONNX that computes it: <c>LayerNormalization</c>, <c>RMSNormalization</c> and so on, also for a sequence or an operator of ONNX Runtime.</summary>
    public string Operator => _match.Operator;

    /// <summary>Whether the file has a sequence of operators in place of one.</summary>
    public bool IsDecomposed => _match.IsDecomposed;

    /// <summary>The values that are added and then normalized: one, or with a skip connection two or three.</summary>
    public IReadOnlyList<string> Inputs { get; }

    /// <summary>The value that comes out.</summary>
    public string Output { get; }

    /// <summary>ε as the file states it; 0 for an LpNormalization without one.</summary>
    public double Epsilon => _match.Epsilon;

    /// <summary>Makes a layer with the file's γ, β, ε and statistics. Each call makes another.</summary>
    /// <param name="input">
    /// The shape of what will be normalized. It can be left out but where the file does not say how long a set is: axes that are counted from the front, no γ, one number as γ in a sequence, or one γ per group.
    /// </param>
    /// <returns>
    /// A <see cref="LayerNorm"/>, <see cref="RmsNorm"/>, <see cref="BatchNorm"/>, <see cref="InstanceNorm"/>, <see cref="GroupNorm"/>, or for LpNormalization a <see cref="ScaleNorm"/> with g = 1, or
    /// the g of its sequence. A sequence that adds ε to the length is an <see cref="RmsNorm"/> with ε outside the root. The layer is named after <see cref="Name"/> with <c>_</c> for each dot. A batch normalization that the file has in training mode is in it, the others are in evaluation mode;
    /// in training its running variance follows the biased variances of batches, as ONNX's does.
    /// </returns>
    /// <exception cref="ArgumentException">A shape that is needed and not given, or one that the layer does not take.</exception>
    /// <exception cref="InvalidDataException">Parameters of other sizes, in another file, or of other types; ε, a momentum or a running variance out of range.</exception>
    /// <exception cref="NotSupportedException">γ or β is computed in the graph, no layer normalizes over these axes, or a sequence expands lengths to another shape than the input's.</exception>
    public Layer CreateLayer(Shape input = default)
    {
        if (!double.IsFinite(Epsilon) || Epsilon < 0)
        {
            throw Invalid("a finite ε ≥ 0", FormattableString.Invariant($"{Epsilon}"));
        }

        Layer layer = Operator switch
        {
            "LayerNormalization" => CreateLayerNorm(input),
            "RMSNormalization" => CreateRmsNorm(input),
            "BatchNormalization" => CreateBatchNorm(),
            "InstanceNormalization" => CreateInstanceNorm(),
            "GroupNormalization" => CreateGroupNorm(input),
            _ => CreateL2(input),
        };
        layer.Training = _match.IsTraining;
        if (input.Rank > 0)
        {
            _ = Throw.IfRefused(layer, input, $"a shape that {Operator} of '{Name}' takes", $"{input}", nameof(input));
        }

        return layer;
    }

    private static string Text(ReadOnlyMemory<byte> name) => Encoding.UTF8.GetString(name.Span);

    private string LayerName => Name.Replace('.', '_');

    private LayerNorm CreateLayerNorm(Shape input)
    {
        Shape shape = NormalizedShape(input);
        (float[]? gamma, float[]? beta) = (Values(_match.Scale, "γ", shape), Values(_match.Shift, "β", shape));
        LayerNorm layer = new(shape, Epsilon, gamma is not null, beta is not null, name: LayerName);
        gamma?.CopyTo(layer.Gamma!.Value, 0);
        beta?.CopyTo(layer.Beta!.Value, 0);
        return layer;
    }

    private RmsNorm CreateRmsNorm(Shape input)
    {
        Shape shape = NormalizedShape(input);
        float[]? gamma = Values(_match.Scale, "γ", shape);
        RmsNorm layer = new(LastOnly(shape), Epsilon, gamma is not null, name: LayerName);
        gamma?.CopyTo(layer.Gamma!.Value, 0);
        return layer;
    }

    // g·x/(‖x‖ + ε) is RMS normalization with ε/√C beside the root and γ = g/√C.
    private RowLayer CreateL2(Shape input)
    {
        int features = LastOnly(NormalizedShape(input));
        if (_match.ExpandedTo?.ToArray() is { } shape && !(shape.Length <= input.Rank && shape.Reverse().Index().All(d => d.Item == 1 || d.Item == input[input.Rank - 1 - d.Index])))
        {
            throw Unsupported($"it expands lengths to shape [{string.Join(", ", shape)}], and what it normalizes has {input}");
        }

        float g = _match.Scale.IsThere ? Tensor(_match.Scale, "g").ReadFloats()[0] : 1;
        if (!_match.AddsEpsilonToLength)
        {
            ScaleNorm scaled = new(features, Epsilon, name: LayerName);
            scaled.G.Value[0] = g;
            return scaled;
        }

        RmsNorm layer = new(features, Epsilon / Math.Sqrt(features), epsilonOutsideRoot: true, name: LayerName);
        Array.Fill(layer.Gamma!.Value, (float)(g / Math.Sqrt(features)));
        return layer;
    }

    private BatchNorm CreateBatchNorm()
    {
        float[] mean = Channels(_match.Mean, "running mean");
        if (!(_match.Momentum is >= 0 and <= 1))
        {
            throw Invalid("a momentum from 0 to 1", FormattableString.Invariant($"{_match.Momentum}"));
        }

        BatchNorm layer = new(mean.Length, Epsilon, NormLayers.Momentum.OldWeight(_match.Momentum), name: LayerName) { BiasedRunningVariance = true };
        mean.CopyTo(layer.Running!.Mean, 0);
        Copy(Channels(_match.Variance, "running variance"), layer.Running.Variance, "running variance");
        if (Array.FindIndex(layer.Running.Variance, v => !(v >= 0)) is >= 0 and int c)
        {
            throw Invalid("running variances ≥ 0", FormattableString.Invariant($"{layer.Running.Variance[c]} in channel {c}"));
        }

        Copy(Channels(_match.Scale, "γ"), layer.Gamma!.Value, "γ");
        Copy(Channels(_match.Shift, "β"), layer.Beta!.Value, "β");
        return layer;
    }

    private InstanceNorm CreateInstanceNorm()
    {
        float[] gamma = Channels(_match.Scale, "γ");
        InstanceNorm layer = new(gamma.Length, Epsilon, withGamma: true, withBeta: true, name: LayerName);
        gamma.CopyTo(layer.Gamma!.Value, 0);
        Copy(Channels(_match.Shift, "β"), layer.Beta!.Value, "β");
        return layer;
    }

    private GroupNorm CreateGroupNorm(Shape input)
    {
        float[] gamma = Channels(_match.Scale, "γ");
        float[] beta = Channels(_match.Shift, "β");
        int channels = gamma.Length;
        if (_match.ScaleIsPerGroup)
        {
            channels = input.Rank > 1 ? Throw.IfWithoutChannels(input, nameof(input))[1] : throw NeedsInput("its γ has one number per group");
        }

        if (_match.Groups <= 0 || channels % _match.Groups != 0)
        {
            throw Invalid($"a number of groups that divides the {channels} channels", $"{_match.Groups}");
        }

        if (_match.ScaleIsPerGroup)
        {
            (gamma, beta) = (PerChannel(gamma, "γ"), PerChannel(beta, "β"));
        }

        GroupNorm layer = new((int)_match.Groups, channels, Epsilon, name: LayerName);
        Copy(gamma, layer.Gamma!.Value, "γ");
        Copy(beta, layer.Beta!.Value, "β");
        return layer;

        float[] PerChannel(float[] perGroup, string what) => perGroup.Length == _match.Groups
            ? [.. Enumerable.Range(0, channels).Select(c => perGroup[c / (channels / (int)_match.Groups)])]
            : throw Invalid($"{_match.Groups} numbers as {what}", $"{perGroup.Length}");
    }

    private int LastOnly(Shape shape) => shape.Rank == 1 ? shape.Length : throw Unsupported($"it normalizes {shape.Rank} dimensions together, and the layer here the last one only");

    // The dimensions that are normalized together: from the input's shape, or from γ's.
    private Shape NormalizedShape(Shape input)
    {
        int count = TrailingCount(input.Rank);
        if (count is 0 or > Shape.MaxRank)
        {
            throw Unsupported($"it normalizes {count} dimensions together, and layers here 1 to {Shape.MaxRank}");
        }

        if (input.Rank > 0)
        {
            if (count <= input.Rank && Enumerable.Range(input.Rank - count, count).Any(a => input[a] == 0))
            {
                Throw.Argument(nameof(input), $"a shape whose last {count} dimension(s), which are normalized, are not 0", $"{input}");
            }

            return count > input.Rank
                ? throw Unsupported($"it normalizes {count} of {input.Rank} dimensions")
                : new Shape([.. Enumerable.Range(input.Rank - count, count).Select(a => input[a])]);
        }

        if (IsDecomposed && Operator != "LpNormalization" && _match.Scale.Tensor is { Count: 1 })
        {
            throw NeedsInput("its γ is one number");
        }

        long[] shape = [.. _match.Scale.IsThere && Operator != "LpNormalization" ? Tensor(_match.Scale, "γ").Shape.SkipWhile((d, axis) => d == 1 && axis < Tensor(_match.Scale, "γ").Shape.Count - count) : throw NeedsInput("it has no γ")];
        return count == shape.Length && !shape.Contains(0)
            ? new Shape([.. shape.Select(d => (int)d)])
            : throw Invalid($"γ of {count} dimensions, none of them 0", $"{_match.Scale.Tensor}");
    }

    private int TrailingCount(int rank)
    {
        if (rank == 0 && _axes.Any(a => a >= 0))
        {
            throw NeedsInput("it counts its axes from the front");
        }

        long[] fromEnd = [.. _axes.Select(a => a < 0 ? -a : rank - a).Order()];
        if (!IsDecomposed && Operator != "LpNormalization")
        {
            return (int)Math.Clamp(fromEnd[0], 0, int.MaxValue);
        }

        return fromEnd.Length > 0 && fromEnd.Index().All(a => a.Item == a.Index + 1)
            ? fromEnd.Length
            : throw Unsupported($"it normalizes over axes [{string.Join(", ", _axes.Take(Shape.MaxRank))}], and the layers here over the last ones");
    }

    // Read before a layer takes memory for as many: a shape without values is cheap to write.
    private float[]? Values(OnnxParameter given, string what, Shape shape)
    {
        if (!given.IsThere)
        {
            return null;
        }

        OnnxTensor tensor = Tensor(given, what);
        if (IsDecomposed && tensor.Count == 1)
        {
            return [.. Enumerable.Repeat(tensor.ReadFloats()[0], shape.Length)];
        }

        long[] own = [.. tensor.Shape.SkipWhile((d, axis) => d == 1 && axis < tensor.Shape.Count - shape.Rank)];
        return own.Length == shape.Rank && own.Index().All(d => d.Item == shape[d.Index])
            ? tensor.ReadFloats()
            : throw Invalid($"{what} of shape {shape}, that of a set", $"{tensor}");
    }

    private float[] Channels(OnnxParameter given, string what)
    {
        OnnxTensor tensor = Tensor(given, what);
        return tensor is { Shape.Count: 1, Count: > 0 } ? tensor.ReadFloats() : throw Invalid($"{what} with a number for each channel", $"{tensor}");
    }

    private void Copy(float[] values, float[] target, string what)
    {
        if (values.Length != target.Length)
        {
            throw Invalid($"{target.Length} numbers as {what}", $"{values.Length}");
        }

        values.CopyTo(target, 0);
    }

    private OnnxTensor Tensor(OnnxParameter given, string what) => given switch
    {
        { Tensor: { } tensor } => new OnnxTensor(tensor),
        { IsThere: false } => throw Invalid($"an input that is {what}", "none"),
        _ => throw Unsupported($"its {what}, {FileText.Shown(given.Name.Span)}, is computed in the graph"),
    };

    private string Shown => $"{Operator} {FileText.Shown(Name)}";

    private InvalidDataException Invalid(string expected, string got) => new($"expected {expected} in {Shown}, got {got}.");

    private NotSupportedException Unsupported(string reason) => new($"{Shown} cannot be made a layer: {reason}.");

    private ArgumentException NeedsInput(string reason, string input = "input") => new($"Expected the shape of what {Shown} normalizes, because {reason}, got none.", input);
}
