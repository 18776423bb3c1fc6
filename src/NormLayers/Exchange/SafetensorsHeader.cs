using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace NormLayers.Exchange;

/// <summary>The header of a safetensors file: JSON that names each tensor's type, shape and bytes.</summary>
/// <remarks>
/// The format: https://github.com/huggingface/safetensors#format. Refused is what its reference implementation refuses, and also
/// duplicate keys and unknown fields, which the format does not have either.
/// </remarks>
internal sealed class SafetensorsHeader
{
    /// <summary>The most bytes of a header, by the reference implementation.</summary>
    public const int MostBytes = 100_000_000;

    public const string MetadataName = "__metadata__";

    private const int MostDimensions = 64;
    private const int MostShown = 100;

    // The header, a tensor, its shape.
    private const int Depth = 3;

    private static readonly Dictionary<string, int> s_bits = new (int Bits, string[] Types)[]
    {
        (4, ["F4"]),
        (6, ["F6_E2M3", "F6_E3M2"]),
        (8, ["BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"]),
        (16, ["I16", "U16", "F16", "BF16"]),
        (32, ["I32", "U32", "F32"]),
        (64, ["I64", "U64", "F64", "C64"]),
    }.SelectMany(b => b.Types.Select(t => (t, b.Bits))).ToDictionary();

    private static readonly string[] s_fields = ["dtype", "shape", "data_offsets"];

    private readonly Dictionary<string, string> _metadata;
    private readonly List<SafetensorsTensor> _tensors;

    /// <summary>Reads a header.</summary>
    /// <exception cref="InvalidDataException">It breaks a rule of the format.</exception>
    public SafetensorsHeader(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes[0] != '{')
        {
            throw new InvalidDataException("expected a safetensors header, which begins with '{', got something else.");
        }

        if (!Utf8.IsValid(bytes))
        {
            throw new InvalidDataException("expected a safetensors header in UTF-8, got bytes that are not.");
        }

        try
        {
            (int tensors, int metadata) = Count(bytes);
            (_tensors, _metadata) = (new(tensors), new(metadata));
            Parse(bytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half of a surrogate pair.
            throw new InvalidDataException($"expected the JSON of a safetensors header, got something else: {e.Message}", e);
        }

        _tensors.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        CheckBytes();
    }

    /// <summary>What the writer of the file said of it.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>The tensors in the order of their bytes, which follow one another without gap or overlap.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors => _tensors;

    /// <summary>The bytes of all tensors.</summary>
    public long DataLength => _tensors.Count == 0 ? 0 : _tensors[^1].End;

    /// <summary>A name out of a file for a message: in quotes, without control characters, and not too long.</summary>
    public static string Printable(string name)
    {
        string text = JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value;
        return text.Length <= MostShown ? $"'{text}'" : $"'{text[..MostShown]}…'";
    }

    // What will be kept, so that no list has to grow.
    private static (int Tensors, int Metadata) Count(ReadOnlySpan<byte> bytes)
    {
        Utf8JsonReader json = new(bytes, new JsonReaderOptions { MaxDepth = Depth });
        (int tensors, int metadata, bool isMetadata) = (0, 0, false);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == 1)
            {
                isMetadata = json.ValueTextEquals(MetadataName);
                tensors += isMetadata ? 0 : 1;
            }
            else if (json.TokenType == JsonTokenType.PropertyName && isMetadata)
            {
                metadata++;
            }
        }

        return (tensors, metadata);
    }

    private void Parse(ReadOnlySpan<byte> bytes)
    {
        Utf8JsonReader json = new(bytes, new JsonReaderOptions { MaxDepth = Depth });
        HashSet<string> names = new(_tensors.Capacity + 1);
        json.Read();
        while (NextName(ref json, []) is { } name)
        {
            if (!names.Add(name))
            {
                throw Twice(name, "the header");
            }

            if (name == MetadataName)
            {
                ReadMetadata(ref json);
            }
            else
            {
                _tensors.Add(ReadTensor(ref json, name));
            }
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartObject, MetadataName);
        while (NextName(ref json, []) is { } name)
        {
            Expect(ref json, JsonTokenType.String, name, after: $" in {MetadataName}");
            if (!_metadata.TryAdd(name, json.GetString()!))
            {
                throw Twice(name, MetadataName);
            }
        }
    }

    private SafetensorsTensor ReadTensor(ref Utf8JsonReader json, string name)
    {
        (string? type, long[]? shape, (long Begin, long End)? bytes) = (null, null, null);
        Span<long> numbers = stackalloc long[MostDimensions];
        Expect(ref json, JsonTokenType.StartObject, name);
        while (NextName(ref json, s_fields) is { } field)
        {
            if (field switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => bytes is not null, _ => false })
            {
                throw Twice(field, Printable(name));
            }

            switch (field)
            {
                case "dtype":
                    type = ReadType(ref json, name);
                    break;
                case "shape":
                    shape = numbers[..ReadNumbers(ref json, numbers, field, name)].ToArray();
                    break;
                case "data_offsets":
                    int count = ReadNumbers(ref json, numbers, field, name);
                    bytes = count == 2 && numbers[0] <= numbers[1]
                        ? (numbers[0], numbers[1])
                        : throw new InvalidDataException(
                            $"expected data_offsets of {Printable(name)} that are a begin and an end behind it, got [{string.Join(", ", numbers[..Math.Min(count, 3)].ToArray())}{(count > 3 ? ", …" : "")}].");
                    break;
                default:
                    throw new InvalidDataException($"expected dtype, shape and data_offsets of {Printable(name)}, got {Printable(field)}.");
            }
        }

        if (type is null || shape is null || bytes is not var (begin, end))
        {
            throw new InvalidDataException($"expected dtype, shape and data_offsets of {Printable(name)}, got no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}.");
        }

        return Product(shape) is { } elements && (Int128)elements * s_bits[type] == (Int128)(end - begin) * 8
            ? new SafetensorsTensor(this, name, type, shape, elements, (begin, end))
            : throw new InvalidDataException($"expected as many bytes of {Printable(name)} as {type} of shape [{string.Join(", ", shape)}] has, got {end - begin}.");
    }

    private static string ReadType(ref Utf8JsonReader json, string name)
    {
        Expect(ref json, JsonTokenType.String, name, "dtype");
        foreach (string type in s_bits.Keys)
        {
            if (json.ValueTextEquals(type))
            {
                return type;
            }
        }

        throw new InvalidDataException($"expected one of {string.Join(", ", s_bits.Keys)} as the dtype of {Printable(name)}, got {Printable(json.GetString()!)}.");
    }

    // Null if no long holds it.
    private static long? Product(long[] shape)
    {
        long product = 1;
        foreach (long dimension in shape)
        {
            Int128 next = (Int128)product * dimension;
            if (next > long.MaxValue)
            {
                return null;
            }

            product = (long)next;
        }

        return product;
    }

    private static int ReadNumbers(ref Utf8JsonReader json, scoped Span<long> numbers, string field, string name)
    {
        Expect(ref json, JsonTokenType.StartArray, name, field);
        int count = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out long number) || number < 0)
            {
                throw new InvalidDataException($"expected whole numbers from 0 to 2⁶³ − 1 as the {field} of {Printable(name)}, got something else at position {count}.");
            }

            if (count == numbers.Length)
            {
                throw new InvalidDataException($"expected at most {numbers.Length} numbers as the {field} of {Printable(name)}, got more.");
            }

            numbers[count++] = number;
        }

        return count;
    }

    // Null at the end of the object. Names that are known take no memory.
    private static string? NextName(ref Utf8JsonReader json, string[] known)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.EndObject)
        {
            return null;
        }

        foreach (string name in known)
        {
            if (json.ValueTextEquals(name))
            {
                return name;
            }
        }

        return json.GetString();
    }

    private static void Expect(ref Utf8JsonReader json, JsonTokenType type, string name, string? field = null, string after = "")
    {
        json.Read();
        if (json.TokenType != type)
        {
            string expected = type switch { JsonTokenType.StartObject => "an object", JsonTokenType.StartArray => "an array", _ => "a string" };
            throw new InvalidDataException($"expected {expected} as the {(field is null ? "" : field + " of ")}{Printable(name)}{after}, got something else.");
        }
    }

    private static InvalidDataException Twice(string name, string of) => new($"expected different names in {of}, got {Printable(name)} twice.");

    private void CheckBytes()
    {
        SafetensorsTensor? last = null;
        foreach (SafetensorsTensor tensor in _tensors)
        {
            long end = last?.End ?? 0;
            if (tensor.Begin != end)
            {
                (string before, string shown) = (last is null ? "the header" : Printable(last.Name), Printable(tensor.Name));
                throw new InvalidDataException(tensor.Begin < end
                    ? $"expected tensors with bytes of their own, got {before} and {shown}, which overlap."
                    : $"expected tensors without a gap between them, got bytes {end} to {tensor.Begin} between {before} and {shown}.");
            }

            last = tensor;
        }
    }
}
