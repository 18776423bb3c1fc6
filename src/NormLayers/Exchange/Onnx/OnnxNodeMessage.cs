using System.Text;

namespace NormLayers.Exchange;

/// <summary>A node as the file's bytes: names are slices of them, and attributes are looked up in them.</summary>
internal readonly struct OnnxNodeMessage
{
    public const int FieldInput = 1;
    public const int FieldOutput = 2;

    /// <summary>Of an attribute: a list of floats.</summary>
    public const int FieldFloats = 7;

    /// <summary>Of an attribute: a list of integers.</summary>
    public const int FieldIntegers = 8;

    private const int FieldName = 3;
    private const int FieldOperator = 4;
    private const int FieldAttribute = 5;
    private const int FieldDomain = 7;

    // Of an attribute.
    private const int FieldAttributeName = 1;
    private const int FieldFloat = 2;
    private const int FieldInteger = 3;
    private const int FieldTensor = 5;
    private const int FieldDocumentation = 13;
    private const int FieldType = 20;
    private const long TypeFloat = 1;
    private const long TypeInteger = 2;

    private static readonly ProtobufNumbers s_integers = new(FieldIntegers);
    private static readonly ProtobufNumbers s_floats = new(FieldFloats, sizeof(float));

    // Of the inputs that a normalization may have.
    private readonly ReadOnlyMemory<byte> _input0;
    private readonly ReadOnlyMemory<byte> _input1;
    private readonly ReadOnlyMemory<byte> _input2;
    private readonly ReadOnlyMemory<byte> _input3;
    private readonly ReadOnlyMemory<byte> _input4;

    /// <summary>Reads names, and checks that they are text.</summary>
    /// <exception cref="InvalidDataException">They are not, or the node has no operator.</exception>
    public OnnxNodeMessage(ReadOnlyMemory<byte> message)
    {
        Message = message;
        int outputs = 0;
        for (ProtobufReader node = Reader(message); node.Next();)
        {
            switch (node.Field)
            {
                case FieldInput:
                    ReadOnlyMemory<byte> input = node.Text();
                    switch (InputCount++)
                    {
                        case 0: _input0 = input; break;
                        case 1: _input1 = input; break;
                        case 2: _input2 = input; break;
                        case 3: _input3 = input; break;
                        case 4: _input4 = input; break;
                    }

                    break;
                case FieldOutput:
                    Output = outputs++ == 0 ? node.Text() : Output;
                    NamedOutputs += node.Text().IsEmpty ? 0 : 1;
                    break;
                case FieldName:
                    Name = node.Text();
                    break;
                case FieldOperator:
                    Operator = node.Text();
                    break;
                case FieldDomain:
                    Domain = node.Text();
                    break;
            }
        }

        if (Operator.IsEmpty)
        {
            throw new InvalidDataException("expected an operator in every node, got none.");
        }
    }

    public ReadOnlyMemory<byte> Message { get; }

    /// <summary>The node's name; may be empty.</summary>
    public ReadOnlyMemory<byte> Name { get; }

    public ReadOnlyMemory<byte> Operator { get; }

    public ReadOnlyMemory<byte> Domain { get; }

    /// <summary>How many values go in, also those that are left out.</summary>
    public int InputCount { get; }

    /// <summary>How many values come out.</summary>
    public int NamedOutputs { get; }

    /// <summary>The first value that comes out; empty if there is none.</summary>
    public ReadOnlyMemory<byte> Output { get; }

    /// <summary>Whether the operator is one of ONNX itself.</summary>
    public bool IsStandard => Domain.IsEmpty || Domain.Span.SequenceEqual("ai.onnx"u8);

    /// <summary>Whether the operator is one of ONNX Runtime's own.</summary>
    public bool IsRuntimes => Domain.Span.SequenceEqual("com.microsoft"u8);

    /// <summary>The node's name, or, as names are optional, its output's.</summary>
    public string Label => Encoding.UTF8.GetString((Name.IsEmpty ? Output : Name).Span);

    /// <summary>Whether the operator is this one of ONNX itself.</summary>
    public bool Is(string onnxOperator) => IsStandard && IsNamed(onnxOperator);

    /// <summary>Whether the operator has this name, whoever's it is.</summary>
    public bool IsNamed(string name) => Ascii.Equals(Operator.Span, name);

    /// <summary>One of the first five values that go in; empty if it is left out.</summary>
    public ReadOnlyMemory<byte> Input(int index) => index switch { 0 => _input0, 1 => _input1, 2 => _input2, 3 => _input3, _ => _input4 };

    /// <summary>An integer attribute.</summary>
    /// <exception cref="InvalidDataException">It has another kind of value.</exception>
    public long Integer(string name, long otherwise) => Attribute(name) is { } message ? Number(message, name, FieldInteger, TypeInteger, static r => r.Integer()) : otherwise;

    /// <summary>A float attribute.</summary>
    /// <exception cref="InvalidDataException">It has another kind of value.</exception>
    public float Float(string name, float otherwise) => Attribute(name) is { } message ? Number(message, name, FieldFloat, TypeFloat, static r => r.Float()) : otherwise;

    /// <summary>A tensor attribute; null if there is none of the name.</summary>
    public ReadOnlyMemory<byte>? Tensor(string name)
    {
        ReadOnlyMemory<byte>? last = default(ReadOnlyMemory<byte>?);
        for (ProtobufReader attribute = AttributeReader(Attribute(name) ?? default); attribute.Next();)
        {
            last = attribute.Field == FieldTensor ? attribute.Bytes() : last;
        }

        return last;
    }

    /// <summary>How many integers an attribute has; −1 if there is none of the name.</summary>
    public int CountIntegers(string name) => Attribute(name) is { } message ? s_integers.CheckedCount(AttributeReader(message)) : -1;

    /// <summary>How many floats an attribute has; −1 if there is none of the name.</summary>
    public int CountFloats(string name) => Attribute(name) is { } message ? s_floats.CheckedCount(AttributeReader(message)) : -1;

    /// <summary>Reads the integers of an attribute, as many as <see cref="CountIntegers"/> says.</summary>
    public void ReadIntegers(string name, Span<long> numbers) => s_integers.Read(AttributeReader(Attribute(name) ?? default), numbers);

    /// <summary>Whether there is an attribute of the name.</summary>
    public bool Has(string name) => Attribute(name) is not null;

    public static ProtobufReader Reader(ReadOnlyMemory<byte> message) => new(message, "a node");

    // A writer of protobuf 3 leaves a 0 out, and gives the type alone. Files before version 3 of the format have no types.
    private static T Number<T>(ReadOnlyMemory<byte> message, string name, int field, long type, Func<ProtobufReader, T> read)
        where T : struct
    {
        T? last = null;
        (long ownType, bool hasAnother) = (0, false);
        for (ProtobufReader attribute = AttributeReader(message); attribute.Next();)
        {
            if (attribute.Field == field)
            {
                last = read(attribute);
            }
            else if (attribute.Field == FieldType)
            {
                ownType = attribute.Integer();
            }
            else
            {
                hasAnother |= attribute.Field is >= FieldFloat and < FieldType and not FieldDocumentation;
            }
        }

        return (ownType == 0 || ownType == type) && (last is not null || !hasAnother) ? last ?? default
            : throw new InvalidDataException($"expected {(type == TypeFloat ? "a float" : "an integer")} as the attribute '{name}', got another kind of value.");
    }

    private static ProtobufReader AttributeReader(ReadOnlyMemory<byte> message) => new(message, "an attribute", FieldAttributeName);

    // Looked for in the file's bytes each time: a node has few. A bare null would be converted to an empty memory.
    public ReadOnlyMemory<byte>? Attribute(string name)
    {
        ReadOnlyMemory<byte>? found = default(ReadOnlyMemory<byte>?);
        for (ProtobufReader node = Reader(Message); node.Next();)
        {
            if (node.Field == FieldAttribute && IsNamed(node.Bytes(), name))
            {
                found = found is null ? node.Bytes() : throw new InvalidDataException($"expected different attributes in a node, got '{name}' twice.");
            }
        }

        return found;
    }

    private static bool IsNamed(ReadOnlyMemory<byte> attribute, string name)
    {
        bool isNamed = false;
        for (ProtobufReader reader = AttributeReader(attribute); reader.Next();)
        {
            isNamed = reader.Field == FieldAttributeName ? Ascii.Equals(reader.Bytes().Span, name) : isNamed;
        }

        return isNamed;
    }
}
