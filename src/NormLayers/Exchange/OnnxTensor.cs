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
    private readonly int _rawLength = -1;
    private readonly int _rawStart;
    private readonly bool _isExternal;

    /// <summary>Reads names and dimensions, and checks that values are as many.</summary>
    internal OnnxTensor(ReadOnlyMemory<byte> message, string? name = null)
    {
        _message = message;
        Name = name ?? "";
        int rank = 0;
        ProtobufReader tensor = Reader();
        while (tensor.Next())
        {
            switch (tensor.Field)
            {
                case FieldDimensions:
                    rank += tensor.CountIntegers();
                    break;
                case FieldType:
                    long type = tensor.Integer();
                    DataType = type >= 0 && type < s_types.Length ? s_types[type] : FormattableString.Invariant($"type {type}");
                    break;
                case FieldName when name is null:
                    Name = tensor.Text();
                    break;
                case FieldRaw:
                    _rawLength = tensor.Bytes().Length;
                    _rawStart = message.Length - tensor.Left - _rawLength;
                    break;
                case FieldLocation:
                    _isExternal = tensor.Integer() == 1;
                    break;
            }
        }

        if (rank > MostDimensions)
        {
            throw new InvalidDataException($"expected at most {MostDimensions} dimensions in {this}, got {rank}.");
        }

        long[] shape = ReadIntegers(FieldDimensions, rank == 0 ? [] : new long[rank], d => d);
        Shape = shape;
        Int128 count = 1;
        foreach (long dimension in shape)
        {
            count *= dimension;
            if (dimension < 0 || count > int.MaxValue)
            {
                throw new InvalidDataException($"expected dimensions of 0 and more and at most {int.MaxValue} elements, got {this}.");
            }
        }

        Count = (int)count;
        if (_rawLength >= 0 && ElementBytes is { } size && _rawLength != (long)Count * size)
        {
            throw new InvalidDataException($"expected {Count} elements of {size} bytes in {this}, got {_rawLength} bytes.");
        }
    }

    /// <summary>A tensor of numbers that a node has as an attribute.</summary>
    /// <param name="name">The name.</param>
    /// <param name="type">The type of an element.</param>
    /// <param name="shape">The dimensions.</param>
    /// <param name="raw">The elements, little-endian.</param>
    internal OnnxTensor(string name, string type, long[] shape, byte[] raw)
    {
        (Name, DataType, Shape, _message, _rawLength) = (name, type, shape, raw, raw.Length);
        Count = shape is [var count] ? (int)count : 1;
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
    public IReadOnlyList<long> Shape { get; } = [];

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
    public override string ToString() => $"{DataType} {SafetensorsHeader.Printable(Name)} [{string.Join(", ", Shape.Take(MostDimensions))}]";

    private ProtobufReader Reader() => new(_message, "a tensor");

    private bool IsRaw => _rawLength >= 0;

    private T[] Read<T>(int field, int size, Func<ReadOnlySpan<byte>, T> decode)
    {
        if (IsRaw)
        {
            return ReadRaw(size, decode);
        }

        int count = 0;
        for (ProtobufReader tensor = Reader(); tensor.Next();)
        {
            count += tensor.Field == field ? tensor.CountFixed(size) : 0;
        }

        T[] values = Counted<T>(count);
        count = 0;
        for (ProtobufReader tensor = Reader(); tensor.Next();)
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
        for (ProtobufReader tensor = Reader(); tensor.Next();)
        {
            count += tensor.Field == field ? tensor.CountIntegers() : 0;
        }

        return ReadIntegers(field, Counted<T>(count), decode);
    }

    private T[] ReadIntegers<T>(int field, T[] values, Func<long, T> decode)
    {
        int count = 0;
        for (ProtobufReader tensor = Reader(); tensor.Next();)
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
        ReadOnlySpan<byte> raw = _message.Span.Slice(_rawStart, _rawLength);
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
        if (_isExternal)
        {
            throw new InvalidDataException($"expected the values of {this} in the ONNX file itself, got a reference to another file (external data), which is not read.");
        }
    }
}
