using System.Buffers.Binary;
using System.Text;

namespace NormLayers.Exchange;

/// <summary>A constant tensor of an ONNX file. Its values are decoded when they are read.</summary>
public sealed class OnnxTensor
{
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
    private const int MostDimensions = 64;

    private static readonly string[] s_types =
    [
        "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16",
    ];

    private readonly ReadOnlyMemory<byte> _message;
    private readonly Parts _parts;

    /// <summary>Reads names and dimensions, and checks that values are as many.</summary>
    internal OnnxTensor(ReadOnlyMemory<byte> message, ReadOnlyMemory<byte>? name = null)
    {
        Span<long> shape = stackalloc long[MostDimensions];
        _message = message;
        _parts = Read(message, name, shape);
        (Name, DataType, Shape) = (Text(_parts.Name), TypeName(_parts.Type), _parts.Rank == 0 ? [] : shape[.._parts.Rank].ToArray());
    }

    // A tensor of numbers that a node has as an attribute: the elements, little-endian.
    private OnnxTensor(ReadOnlyMemory<byte> name, string type, byte[] raw, int count, long[] shape) =>
        (Name, DataType, Shape, _message, _parts) = (Text(name), type, shape, raw, new Parts { Count = count, RawLength = raw.Length });

    /// <summary>The tensor that a node Constant gives; null for text, sparse tensors and other nodes.</summary>
    internal static OnnxTensor? Of(OnnxNodeMessage node)
    {
        if (!node.Is("Constant"))
        {
            return null;
        }

        if (node.Has("value"))
        {
            return node.Tensor("value") is { } value ? new OnnxTensor(value, node.Output) : null;
        }

        // One number is a field of the attribute; as a tensor it has the same bits.
        if (node.Has("value_float"))
        {
            byte[] raw = new byte[sizeof(float)];
            BinaryPrimitives.WriteSingleLittleEndian(raw, node.Float("value_float", 0));
            return new OnnxTensor(node.Output, "FLOAT", raw, 1, []);
        }

        long[]? integers = node.Integers("value_ints");
        if (integers is null && !node.Has("value_int"))
        {
            return null;
        }

        long[] numbers = integers ?? [node.Integer("value_int", 0)];
        byte[] bytes = new byte[numbers.Length * sizeof(long)];
        for (int i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), numbers[i]);
        }

        return new OnnxTensor(node.Output, "INT64", bytes, numbers.Length, integers is null ? [] : [numbers.Length]);
    }

    /// <summary>Whether a node is a Constant that gives a tensor, which is checked and not made.</summary>
    internal static bool IsGivenBy(OnnxNodeMessage node)
    {
        if (node.Is("Constant") && node.Has("value"))
        {
            return node.Tensor("value") is { } value && NameOf(value, node.Output).Length >= 0;
        }

        return node.Is("Constant") && (node.Has("value_float") || node.Has("value_int") || node.Has("value_ints"));
    }

    /// <summary>Checks a tensor without making it an object; returns its name.</summary>
    internal static ReadOnlyMemory<byte> NameOf(ReadOnlyMemory<byte> message, ReadOnlyMemory<byte>? name = null) => Read(message, name, stackalloc long[MostDimensions]).Name;

    /// <summary>The name: that of the value in the graph.</summary>
    public string Name { get; }

    /// <summary>The type of an element as the format names it: <c>FLOAT</c>, <c>BFLOAT16</c>, <c>INT64</c>.</summary>
    public string DataType { get; }

    /// <summary>Whether <see cref="ReadFloats"/> reads it: FLOAT, DOUBLE, FLOAT16, BFLOAT16.</summary>
    public bool IsFloat => IsFloatName(DataType);

    /// <summary>Whether <see cref="ReadIntegers"/> reads it: INT8 to INT64, UINT8 to UINT64, BOOL.</summary>
    public bool IsInteger => DataType is "INT64" or "INT32" or "INT16" or "INT8" or "UINT64" or "UINT32" or "UINT16" or "UINT8" or "BOOL";

    /// <summary>The dimensions, outermost first; empty for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements.</summary>
    public int Count => _parts.Count;

    /// <summary>Whether a number of the format, as in a Cast, is one of the types that <see cref="IsFloat"/> is true for.</summary>
    internal static bool IsFloatType(long type) => type >= 0 && type < s_types.Length && IsFloatName(s_types[type]);

    private static bool IsFloatName(string type) => type is "FLOAT" or "DOUBLE" or "FLOAT16" or "BFLOAT16";

    private static string TypeName(long type) => type >= 0 && type < s_types.Length ? s_types[type] : FormattableString.Invariant($"type {type}");

    private static int? ElementBytes(string type) => type switch
    {
        "INT8" or "UINT8" or "BOOL" => 1,
        "FLOAT16" or "BFLOAT16" or "INT16" or "UINT16" => 2,
        "FLOAT" or "INT32" or "UINT32" => 4,
        "DOUBLE" or "INT64" or "UINT64" => 8,
        _ => null,
    };

    /// <summary>Reads a tensor of FLOAT, DOUBLE, FLOAT16 or BFLOAT16.</summary>
    /// <returns>Its values, row-major: FLOAT with its bits, FLOAT16 and BFLOAT16 exactly, DOUBLE rounded to the nearest float.</returns>
    /// <exception cref="InvalidDataException">Another type, another number of values than the shape has, values that are in another file, or a DOUBLE beyond the range of floats.</exception>
    public float[] ReadFloats() => DataType switch
    {
        "FLOAT" => Read(FieldFloats, sizeof(float), BinaryPrimitives.ReadSingleLittleEndian),
        "DOUBLE" => Read(FieldDoubles, sizeof(double), b => TensorNumbers.Narrow(BinaryPrimitives.ReadDoubleLittleEndian(b), this)),
        "FLOAT16" => IsRaw ? ReadRaw(sizeof(short), b => (float)BinaryPrimitives.ReadHalfLittleEndian(b)) : ReadIntegers(FieldInt32, bits => (float)BitConverter.Int16BitsToHalf((short)bits)),
        "BFLOAT16" => IsRaw ? ReadRaw(sizeof(short), b => TensorNumbers.OfBFloat16(BinaryPrimitives.ReadInt16LittleEndian(b))) : ReadIntegers(FieldInt32, bits => TensorNumbers.OfBFloat16((short)bits)),
        _ => throw new InvalidDataException($"expected a tensor of FLOAT, DOUBLE, FLOAT16 or BFLOAT16, got {this}."),
    };

    /// <summary>Reads a tensor of integers of 8 to 64 bits, or of truth values as 0 and 1.</summary>
    /// <returns>Its values, row-major.</returns>
    /// <exception cref="InvalidDataException">Another type, another number of values than the shape has, values that are in another file, or a UINT64 above 2⁶³ − 1.</exception>
    public long[] ReadIntegers() => DataType switch
    {
        "INT64" => IsRaw ? ReadRaw(sizeof(long), BinaryPrimitives.ReadInt64LittleEndian) : ReadIntegers(FieldInt64, i => i),
        "UINT64" => IsRaw ? ReadRaw(sizeof(long), b => TensorNumbers.Signed(BinaryPrimitives.ReadUInt64LittleEndian(b), this)) : ReadIntegers(FieldUInt64, bits => TensorNumbers.Signed((ulong)bits, this)),
        "UINT32" => IsRaw ? ReadRaw(sizeof(uint), b => (long)BinaryPrimitives.ReadUInt32LittleEndian(b)) : ReadIntegers(FieldUInt64, i => i),
        "INT32" => IsRaw ? ReadRaw(sizeof(int), b => (long)BinaryPrimitives.ReadInt32LittleEndian(b)) : ReadIntegers(FieldInt32, i => i),
        "INT16" => IsRaw ? ReadRaw(sizeof(short), b => (long)BinaryPrimitives.ReadInt16LittleEndian(b)) : ReadIntegers(FieldInt32, i => i),
        "UINT16" => IsRaw ? ReadRaw(sizeof(ushort), b => (long)BinaryPrimitives.ReadUInt16LittleEndian(b)) : ReadIntegers(FieldInt32, i => i),
        "INT8" => IsRaw ? ReadRaw(1, b => (long)(sbyte)b[0]) : ReadIntegers(FieldInt32, i => i),
        "UINT8" or "BOOL" => IsRaw ? ReadRaw(1, b => (long)b[0]) : ReadIntegers(FieldInt32, i => i),
        _ => throw new InvalidDataException($"expected a tensor of integers, got {this}."),
    };

    /// <summary>Type, name and shape: <c>FLOAT 'norm1.weight' [32]</c>.</summary>
    public override string ToString() => Shown(DataType, Name, Shape);

    private static string Shown(string type, string name, IEnumerable<long> shape) => $"{type} {SafetensorsHeader.Printable(name)} [{string.Join(", ", shape)}]";

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private static ProtobufReader Reader(ReadOnlyMemory<byte> message) => new(message, "a tensor");

    private bool IsRaw => _parts.RawLength >= 0;

    private static Parts Read(ReadOnlyMemory<byte> message, ReadOnlyMemory<byte>? name, scoped Span<long> shape)
    {
        Parts parts = new() { Name = name ?? default, RawLength = -1 };
        for (ProtobufReader tensor = Reader(message); tensor.Next();)
        {
            switch (tensor.Field)
            {
                case FieldDimensions:
                    parts.Rank += tensor.CountIntegers();
                    break;
                case FieldType:
                    parts.Type = tensor.Integer();
                    break;
                case FieldName when name is null:
                    parts.Name = tensor.Text();
                    break;
                case FieldRaw:
                    parts.RawLength = tensor.Bytes().Length;
                    parts.RawStart = message.Length - tensor.Left - parts.RawLength;
                    break;
                case FieldLocation:
                    parts.IsExternal = tensor.Integer() == 1;
                    break;
            }
        }

        if (parts.Rank > MostDimensions)
        {
            throw new InvalidDataException($"expected at most {MostDimensions} dimensions in {Shown(TypeName(parts.Type), Text(parts.Name), [])}, got {parts.Rank}.");
        }

        int axis = 0;
        for (ProtobufReader tensor = Reader(message); axis < parts.Rank && tensor.Next();)
        {
            if (tensor.Field == FieldDimensions)
            {
                int more = tensor.CountIntegers();
                tensor.ReadIntegers(shape.Slice(axis, more), static d => d);
                axis += more;
            }
        }

        Int128 count = 1;
        foreach (long dimension in shape[..parts.Rank])
        {
            count *= dimension;
            if (dimension < 0 || count > int.MaxValue)
            {
                throw new InvalidDataException($"expected dimensions of 0 and more and at most {int.MaxValue} elements, got {Shown(TypeName(parts.Type), Text(parts.Name), shape[..parts.Rank].ToArray())}.");
            }
        }

        parts.Count = (int)count;
        if (parts.RawLength >= 0 && parts.Type >= 0 && parts.Type < s_types.Length && ElementBytes(s_types[parts.Type]) is { } size && parts.RawLength != (long)count * size)
        {
            throw new InvalidDataException($"expected {parts.Count} elements of {size} bytes in {Shown(TypeName(parts.Type), Text(parts.Name), shape[..parts.Rank].ToArray())}, got {parts.RawLength} bytes.");
        }

        return parts;
    }

    private T[] Read<T>(int field, int size, Func<ReadOnlySpan<byte>, T> decode)
    {
        if (IsRaw)
        {
            return ReadRaw(size, decode);
        }

        int count = 0;
        for (ProtobufReader tensor = Reader(_message); tensor.Next();)
        {
            count += tensor.Field == field ? tensor.CountFixed(size) : 0;
        }

        T[] values = Counted<T>(count);
        count = 0;
        for (ProtobufReader tensor = Reader(_message); tensor.Next();)
        {
            if (tensor.Field == field)
            {
                int more = tensor.CountFixed(size);
                tensor.ReadFixed(values.AsSpan(count, more), size, decode);
                count += more;
            }
        }

        return values;
    }

    private T[] ReadIntegers<T>(int field, Func<long, T> decode)
    {
        int count = 0;
        for (ProtobufReader tensor = Reader(_message); tensor.Next();)
        {
            count += tensor.Field == field ? tensor.CountIntegers() : 0;
        }

        return ReadIntegers(field, Counted<T>(count), decode);
    }

    private T[] ReadIntegers<T>(int field, T[] values, Func<long, T> decode)
    {
        int count = 0;
        for (ProtobufReader tensor = Reader(_message); tensor.Next();)
        {
            if (tensor.Field == field)
            {
                int more = tensor.CountIntegers();
                tensor.ReadIntegers(values.AsSpan(count, more), decode);
                count += more;
            }
        }

        return values;
    }

    private T[] ReadRaw<T>(int size, Func<ReadOnlySpan<byte>, T> decode)
    {
        CheckInside();
        ReadOnlySpan<byte> raw = _message.Span.Slice(_parts.RawStart, _parts.RawLength);
        T[] values = new T[Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = decode(raw.Slice(i * size, size));
        }

        return values;
    }

    // Memory is taken for values that have been counted.
    private T[] Counted<T>(int count)
    {
        CheckInside();
        return count == Count ? new T[count] : throw new InvalidDataException($"expected {Count} values in {this}, got {count}.");
    }

    private void CheckInside()
    {
        if (_parts.IsExternal)
        {
            throw new InvalidDataException($"expected the values of {this} in the ONNX file itself, got a reference to another file (external data), which is not read.");
        }
    }

    private struct Parts
    {
        public ReadOnlyMemory<byte> Name;
        public long Type;
        public int Rank;
        public int Count;
        public int RawStart;
        public int RawLength;
        public bool IsExternal;
    }
}
