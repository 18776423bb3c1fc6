using System.Buffers.Binary;
using System.Collections;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace NormLayers.Exchange;

/// <summary>The header of a safetensors file: JSON that names each tensor's type, shape and bytes. As a list, the tensors in the order of their bytes, which follow one another without gap or overlap.</summary>
/// <remarks>
/// <para>The format: https://github.com/huggingface/safetensors#format. Refused is what its reference implementation refuses, and also
/// duplicate keys and unknown fields, which the format does not have either.</para>
/// <para>The index takes no memory beside the header's bytes: while their JSON is read, they are overwritten from the front. A text of the metadata becomes
/// its key, 0xFF, its value, 0xFF; a tensor its name, 0xFF, type, rank, begin, end and dimensions. 0xFF is in no UTF-8. An entry is then at least
/// four bytes shorter than its JSON, and behind the last one four bytes for each say where it begins, sorted.</para>
/// </remarks>
internal sealed class SafetensorsHeader : IReadOnlyList<SafetensorsTensor>
{
    /// <summary>The most bytes of a header, by the reference implementation.</summary>
    public const int MostBytes = 100_000_000;

    public const string MetadataName = "__metadata__";

    private const byte Terminator = 0xFF;
    private const int MostDimensions = 64;

    // Behind a name and its terminator.
    private const int RankAt = 1;
    private const int BeginAt = 2;
    private const int EndAt = BeginAt + sizeof(long);
    private const int ShapeAt = EndAt + sizeof(long);

    // The header, a tensor, its shape.
    private const int Depth = 3;

    private static readonly (string Name, int Bits, NumberType Type)[] s_types =
    [
        ("F64", 64, NumberType.F64), ("F32", 32, NumberType.F32), ("F16", 16, NumberType.F16), ("BF16", 16, NumberType.BF16),
        ("I64", 64, NumberType.I64), ("I32", 32, NumberType.I32), ("I16", 16, NumberType.I16), ("I8", 8, NumberType.I8),
        ("U64", 64, NumberType.U64), ("U32", 32, NumberType.U32), ("U16", 16, NumberType.U16), ("U8", 8, NumberType.U8),
        ("BOOL", 8, NumberType.Other), ("F4", 4, NumberType.Other), ("F6_E2M3", 6, NumberType.Other), ("F6_E3M2", 6, NumberType.Other), ("F8_E4M3", 8, NumberType.Other),
        ("F8_E5M2", 8, NumberType.Other), ("F8_E8M0", 8, NumberType.Other), ("F8_E4M3FNUZ", 8, NumberType.Other), ("F8_E5M2FNUZ", 8, NumberType.Other), ("C64", 64, NumberType.Other),
    ];

    private readonly byte[] _bytes;
    private int _written;
    private int _places;
    private (int Begin, int End, int Count) _text;
    private Dictionary<string, string>? _metadata;

    /// <summary>Reads a header.</summary>
    /// <param name="bytes">The header; they are overwritten, and must not be used after.</param>
    /// <exception cref="InvalidDataException">It breaks a rule of the format.</exception>
    public SafetensorsHeader(byte[] bytes)
    {
        _bytes = bytes;
        if (bytes.Length == 0 || bytes[0] != '{')
        {
            throw new InvalidDataException("expected a safetensors header, which begins with '{', got something else.");
        }

        if (!Utf8.IsValid(bytes))
        {
            throw new InvalidDataException("expected a safetensors header in UTF-8, got bytes that are not.");
        }

        try
        {
            Parse();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"expected the JSON of a safetensors header, got something else in line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException("expected the JSON of a safetensors header, got half of a surrogate pair in a text.", e);
        }

        FindPlaces();
        CheckNames(Places[.._text.Count], MetadataName);
        CheckNames(Tensors, "the header");
        Tensors.Sort((a, b) => (Begin(a), End(a)).CompareTo((Begin(b), End(b))));
        CheckBytes();
    }

    /// <summary>The number of tensors.</summary>
    public int Count { get; private set; }

    /// <summary>What the writer of the file said of it.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata ??= ReadText();

    /// <summary>The bytes of all tensors.</summary>
    public long DataLength => Count == 0 ? 0 : End(Tensors[^1]);

    private Span<int> Places => MemoryMarshal.Cast<byte, int>(_bytes.AsSpan(_places))[..(_text.Count + Count)];

    private Span<int> Tensors => Places[_text.Count..];

    /// <summary>A tensor, another object each time.</summary>
    public SafetensorsTensor this[int index]
    {
        get
        {
            int at = Tensors[Throw.IfNoPlace(index, Count)];
            ReadOnlySpan<byte> entry = Entry(at);
            long[] shape = entry[RankAt] == 0 ? [] : new long[entry[RankAt]];
            ReadShape(entry, shape);
            (string type, _, NumberType number) = s_types[entry[0]];
            return new SafetensorsTensor(this, Text(at), (type, number), shape, Product(shape)!.Value, (Begin(at), End(at)));
        }
    }

    public IEnumerator<SafetensorsTensor> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Parse()
    {
        JsonReaderOptions options = new() { MaxDepth = Depth };
        for (Utf8JsonReader all = new(_bytes, options); all.Read();)
        {
            // Nothing is overwritten before it is known to be JSON.
        }

        Utf8JsonReader json = new(_bytes, options);
        bool hasText = false;
        json.Read();
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            if (!json.ValueTextEquals(MetadataName))
            {
                ReadTensor(ref json);
                Count++;
            }
            else if (!hasText)
            {
                hasText = true;
                ReadMetadata(ref json);
            }
            else
            {
                throw Twice($"'{MetadataName}'", "the header");
            }

            Debug.Assert(_written <= json.BytesConsumed, "What is kept is shorter than its JSON.");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw Other("an object", $"'{MetadataName}'");
        }

        (_text.Begin, _text.Count) = (_written, 0);
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            int at = _written;
            Keep(ref json);
            json.Read();
            if (json.TokenType != JsonTokenType.String)
            {
                throw Other("a string", $"{Shown(at)} in {MetadataName}");
            }

            Keep(ref json);
            _text.Count++;
        }

        _text.End = _written;
    }

    private void ReadTensor(ref Utf8JsonReader json)
    {
        int at = _written;
        Keep(ref json);
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw Other("an object", Shown(at));
        }

        (int type, int rank, int offsets) = (-1, -1, -1);
        Span<long> shape = stackalloc long[MostDimensions];
        Span<long> bytes = stackalloc long[MostDimensions];
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            string field = json.ValueTextEquals("dtype") ? "dtype" : json.ValueTextEquals("shape") ? "shape" : json.ValueTextEquals("data_offsets") ? "data_offsets"
                : throw new InvalidDataException($"expected dtype, shape and data_offsets of {Shown(at)}, got {ShownText(ref json)}.");
            if ((field == "dtype" ? type : field == "shape" ? rank : offsets) >= 0)
            {
                throw Twice($"'{field}'", Shown(at));
            }

            if (field == "dtype")
            {
                type = ReadType(ref json, at);
            }
            else if (field == "shape")
            {
                rank = ReadNumbers(ref json, shape, field, at);
            }
            else
            {
                offsets = ReadNumbers(ref json, bytes, field, at);
                if (offsets != 2 || bytes[0] > bytes[1])
                {
                    throw new InvalidDataException(
                        $"expected data_offsets of {Shown(at)} that are a begin and an end behind it, got [{string.Join(", ", bytes[..Math.Min(offsets, 3)].ToArray())}{(offsets > 3 ? ", …" : "")}].");
                }
            }
        }

        if (type < 0 || rank < 0 || offsets < 0)
        {
            throw new InvalidDataException($"expected dtype, shape and data_offsets of {Shown(at)}, got no {(type < 0 ? "dtype" : rank < 0 ? "shape" : "data_offsets")}.");
        }

        if (Product(shape[..rank]) is not { } elements || (Int128)elements * s_types[type].Bits != (Int128)(bytes[1] - bytes[0]) * 8)
        {
            throw new InvalidDataException($"expected as many bytes of {Shown(at)} as {s_types[type].Name} of shape [{string.Join(", ", shape[..rank].ToArray())}] has, got {bytes[1] - bytes[0]}.");
        }

        Span<byte> entry = _bytes.AsSpan(_written);
        (entry[0], entry[RankAt]) = ((byte)type, (byte)rank);
        BinaryPrimitives.WriteInt64LittleEndian(entry[BeginAt..], bytes[0]);
        BinaryPrimitives.WriteInt64LittleEndian(entry[EndAt..], bytes[1]);
        _written += ShapeAt;
        foreach (long dimension in shape[..rank])
        {
            // Seven bits a byte, lowest first; the high bit says that more follow: no more bytes than digits.
            long left = dimension;
            for (; left > 0x7F; left >>= 7)
            {
                _bytes[_written++] = (byte)(left | 0x80);
            }

            _bytes[_written++] = (byte)left;
        }
    }

    private int ReadType(ref Utf8JsonReader json, int at)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.String)
        {
            throw Other("a string", $"dtype of {Shown(at)}");
        }

        for (int type = 0; type < s_types.Length; type++)
        {
            if (json.ValueTextEquals(s_types[type].Name))
            {
                return type;
            }
        }

        throw new InvalidDataException($"expected one of {string.Join(", ", s_types.Select(t => t.Name))} as the dtype of {Shown(at)}, got {ShownText(ref json)}.");
    }

    private int ReadNumbers(ref Utf8JsonReader json, scoped Span<long> numbers, string field, int at)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartArray)
        {
            throw Other("an array", $"{field} of {Shown(at)}");
        }

        int count = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetUInt64(out ulong number) || number > long.MaxValue)
            {
                throw new InvalidDataException($"expected whole numbers from 0 to 2⁶³ − 1 as the {field} of {Shown(at)}, got something else at position {count}.");
            }

            if (count == numbers.Length)
            {
                throw new InvalidDataException($"expected at most {numbers.Length} numbers as the {field} of {Shown(at)}, got more.");
            }

            numbers[count++] = (long)number;
        }

        return count;
    }

    // Null if no long holds it.
    private static long? Product(ReadOnlySpan<long> shape)
    {
        Int128 product = shape.Contains(0) ? 0 : 1;
        foreach (long dimension in shape)
        {
            product *= dimension;
            if (product > long.MaxValue)
            {
                return null;
            }
        }

        return (long)product;
    }

    // A name or text, unescaped: it is no longer than its JSON, and never ahead of what is read.
    private void Keep(ref Utf8JsonReader json)
    {
        _written += json.CopyString(_bytes.AsSpan(_written));
        _bytes[_written++] = Terminator;
    }

    // Of a header that is refused for it.
    private string ShownText(ref Utf8JsonReader json)
    {
        int at = _written;
        Keep(ref json);
        return Shown(at);
    }

    private void FindPlaces()
    {
        // Aligned for integers.
        _places = (_written + sizeof(int) - 1) / sizeof(int) * sizeof(int);
        Span<int> places = Places;
        for (int at = 0, text = 0, tensor = _text.Count; at < _written;)
        {
            bool isText = at >= _text.Begin && at < _text.End;
            places[isText ? text++ : tensor++] = at;
            int name = at + Name(at).Length + 1;
            at = isText ? name + Name(name).Length + 1 : name + ShapeAt + ReadShape(Entry(at), []);
        }
    }

    private Dictionary<string, string> ReadText()
    {
        Dictionary<string, string> text = new(_text.Count);
        for (int at = _text.Begin; at < _text.End;)
        {
            int value = at + Name(at).Length + 1;
            text.Add(Text(at), Text(value));
            at = value + Name(value).Length + 1;
        }

        return text;
    }

    private ReadOnlySpan<byte> Name(int at)
    {
        ReadOnlySpan<byte> rest = _bytes.AsSpan(at);
        return rest[..rest.IndexOf(Terminator)];
    }

    private string Text(int at) => Encoding.UTF8.GetString(Name(at));

    private string Shown(int at) => FileText.Shown(Name(at));

    private ReadOnlySpan<byte> Entry(int at) => _bytes.AsSpan(at + Name(at).Length + 1);

    private long Begin(int at) => BinaryPrimitives.ReadInt64LittleEndian(Entry(at)[BeginAt..]);

    private long End(int at) => BinaryPrimitives.ReadInt64LittleEndian(Entry(at)[EndAt..]);

    // Returns how many bytes the dimensions have.
    private static int ReadShape(ReadOnlySpan<byte> entry, long[] shape)
    {
        int read = ShapeAt;
        for (int axis = 0, shift = 0; axis < entry[RankAt]; read++)
        {
            if (shape.Length > 0)
            {
                shape[axis] |= (long)(entry[read] & 0x7F) << shift;
            }

            (axis, shift) = entry[read] > 0x7F ? (axis, shift + 7) : (axis + 1, 0);
        }

        return read - ShapeAt;
    }

    private static InvalidDataException Other(string expected, string what) => new($"expected {expected} as the {what}, got something else.");

    private static InvalidDataException Twice(string name, string of) => new($"expected different names in {of}, got {name} twice.");

    private void CheckNames(Span<int> places, string of)
    {
        places.Sort((a, b) => Name(a).SequenceCompareTo(Name(b)));
        for (int i = 1; i < places.Length; i++)
        {
            if (Name(places[i]).SequenceEqual(Name(places[i - 1])))
            {
                throw Twice(Shown(places[i]), of);
            }
        }
    }

    private void CheckBytes()
    {
        (long end, int last) = (0, -1);
        foreach (int tensor in Tensors)
        {
            if (Begin(tensor) != end)
            {
                (string before, string shown) = (last < 0 ? "the header" : Shown(last), Shown(tensor));
                throw new InvalidDataException(Begin(tensor) < end
                    ? $"expected tensors with bytes of their own, got {before} and {shown}, which overlap."
                    : $"expected tensors without a gap between them, got bytes {end} to {Begin(tensor)} between {before} and {shown}.");
            }

            (end, last) = (End(tensor), tensor);
        }
    }
}
