using System.Buffers.Binary;

namespace NormLayers.Exchange;

/// <summary>A constant tensor as the file's bytes: name and values are slices of them, decoded where they are read. It is checked that a file's shape has as many values as the file, where these are raw bytes.</summary>
internal readonly struct OnnxTensorMessage
{
    public const int MostDimensions = 64;

    private const long TypeFloat = 1;
    private const long TypeInt64 = 7;

    private const int FieldDimensions = 1;
    private const int FieldType = 2;
    private const int FieldFloats = 4;
    private const int FieldInt32 = 5;
    private const int FieldInt64 = 7;
    private const int FieldName = 8;
    private const int FieldRaw = 9;
    private const int FieldDoubles = 10;
    private const int FieldUInt64 = 11;
    private const int FieldLocation = 14;

    // By the format's number of the type: its name, what it is here, the field of its values, and the bytes of a number there, 0 for integers of any length.
    private static readonly (string Name, NumberType Type, int Field, int Size)[] s_types =
    [
        ("UNDEFINED", NumberType.Other, 0, 0),
        ("FLOAT", NumberType.F32, FieldFloats, sizeof(float)),
        ("UINT8", NumberType.U8, FieldInt32, 0),
        ("INT8", NumberType.I8, FieldInt32, 0),
        ("UINT16", NumberType.U16, FieldInt32, 0),
        ("INT16", NumberType.I16, FieldInt32, 0),
        ("INT32", NumberType.I32, FieldInt32, 0),
        ("INT64", NumberType.I64, FieldInt64, 0),
        ("STRING", NumberType.Other, 0, 0),
        ("BOOL", NumberType.Boolean, FieldInt32, 0),
        ("FLOAT16", NumberType.F16, FieldInt32, 0),
        ("DOUBLE", NumberType.F64, FieldDoubles, sizeof(double)),
        ("UINT32", NumberType.U32, FieldUInt64, 0),
        ("UINT64", NumberType.U64, FieldUInt64, 0),
        ("COMPLEX64", NumberType.Other, 0, 0),
        ("COMPLEX128", NumberType.Other, 0, 0),
        ("BFLOAT16", NumberType.BF16, FieldInt32, 0),
    ];

    private static readonly ProtobufNumbers s_dimensions = new(FieldDimensions);

    private readonly long _type;
    private readonly bool _isExternal;
    private readonly (int Start, int Length)? _raw;

    // Of an attribute that has numbers itself: the field of a list, or the bits of one number.
    private readonly int? _list;
    private readonly long? _number;

    /// <summary>Reads name, type and dimensions.</summary>
    /// <exception cref="InvalidDataException">They are damaged, or raw bytes are not as many as the shape has.</exception>
    public OnnxTensorMessage(ReadOnlyMemory<byte> message, ReadOnlyMemory<byte>? name = null)
    {
        (Message, Name) = (message, name ?? default);
        for (ProtobufReader tensor = Reader; tensor.Next();)
        {
            switch (tensor.Field)
            {
                case FieldDimensions:
                    Rank += tensor.CheckedCount(0);
                    break;
                case FieldType:
                    _type = tensor.Integer();
                    break;
                case FieldName when name is null:
                    Name = tensor.Text();
                    break;
                case FieldRaw:
                    int length = tensor.Bytes().Length;
                    _raw = (message.Length - tensor.Left - length, length);
                    break;
                case FieldLocation:
                    _isExternal = tensor.Integer() == 1;
                    break;
            }
        }

        if (Rank > MostDimensions)
        {
            throw new InvalidDataException($"expected at most {MostDimensions} dimensions in {Shown([])}, got {Rank}.");
        }

        Span<long> shape = Shape(stackalloc long[MostDimensions]);
        Int128 count = shape.Contains(0) ? 0 : 1;
        foreach (long dimension in shape)
        {
            count *= dimension;
            if (dimension < 0 || count > int.MaxValue)
            {
                throw new InvalidDataException($"expected dimensions of 0 and more and at most {int.MaxValue} elements, got {Shown(shape)}.");
            }
        }

        Count = (int)count;
        int size = TensorNumbers.Size(Type);
        if (_raw is { } raw && size > 0 && raw.Length != (long)Count * size)
        {
            throw new InvalidDataException($"expected {Count} elements of {size} bytes in {this}, got {raw.Length} bytes.");
        }
    }

    private OnnxTensorMessage(OnnxNodeMessage node, long type, long number) => (Name, _type, _number, Count) = (node.Output, type, number, 1);

    private OnnxTensorMessage(OnnxNodeMessage node, ReadOnlyMemory<byte> attribute, long type, int field, int count) =>
        (Message, Name, _type, _list, Rank, Count) = (attribute, node.Output, type, field, 1, count);

    /// <summary>The tensor that a node Constant gives; null for text, sparse tensors and other nodes.</summary>
    public static OnnxTensorMessage? Of(OnnxNodeMessage node) =>
        !node.Is("Constant") ? null
        : node.Has("value") ? (node.Tensor("value") is { } value ? new(value, node.Output) : null)
        : node.Has("value_float") ? new(node, TypeFloat, BitConverter.SingleToInt32Bits(node.Float("value_float", 0)))
        : node.Attribute("value_ints") is { } integers ? new(node, integers, TypeInt64, OnnxNodeMessage.FieldIntegers, node.CountIntegers("value_ints"))
        : node.Attribute("value_floats") is { } floats ? new(node, floats, TypeFloat, OnnxNodeMessage.FieldFloats, node.CountFloats("value_floats"))
        : node.Has("value_int") ? new(node, TypeInt64, node.Integer("value_int", 0))
        : default(OnnxTensorMessage?);

    /// <summary>Whether a number of the format, as in a Cast, is a type of floats.</summary>
    public static bool IsFloatType(long type) => type >= 0 && type < s_types.Length && TensorNumbers.IsFloat(s_types[type].Type);

    public ReadOnlyMemory<byte> Message { get; }

    public ReadOnlyMemory<byte> Name { get; }

    public NumberType Type => Row.Type;

    /// <summary>The type of an element as the format names it.</summary>
    public string DataType => Row.Name ?? FormattableString.Invariant($"type {_type}");

    public bool IsFloat => TensorNumbers.IsFloat(Type);

    public bool IsInteger => TensorNumbers.IsInteger(Type);

    /// <summary>The number of elements.</summary>
    public int Count { get; }

    /// <summary>The number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>The dimensions, outermost first.</summary>
    /// <param name="shape">Where to; they are its beginning.</param>
    public Span<long> Shape(Span<long> shape)
    {
        shape = shape[..Rank];
        shape.Fill(Count);
        if (_list is null)
        {
            s_dimensions.Read(Reader, shape);
        }

        return shape;
    }

    /// <summary>Whether there are as many values as the shape has, in this file.</summary>
    public bool IsComplete => !_isExternal && (_raw is not null || _number is not null || Values.Count(Reader) == Count);

    /// <summary>The only value, a double rounded to the nearest float; null if there is not one, or it is beyond the numbers here.</summary>
    public double? Number()
    {
        if (Count != 1 || !IsComplete)
        {
            return null;
        }

        (double number, float single, long integer) = (0, 0, 0);
        switch (Type)
        {
            case NumberType.F64:
                Read(new Span<double>(ref number), TensorNumbers.Read, null, static _ => 0);
                return TensorNumbers.IsInRange(number) ? (float)number : null;
            case NumberType.F32 or NumberType.F16 or NumberType.BF16:
                Read(new Span<float>(ref single));
                return single;
            case NumberType.U64:
                Read(new Span<long>(ref integer), static (_, bytes, numbers, _) => TensorNumbers.Read(NumberType.I64, bytes, numbers, null), null, static i => i);
                return integer >= 0 ? integer : null;
            case NumberType.Other:
                return null;
            default:
                Read(new Span<long>(ref integer));
                return integer;
        }
    }

    /// <summary>Reads floats.</summary>
    /// <param name="values">Where to; as many as <see cref="Count"/>.</param>
    /// <exception cref="InvalidDataException">Another number of values than the shape has, values that are in another file, or one beyond the range of floats.</exception>
    public void Read(Span<float> values) => Read(
        values,
        TensorNumbers.Read,
        Type == NumberType.F64 ? this : null,
        Type == NumberType.F16 ? static bits => (float)BitConverter.Int16BitsToHalf((short)bits) : static bits => TensorNumbers.OfBFloat16((short)bits));

    /// <summary>Reads integers.</summary>
    /// <param name="values">Where to; as many as <see cref="Count"/>.</param>
    /// <exception cref="InvalidDataException">Another number of values than the shape has, values that are in another file, or one above 2⁶³ − 1.</exception>
    public void Read(Span<long> values) =>
        Read(values, TensorNumbers.Read, Type == NumberType.U64 ? this : null, Type switch
        {
            NumberType.U64 => SignedOf(this),
            NumberType.Boolean => static i => i == 0 ? 0 : 1,
            _ => static i => i,
        });

    /// <summary>Checks that there are as many values as the shape has, before memory is taken for them.</summary>
    /// <exception cref="InvalidDataException">There are not, or they are in another file.</exception>
    public void CheckValues()
    {
        if (_isExternal)
        {
            throw new InvalidDataException($"expected the values of {this} in the ONNX file itself, got a reference to another file (external data), which is not read.");
        }

        if (!IsComplete)
        {
            throw new InvalidDataException($"expected {Count} values in {this}, got {Values.CheckedCount(Reader)}.");
        }
    }

    /// <summary>Type, name and shape: <c>FLOAT 'norm1.weight' [32]</c>.</summary>
    public override string ToString() => Shown(Shape(stackalloc long[Rank]));

    private (string Name, NumberType Type, int Field, int Size) Row => _type >= 0 && _type < s_types.Length ? s_types[_type] : default;

    private ProtobufNumbers Values => new(_list ?? Row.Field, Row.Size);

    private ProtobufReader Reader => new(Message, "a tensor");

    private static Func<long, long> SignedOf(OnnxTensorMessage tensor) => bits => TensorNumbers.Signed((ulong)bits, tensor);

    private string Shown(ReadOnlySpan<long> shape) => $"{DataType} {FileText.Shown(Name.Span)} [{string.Join(", ", shape.ToArray())}]";

    private void Read<T>(Span<T> values, TensorNumbers.Decode<T> decode, object? tensorInMessages, Func<long, T> ofInteger)
    {
        CheckValues();
        if (_number is { } number)
        {
            Span<byte> bits = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(bits, number);
            decode(Type, bits, values, tensorInMessages);
        }
        else if (_raw is { } raw)
        {
            decode(Type, Message.Span.Slice(raw.Start, raw.Length), values, tensorInMessages);
        }
        else
        {
            for (ProtobufReader tensor = Reader; tensor.Next();)
            {
                if (tensor.Field == (_list ?? Row.Field))
                {
                    Span<T> some = values[..tensor.Count(Row.Size)];
                    if (Row.Size > 0)
                    {
                        decode(Type, tensor.Numbers, some, tensorInMessages);
                    }
                    else
                    {
                        tensor.ReadIntegers(some, ofInteger);
                    }

                    values = values[some.Length..];
                }
            }
        }
    }
}
