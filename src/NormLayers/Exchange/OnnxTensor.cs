using System.Buffers.Binary;

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
    private readonly ReadOnlyMemory<byte>? _raw;
    private readonly bool _isExternal;

    /// <summary>Reads names and dimensions, and checks that values are as many.</summary>
    internal OnnxTensor(ReadOnlyMemory<byte> message, string? name = null)
    {
        _message = message;
        Name = name ?? "";
        List<long> shape = [];
        ProtobufReader tensor = Reader();
        while (tensor.Next())
        {
            switch (tensor.Field)
            {
                case FieldDimensions:
                    tensor.AddIntegers(shape);
                    break;
                case FieldType:
                    long type = tensor.Integer();
                    DataType = type >= 0 && type < s_types.Length ? s_types[type] : FormattableString.Invariant($"type {type}");
                    break;
                case FieldName when name is null:
                    Name = tensor.Text();
                    break;
                case FieldRaw:
                    _raw = tensor.Bytes();
                    break;
                case FieldLocation:
                    _isExternal = tensor.Integer() == 1;
                    break;
            }
        }

        Shape = shape;
        Int128 count = 1;
        foreach (long dimension in shape)
        {
            count *= dimension;
            if (dimension < 0 || count > int.MaxValue || shape.Count > MostDimensions)
            {
                throw new InvalidDataException($"expected at most {MostDimensions} dimensions of 0 and more and at most {int.MaxValue} elements, got {this}.");
            }
        }

        Count = (int)count;
        if (_raw is { } raw && ElementBytes is { } size && raw.Length != (long)Count * size)
        {
            throw new InvalidDataException($"expected {Count} elements of {size} bytes in {this}, got {raw.Length} bytes.");
        }
    }

    /// <summary>The name: that of the value in the graph.</summary>
    public string Name { get; }

    /// <summary>The type of an element as the format names it: <c>FLOAT</c>, <c>BFLOAT16</c>, <c>INT64</c>.</summary>
    public string DataType { get; } = "UNDEFINED";

    /// <summary>Whether <see cref="ReadFloats"/> reads it: FLOAT, DOUBLE, FLOAT16, BFLOAT16.</summary>
    public bool IsFloat => IsFloatName(DataType);

    /// <summary>Whether <see cref="ReadIntegers"/> reads it: INT8 to INT64, UINT8 to UINT64, BOOL.</summary>
    public bool IsInteger => DataType is "INT64" or "INT32" or "INT16" or "INT8" or "UINT64" or "UINT32" or "UINT16" or "UINT8" or "BOOL";

    /// <summary>The dimensions, outermost first; empty for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements.</summary>
    public int Count { get; }

    /// <summary>Whether a number of the format, as in a Cast, is one of the types that <see cref="IsFloat"/> is true for.</summary>
    internal static bool IsFloatType(long type) => type >= 0 && type < s_types.Length && IsFloatName(s_types[type]);

    private static bool IsFloatName(string type) => type is "FLOAT" or "DOUBLE" or "FLOAT16" or "BFLOAT16";

    private int? ElementBytes => DataType switch
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
        "FLOAT16" => _raw is null ? Convert(bits => (float)BitConverter.Int16BitsToHalf(bits)) : ReadRaw(sizeof(short), b => (float)BinaryPrimitives.ReadHalfLittleEndian(b)),
        "BFLOAT16" => _raw is null ? Convert(TensorNumbers.OfBFloat16) : ReadRaw(sizeof(short), b => TensorNumbers.OfBFloat16(BinaryPrimitives.ReadInt16LittleEndian(b))),
        _ => throw new InvalidDataException($"expected a tensor of FLOAT, DOUBLE, FLOAT16 or BFLOAT16, got {this}."),
    };

    /// <summary>Reads a tensor of integers of 8 to 64 bits, or of truth values as 0 and 1.</summary>
    /// <returns>Its values, row-major.</returns>
    /// <exception cref="InvalidDataException">Another type, another number of values than the shape has, values that are in another file, or a UINT64 above 2⁶³ − 1.</exception>
    public long[] ReadIntegers() => DataType switch
    {
        "INT64" => _raw is null ? ReadVarints(FieldInt64) : ReadRaw(sizeof(long), BinaryPrimitives.ReadInt64LittleEndian),
        "UINT64" => Array.ConvertAll(_raw is null ? ReadVarints(FieldUInt64) : ReadRaw(sizeof(long), BinaryPrimitives.ReadInt64LittleEndian), bits => TensorNumbers.Signed((ulong)bits, this)),
        "UINT32" => _raw is null ? ReadVarints(FieldUInt64) : ReadRaw(sizeof(uint), b => (long)BinaryPrimitives.ReadUInt32LittleEndian(b)),
        "INT32" => _raw is null ? ReadVarints(FieldInt32) : ReadRaw(sizeof(int), b => (long)BinaryPrimitives.ReadInt32LittleEndian(b)),
        "INT16" => _raw is null ? ReadVarints(FieldInt32) : ReadRaw(sizeof(short), b => (long)BinaryPrimitives.ReadInt16LittleEndian(b)),
        "UINT16" => _raw is null ? ReadVarints(FieldInt32) : ReadRaw(sizeof(ushort), b => (long)BinaryPrimitives.ReadUInt16LittleEndian(b)),
        "INT8" => _raw is null ? ReadVarints(FieldInt32) : ReadRaw(1, b => (long)(sbyte)b[0]),
        "UINT8" or "BOOL" => _raw is null ? ReadVarints(FieldInt32) : ReadRaw(1, b => (long)b[0]),
        _ => throw new InvalidDataException($"expected a tensor of integers, got {this}."),
    };

    /// <summary>Type, name and shape: <c>FLOAT 'norm1.weight' [32]</c>.</summary>
    public override string ToString() => $"{DataType} {SafetensorsHeader.Printable(Name)} [{string.Join(", ", Shape.Take(MostDimensions))}]";

    private ProtobufReader Reader() => new(_message, "a tensor");

    private T[] Read<T>(int field, int size, Func<ReadOnlySpan<byte>, T> decode)
    {
        if (_raw is not null)
        {
            return ReadRaw(size, decode);
        }

        List<T> values = [];
        ProtobufReader tensor = Reader();
        while (tensor.Next())
        {
            if (tensor.Field == field)
            {
                tensor.AddFixed(values, size, decode);
            }
        }

        return Counted(values);
    }

    private long[] ReadVarints(int field)
    {
        List<long> values = [];
        ProtobufReader tensor = Reader();
        while (tensor.Next())
        {
            if (tensor.Field == field)
            {
                tensor.AddIntegers(values);
            }
        }

        return Counted(values);
    }

    private T[] ReadRaw<T>(int size, Func<ReadOnlySpan<byte>, T> decode)
    {
        CheckInside();
        ReadOnlySpan<byte> raw = _raw!.Value.Span;
        T[] values = new T[Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = decode(raw.Slice(i * size, size));
        }

        return values;
    }

    // Numbers of 16 bits are written as integers.
    private float[] Convert(Func<short, float> decode) => Array.ConvertAll(ReadVarints(FieldInt32), bits => decode((short)bits));

    private T[] Counted<T>(List<T> values)
    {
        CheckInside();
        return values.Count == Count ? [.. values] : throw new InvalidDataException($"expected {Count} values in {this}, got {values.Count}.");
    }

    private void CheckInside()
    {
        if (_isExternal)
        {
            throw new InvalidDataException($"expected the values of {this} in the ONNX file itself, got a reference to another file (external data), which is not read.");
        }
    }
}
