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

    private readonly Dictionary<string, string> _metadata = [];
    private readonly List<SafetensorsTensor> _tensors = [];

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

    private void Parse(ReadOnlySpan<byte> bytes)
    {
        Utf8JsonReader json = new(bytes, new JsonReaderOptions { MaxDepth = Depth });
        HashSet<string> names = [];
        json.Read();
        while (NextName(ref json, names, "the header") is { } name)
        {
            if (name == MetadataName)
            {
                ReadMetadata(ref json);
            }
            else
            {
                _tensors.Add(ReadTensor(ref json, name));
            }
        }

        // Throws for anything but blanks behind the closing brace.
        json.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartObject, MetadataName);
        HashSet<string> names = [];
        while (NextName(ref json, names, MetadataName) is { } name)
        {
            Expect(ref json, JsonTokenType.String, $"{Printable(name)} in {MetadataName}");
            _metadata[name] = json.GetString()!;
        }
    }

    private SafetensorsTensor ReadTensor(ref Utf8JsonReader json, string name)
    {
        string shown = Printable(name);
        (string? type, long[]? shape, long[]? bytes) = (null, null, null);
        Expect(ref json, JsonTokenType.StartObject, shown);
        HashSet<string> fields = [];
        while (NextName(ref json, fields, shown) is { } field)
        {
            switch (field)
            {
                case "dtype":
                    Expect(ref json, JsonTokenType.String, $"dtype of {shown}");
                    type = json.GetString();
                    break;
                case "shape":
                    shape = ReadNumbers(ref json, $"shape of {shown}");
                    break;
                case "data_offsets":
                    bytes = ReadNumbers(ref json, $"data_offsets of {shown}");
                    break;
                default:
                    throw new InvalidDataException($"expected dtype, shape and data_offsets of {shown}, got {Printable(field)}.");
            }
        }

        if (type is null || shape is null || bytes is null)
        {
            throw new InvalidDataException($"expected dtype, shape and data_offsets of {shown}, got no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}.");
        }

        if (!s_bits.TryGetValue(type, out int bits))
        {
            throw new InvalidDataException($"expected one of {string.Join(", ", s_bits.Keys)} as the dtype of {shown}, got {Printable(type)}.");
        }

        if (bytes is not [long begin, long end] || begin > end)
        {
            throw new InvalidDataException($"expected data_offsets of {shown} that are a begin and an end behind it, got [{string.Join(", ", bytes.Take(3))}{(bytes.Length > 3 ? ", …" : "")}].");
        }

        if (Product(shape) is not { } count || (Int128)count * bits != (Int128)(end - begin) * 8)
        {
            throw new InvalidDataException($"expected as many bytes of {shown} as {type} of shape [{string.Join(", ", shape)}] has, got {end - begin}.");
        }

        return new SafetensorsTensor(this, name, type, shape, count, (begin, end));
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

    private static long[] ReadNumbers(ref Utf8JsonReader json, string what)
    {
        Expect(ref json, JsonTokenType.StartArray, what);
        List<long> numbers = [];
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out long number) || number < 0)
            {
                throw new InvalidDataException($"expected whole numbers from 0 to 2⁶³ − 1 as the {what}, got something else at position {numbers.Count}.");
            }

            numbers.Add(number);
            if (numbers.Count > MostDimensions)
            {
                throw new InvalidDataException($"expected at most {MostDimensions} numbers as the {what}, got more.");
            }
        }

        return [.. numbers];
    }

    private static string? NextName(ref Utf8JsonReader json, HashSet<string> names, string of)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.EndObject)
        {
            return null;
        }

        string name = json.GetString()!;
        return names.Add(name) ? name : throw new InvalidDataException($"expected different names in {of}, got {Printable(name)} twice.");
    }

    private static void Expect(ref Utf8JsonReader json, JsonTokenType type, string what)
    {
        json.Read();
        if (json.TokenType != type)
        {
            throw new InvalidDataException($"expected {type switch { JsonTokenType.StartObject => "an object", JsonTokenType.StartArray => "an array", _ => "a string" }} as the {what}, got something else.");
        }
    }

    private void CheckBytes()
    {
        (long end, string last) = (0, "the header");
        foreach (SafetensorsTensor tensor in _tensors)
        {
            if (tensor.Begin != end)
            {
                string shown = Printable(tensor.Name);
                throw new InvalidDataException(tensor.Begin < end
                    ? $"expected tensors with bytes of their own, got {last} and {shown}, which overlap."
                    : $"expected tensors without a gap between them, got bytes {end} to {tensor.Begin} between {last} and {shown}.");
            }

            (end, last) = (tensor.End, Printable(tensor.Name));
        }
    }
}
