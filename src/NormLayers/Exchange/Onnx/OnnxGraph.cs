using System.Buffers.Binary;

namespace NormLayers.Exchange;

/// <summary>The nodes and initializers of an ONNX graph that is being built, with the fields of onnx.proto.</summary>
internal sealed class OnnxGraph
{
    public const int TypeFloat = 1;
    public const int TypeDouble = 11;

    private const int TypeInteger = 7;
    private const int AttributeFloat = 1;
    private const int AttributeInteger = 2;

    private readonly ProtobufMessage _graph = new();
    private readonly HashSet<string> _values = [];

    /// <summary>The opset that has all operators added so far.</summary>
    public int Opset { get; private set; } = 17;

    /// <summary>Adds an operator.</summary>
    /// <param name="type">The operator: <c>Gemm</c>.</param>
    /// <param name="since">The opset that has this form of it.</param>
    /// <param name="name">The node's name.</param>
    /// <param name="documentation">What it is, for people.</param>
    /// <param name="inputs">The values that go in.</param>
    /// <param name="output">The value that comes out.</param>
    /// <param name="attributes">Integers and floats by name.</param>
    /// <returns>The output.</returns>
    public string Node(string type, int since, string name, string documentation, string[] inputs, string output, params (string Name, object Value)[] attributes)
    {
        Opset = Math.Max(Opset, since);
        ProtobufMessage node = new();
        foreach (string input in inputs)
        {
            node.Add(1, input);
        }

        node.Add(2, output).Add(3, FileText.Checked(name, "network")).Add(4, type);
        foreach ((string attribute, object value) in attributes)
        {
            ProtobufMessage message = new ProtobufMessage().Add(1, attribute);
            node.Add(5, value is float number ? message.Add(2, number).Add(20, AttributeFloat) : message.Add(3, (int)value).Add(20, AttributeInteger));
        }

        _graph.Add(1, node.Add(6, documentation));
        return Declare(output);
    }

    /// <summary>Adds a constant tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="values">Its values, row-major.</param>
    /// <returns>The name.</returns>
    public string Initializer(string name, Shape shape, ReadOnlySpan<float> values)
    {
        ProtobufMessage tensor = new();
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            tensor.Add(1, shape[axis]);
        }

        byte[] raw = new byte[values.Length * sizeof(float)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(raw.AsSpan(i * sizeof(float)), values[i]);
        }

        _graph.Add(5, tensor.Add(2, TypeFloat).Add(8, name).Add(9, raw));
        return Declare(name);
    }

    /// <summary>Adds a constant row of doubles.</summary>
    public string Initializer(string name, double[] values)
    {
        byte[] raw = new byte[values.Length * sizeof(double)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(raw.AsSpan(i * sizeof(double)), values[i]);
        }

        _graph.Add(5, new ProtobufMessage().Add(1, values.Length).Add(2, TypeDouble).Add(8, name).Add(9, raw));
        return Declare(name);
    }

    /// <summary>Adds a constant row of integers, such as axes.</summary>
    public string Initializer(string name, long[] values)
    {
        byte[] raw = new byte[values.Length * sizeof(long)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(raw.AsSpan(i * sizeof(long)), values[i]);
        }

        _graph.Add(5, new ProtobufMessage().Add(1, values.Length).Add(2, TypeInteger).Add(8, name).Add(9, raw));
        return Declare(name);
    }

    /// <summary>Takes a name for a value: that of the input, of a constant, or of what a node computes.</summary>
    /// <exception cref="ArgumentException">It is empty, or another value has it.</exception>
    public string Declare(string value)
    {
        if (value.Length == 0 || !_values.Add(FileText.Checked(value, "network")))
        {
            Throw.Argument("options", "different names for input, outputs and the network's values", $"'{value}'{(value.Length == 0 ? "" : " twice")}");
        }

        return value;
    }

    /// <summary>The whole model.</summary>
    /// <param name="options">Names and text.</param>
    /// <param name="input">The shape of the input, (1, …); its first dimension becomes the symbol <c>batch</c>.</param>
    /// <param name="output">The shape of the output, likewise.</param>
    public ProtobufMessage ToModel(OnnxOptions options, Shape input, Shape output)
    {
        _graph.Add(2, options.Name).Add(10, options.Documentation).Add(11, Value(options.Input, input)).Add(12, Value(options.Output, output));
        if (options.Softmax is { } softmax)
        {
            _graph.Add(12, Value(softmax, output));
        }

        // The version of the file format that came with the opset.
        ProtobufMessage model = new ProtobufMessage()
            .Add(1, Opset >= 23 ? 11 : Opset >= 21 ? 10 : Opset >= 19 ? 9 : 8)
            .Add(2, "NormLayers")
            .Add(3, typeof(OnnxGraph).Assembly.GetName().Version!.ToString(3))
            .Add(6, options.Documentation)
            .Add(7, _graph)
            .Add(8, new ProtobufMessage().Add(1, "").Add(2, Opset));
        foreach ((string key, string text) in options.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            model.Add(14, new ProtobufMessage().Add(1, key).Add(2, text));
        }

        return model;
    }

    private static ProtobufMessage Value(string name, Shape shape)
    {
        ProtobufMessage dimensions = new ProtobufMessage().Add(1, new ProtobufMessage().Add(2, "batch"));
        for (int axis = 1; axis < shape.Rank; axis++)
        {
            dimensions.Add(1, new ProtobufMessage().Add(1, shape[axis]));
        }

        ProtobufMessage tensor = new ProtobufMessage().Add(1, TypeFloat).Add(2, dimensions);
        return new ProtobufMessage().Add(1, name).Add(2, new ProtobufMessage().Add(1, tensor));
    }
}
