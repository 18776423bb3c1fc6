using System.Buffers.Binary;
using System.Text;

namespace NormLayers.Exchange;

/// <summary>A node of an ONNX graph: an operator with the names of the values that go in and come out.</summary>
public sealed class OnnxNode
{
    private const int FieldAttribute = 5;
    private const int FieldIntegers = 8;

    private readonly ReadOnlyMemory<byte> _message;

    internal OnnxNode(ReadOnlyMemory<byte> message)
    {
        _message = message;
        (int inputs, int outputs) = (0, 0);
        for (ProtobufReader counted = Reader(message); counted.Next();)
        {
            inputs += counted.Field == 1 ? 1 : 0;
            outputs += counted.Field == 2 ? 1 : 0;
        }

        (string[] ins, string[] outs) = (inputs == 0 ? [] : new string[inputs], outputs == 0 ? [] : new string[outputs]);
        (inputs, outputs) = (0, 0);
        ProtobufReader node = Reader(message);
        while (node.Next())
        {
            switch (node.Field)
            {
                case 1:
                    ins[inputs++] = node.Text();
                    break;
                case 2:
                    outs[outputs++] = node.Text();
                    break;
                case 3:
                    Name = node.Text();
                    break;
                case 4:
                    Operator = node.Text();
                    break;
                case 7:
                    Domain = node.Text();
                    break;
            }
        }

        (Inputs, Outputs) = (ins, outs);
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

        int count = 0;
        for (ProtobufReader attribute = AttributeReader(message); attribute.Next();)
        {
            count += attribute.Field == FieldIntegers ? attribute.CountIntegers() : 0;
        }

        long[] numbers = new long[count];
        count = 0;
        for (ProtobufReader attribute = AttributeReader(message); attribute.Next();)
        {
            if (attribute.Field == FieldIntegers)
            {
                int more = attribute.CountIntegers();
                attribute.ReadIntegers(numbers.AsSpan(count, more), i => i);
                count += more;
            }
        }

        return numbers;
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
            return new OnnxTensor(Output, "FLOAT", [], raw);
        }

        long[]? integers = Integers("value_ints");
        if (integers is null && Attribute("value_int") is null)
        {
            return null;
        }

        long[] numbers = integers ?? [Integer("value_int", 0)];
        byte[] bytes = new byte[numbers.Length * sizeof(long)];
        for (int i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), numbers[i]);
        }

        return new OnnxTensor(Output, "INT64", integers is null ? [] : [numbers.Length], bytes);
    }

    private static T Last<T>(ReadOnlyMemory<byte> message, int field, Func<ProtobufReader, T> read, T otherwise)
    {
        T last = otherwise;
        ProtobufReader attribute = AttributeReader(message);
        while (attribute.Next())
        {
            last = attribute.Field == field ? read(attribute) : last;
        }

        return last;
    }

    private static ProtobufReader Reader(ReadOnlyMemory<byte> message) => new(message, "a node");

    private static ProtobufReader AttributeReader(ReadOnlyMemory<byte> message) => new(message, "an attribute", nameField: 1);

    // Looked for in the file's bytes each time: a node has few. A bare null would be converted to an empty memory.
    private ReadOnlyMemory<byte>? Attribute(string name)
    {
        ReadOnlyMemory<byte>? found = default(ReadOnlyMemory<byte>?);
        for (ProtobufReader node = Reader(_message); node.Next();)
        {
            if (node.Field == FieldAttribute && IsNamed(node.Bytes(), name))
            {
                found = found is null ? node.Bytes() : throw new InvalidDataException($"expected different attributes in a node, got {SafetensorsHeader.Printable(name)} twice.");
            }
        }

        return found;
    }

    private static bool IsNamed(ReadOnlyMemory<byte> attribute, string name)
    {
        bool isNamed = false;
        for (ProtobufReader reader = AttributeReader(attribute); reader.Next();)
        {
            isNamed = reader.Field == 1 ? Ascii.Equals(reader.Bytes().Span, name) : isNamed;
        }

        return isNamed;
    }
}
