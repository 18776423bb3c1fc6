using System.Buffers.Binary;

namespace NormLayers.Exchange;

/// <summary>A constant tensor as the file's bytes: name and values are slices of them, decoded where they are read. It is checked that a file's shape has as many values as the file, where these are raw bytes.</summary>
internal readonly struct OnnxTensorMessage
{
    public const int MostDimensions = 64;

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

    private readonly long _type;
    private readonly int _field;
    private readonly bool _isAttribute;
    private readonly bool _isExternal;
    private readonly (int Start, int Length)? _raw;

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

        Int128 count = 1;
        Span<long> shape = Shape(stackalloc long[MostDimensions]);
        foreach (long dimension in shape)
        {
            count *= dimension;
            if (dimension < 0 || count > int.MaxValue)
            {
                throw new InvalidDataException($"expected dimensions of 0 and more and at most {int.MaxValue} elements, got {Shown(shape)}.");
            }
        }

        (_field, Count) = (Row.Field, (int)count);
        int size = TensorNumbers.Size(Type);
        if (_raw is { } raw && size > 0 && raw.Length != (long)Count * size)
        {
            throw new InvalidDataException($"expected {Count} elements of {size} bytes in {this}, got {raw.Length} bytes.");
        }
    }

    // Numbers that are fields of an attribute: one, which is 0 where it is left out and the last where there are more, or a list.
    private OnnxTensorMessage(OnnxNodeMessage node, ReadOnlyMemory<byte> attribute, long type, int field, int? list = null) =>
        (Message, Name, _type, _field, _isAttribute, Rank, Count) = (attribute, node.Output, type, field, true, list is null ? 0 : 1, list ?? 1);

    /// <summary>The tensor that a node Constant gives; null for text, sparse tensors and other nodes.</summary>
    public static OnnxTensorMessage? Of(OnnxNodeMessage node)
    {
        const long Float = 1;
        const long Int64 = 7;
        return !node.Is("Constant") ? null
            : node.Has("value") ? node.Tensor("value") is { } value ? new(value, node.Output) : null
            : node.Attribute("value_float") is { } number ? new(node, number, Float, OnnxNodeMessage.FieldFloat)
            : node.Attribute("value_ints") is { } integers ? new(node, integers, Int64, OnnxNodeMessage.FieldIntegers, node.CountIntegers("value_ints"))
            : node.Attribute("value_int") is { } integer ? new(node, integer, Int64, OnnxNodeMessage.FieldInteger)
            : default(OnnxTensorMessage?);
    }

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
        if (_isAttribute)
        {
            shape.Fill(Count);
            return shape;
        }

        int axis = 0;
        for (ProtobufReader tensor = Reader; axis < Rank && tensor.Next();)
        {
            if (tensor.Field == FieldDimensions)
            {
                int more = tensor.Count(0);
                tensor.ReadIntegers(shape.Slice(axis, more), static d => d);
                axis += more;
            }
        }

        return shape;
    }

    /// <summary>Whether there are as many values as the shape has, in this file.</summary>
    public bool IsComplete
    {
        get
        {
            int count = 0;
            for (ProtobufReader tensor = Reader; !_isExternal && _raw is null && tensor.Next();)
            {
                int more = tensor.Field == _field ? tensor.Count(Row.Size) : 0;
                count = more < 0 ? int.MinValue : count + more;
            }

            return !_isExternal && (_raw is not null || count == Count || (_isAttribute && Rank == 0 && count >= 0));
        }
    }

    /// <summary>The only value, a double rounded to the nearest float; null if there is not one, or it is beyond the numbers here.</summary>
    public double? Number()
    {
        if (Count != 1 || !(IsFloat || IsInteger) || !IsComplete)
        {
            return null;
        }

        switch (Type)
        {
            case NumberType.F64:
                double number = 0;
                Read(new Span<double>(ref number), TensorNumbers.Read, null, static _ => 0);
                return TensorNumbers.IsInRange(number) ? (float)number : null;
            case NumberType.F32 or NumberType.F16 or NumberType.BF16:
                float single = 0;
                Read(new Span<float>(ref single));
                return single;
            case NumberType.U64:
                long bits = 0;
                Read(new Span<long>(ref bits), static (_, bytes, numbers, _) => TensorNumbers.Read(NumberType.I64, bytes, numbers, null), null, static i => i);
                return bits >= 0 ? bits : null;
            default:
                long integer = 0;
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
        Read(values, TensorNumbers.Read, Type == NumberType.U64 ? this : null, Type == NumberType.U64 ? SignedOf(this) : static i => i);

    /// <summary>Checks that there are as many values as the shape has, before memory is taken for them.</summary>
    /// <exception cref="InvalidDataException">There are not, or they are in another file.</exception>
    public void CheckValues()
    {
        if (_isExternal)
        {
            throw new InvalidDataException($"expected the values of {this} in the ONNX file itself, got a reference to another file (external data), which is not read.");
        }

        if (IsComplete)
        {
            return;
        }

        long count = 0;
        for (ProtobufReader tensor = Reader; tensor.Next();)
        {
            count += tensor.Field == _field ? tensor.CheckedCount(Row.Size) : 0;
        }

        throw new InvalidDataException($"expected {Count} values in {this}, got {count}.");
    }

    /// <summary>Type, name and shape: <c>FLOAT 'norm1.weight' [32]</c>.</summary>
    public override string ToString() => Shown(Shape(stackalloc long[Rank]));

    private (string Name, NumberType Type, int Field, int Size) Row => _type >= 0 && _type < s_types.Length ? s_types[_type] : default;

    private ProtobufReader Reader => new(Message, "a tensor");

    private static Func<long, long> SignedOf(OnnxTensorMessage tensor) => bits => TensorNumbers.Signed((ulong)bits, tensor);

    private string Shown(ReadOnlySpan<long> shape) => $"{DataType} {FileText.Shown(Name.Span)} [{string.Join(", ", shape.ToArray())}]";

    private delegate void Decode<T>(NumberType type, ReadOnlySpan<byte> bytes, Span<T> numbers, object? tensor);

    private void Read<T>(Span<T> values, Decode<T> fixedSize, object? tensorInMessages, Func<long, T> anySize)
    {
        CheckValues();
        if (_raw is { } raw)
        {
            fixedSize(Type, Message.Span.Slice(raw.Start, raw.Length), values, tensorInMessages);
            return;
        }

        int read = 0;
        for (ProtobufReader tensor = Reader; tensor.Next();)
        {
            if (tensor.Field != _field)
            {
                continue;
            }

            int more = tensor.Count(Row.Size);
            read = _isAttribute && Rank == 0 ? 0 : read;
            if (Row.Size > 0)
            {
                fixedSize(Type, tensor.Numbers, values.Slice(read, more), tensorInMessages);
            }
            else
            {
                tensor.ReadIntegers(values.Slice(read, more), anySize);
            }

            read += more;
        }
    }
}
