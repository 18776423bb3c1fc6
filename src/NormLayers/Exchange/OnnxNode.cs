using System.Buffers.Binary;

namespace NormLayers.Exchange;

/// <summary>A node of an ONNX graph: an operator with the names of the values that go in and come out.</summary>
public sealed class OnnxNode
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _attributes = [];

    internal OnnxNode(ReadOnlyMemory<byte> message)
    {
        (List<string> inputs, List<string> outputs) = ([], []);
        ProtobufReader node = new(message, "a node");
        while (node.Next())
        {
            switch (node.Field)
            {
                case 1:
                    inputs.Add(node.Text());
                    break;
                case 2:
                    outputs.Add(node.Text());
                    break;
                case 3:
                    Name = node.Text();
                    break;
                case 4:
                    Operator = node.Text();
                    break;
                case 5:
                    AddAttribute(node.Bytes());
                    break;
                case 7:
                    Domain = node.Text();
                    break;
            }
        }

        (Inputs, Outputs) = (inputs, outputs);
        if (Operator.Length == 0)
        {
            throw new InvalidDataException("expected an operator in every node, got none.");
        }
    }

    /// <summary>The values that go in, in the operator's order; an empty name for one that is left out.</summary>
    public IReadOnlyList<string> Inputs { get; }

    /// <summary>The values that come out, likewise.</summary>
    public IReadOnlyList<string> Outputs { get; }

    /// <summary>The node's name; may be empty.</summary>
    public string Name { get; } = "";

    /// <summary>The operator: <c>MatMul</c>.</summary>
    public string Operator { get; } = "";

    /// <summary>Whose operator it is: empty or <c>ai.onnx</c> for ONNX's own.</summary>
    public string Domain { get; } = "";

    /// <summary>Whether the operator is one of ONNX itself.</summary>
    internal bool IsStandard => Domain is "" or "ai.onnx";

    /// <summary>Whether the operator is one of ONNX Runtime's own.</summary>
    internal bool IsRuntimes => Domain == "com.microsoft";

    /// <summary>The first value that comes out; empty if there is none.</summary>
    internal string Output => Outputs.Count > 0 ? Outputs[0] : "";

    /// <summary>The node's name, or, as names are optional, its output's.</summary>
    internal string Label => Name.Length > 0 ? Name : Output;

    /// <summary>A value that goes in; empty if it is left out.</summary>
    internal string Input(int index) => index < Inputs.Count ? Inputs[index] : "";

    /// <summary>An integer attribute.</summary>
    internal long Integer(string name, long otherwise) => Attribute(name) is { } message ? Last(message, 3, r => r.Integer(), otherwise) : otherwise;

    /// <summary>A float attribute.</summary>
    internal float Float(string name, float otherwise) => Attribute(name) is { } message ? Last(message, 2, r => r.Float(), otherwise) : otherwise;

    /// <summary>Integers of an attribute; null if there is none of the name.</summary>
    internal long[]? Integers(string name)
    {
        if (Attribute(name) is not { } message)
        {
            return null;
        }

        List<long> numbers = [];
        ProtobufReader attribute = Reader(message);
        while (attribute.Next())
        {
            if (attribute.Field == 8)
            {
                attribute.AddIntegers(numbers);
            }
        }

        return [.. numbers];
    }

    /// <summary>The tensor that a node Constant gives; null for text, sparse tensors and other nodes.</summary>
    internal OnnxTensor? Constant()
    {
        if (Operator != "Constant" || !IsStandard)
        {
            return null;
        }

        if (Attribute("value") is { } value)
        {
            return Last(value, 5, r => new OnnxTensor(r.Bytes(), Output), null);
        }

        // One number is a field of the attribute; as a tensor it has the same bits.
        if (Attribute("value_float") is not null)
        {
            byte[] raw = new byte[sizeof(float)];
            BinaryPrimitives.WriteSingleLittleEndian(raw, Float("value_float", 0));
            return new OnnxTensor(new ProtobufMessage().Add(2, 1).Add(9, raw).Bytes.ToArray(), Output);
        }

        if (Attribute("value_int") is not null || Attribute("value_ints") is not null)
        {
            long[] numbers = Integers("value_ints") ?? [Integer("value_int", 0)];
            ProtobufMessage tensor = new ProtobufMessage().Add(2, 7);
            if (Attribute("value_ints") is not null)
            {
                tensor.Add(1, numbers.Length);
            }

            foreach (long number in numbers)
            {
                tensor.Add(7, number);
            }

            return new OnnxTensor(tensor.Bytes.ToArray(), Output);
        }

        return null;
    }

    private static T Last<T>(ReadOnlyMemory<byte> message, int field, Func<ProtobufReader, T> read, T otherwise)
    {
        T last = otherwise;
        ProtobufReader attribute = Reader(message);
        while (attribute.Next())
        {
            last = attribute.Field == field ? read(attribute) : last;
        }

        return last;
    }

    private static ProtobufReader Reader(ReadOnlyMemory<byte> message) => new(message, "an attribute");

    // A bare null would be converted to an empty memory.
    private ReadOnlyMemory<byte>? Attribute(string name) => _attributes.TryGetValue(name, out ReadOnlyMemory<byte> message) ? message : default(ReadOnlyMemory<byte>?);

    private void AddAttribute(ReadOnlyMemory<byte> message)
    {
        string name = Last(message, 1, r => r.Text(), "");
        if (!_attributes.TryAdd(name, message))
        {
            throw new InvalidDataException($"expected different attributes in a node, got {SafetensorsHeader.Printable(name)} twice.");
        }
    }
}
