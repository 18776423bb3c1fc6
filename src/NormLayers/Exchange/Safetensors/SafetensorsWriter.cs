using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace NormLayers.Exchange;

/// <summary>Writes safetensors files: floats as F32, doubles as F64, counters as I64, and text about them.</summary>
/// <remarks>
/// The same content gives the same bytes. Metadata are sorted by key, tensors by the size of an element, largest first, then by name (ordinal), as the
/// reference implementation sorts them. There is no blank in the header, but for those at its end that make its length a multiple of 8. So each tensor begins at a
/// multiple of its element's size. To save a network see <see cref="LayerFiles"/>.
/// </remarks>
public static class SafetensorsWriter
{
    private const int ChunkBytes = 1 << 16;

    /// <summary>Writes a file.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="tensors">The tensors, with different names. One counter is written as a single number, shape [], as PyTorch does.</param>
    /// <param name="metadata">Text by key; null for none.</param>
    /// <exception cref="ArgumentException">A tensor or text that is null, a name twice, a name or text that is no valid Unicode, a header above 100,000,000 bytes, or a stream that cannot be written.</exception>
    public static void Write(Stream stream, IEnumerable<NamedState> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        WriteTensors(stream, tensors, metadata, nameof(tensors));

    /// <summary>The same for a caller whose argument with tensors has another name.</summary>
    internal static void WriteTensors(Stream stream, IEnumerable<NamedState> tensors, IReadOnlyDictionary<string, string>? metadata, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensors, name);
        if (!stream.CanWrite)
        {
            Throw.Argument(nameof(stream), "a stream to write to", "one that is closed or only for reading");
        }

        NamedState[] given = [.. tensors];
        if (given.Contains(null))
        {
            Throw.Argument(name, "tensors", "null among them");
        }

        NamedState[] sorted = [.. given.OrderBy(t => t.Floats is not null).ThenBy(t => t.Name, StringComparer.Ordinal)];
        byte[] header = Header(sorted, metadata, name);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        byte[] buffer = new byte[ChunkBytes];
        foreach (NamedState tensor in sorted)
        {
            Write<long>(stream, tensor.Counters, sizeof(long), BinaryPrimitives.WriteInt64LittleEndian, buffer);
            Write<double>(stream, tensor.Doubles, sizeof(double), BinaryPrimitives.WriteDoubleLittleEndian, buffer);
            Write<float>(stream, tensor.Floats, sizeof(float), BinaryPrimitives.WriteSingleLittleEndian, buffer);
        }
    }

    private static byte[] Header(NamedState[] sorted, IReadOnlyDictionary<string, string>? metadata, string name)
    {
        HashSet<string> names = [SafetensorsHeader.MetadataName];
        using MemoryStream header = new();
        using Utf8JsonWriter json = new(header, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        if (metadata is { Count: > 0 })
        {
            json.WriteStartObject(SafetensorsHeader.MetadataName);
            foreach ((string key, string text) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                json.WriteString(FileText.Checked(key, nameof(metadata)), FileText.Checked(text, nameof(metadata)));
            }

            json.WriteEndObject();
        }

        long begin = 0;
        foreach (NamedState tensor in sorted)
        {
            if (!names.Add(FileText.Checked(tensor.Name, name)))
            {
                Throw.Argument(name, $"different names, none of them {SafetensorsHeader.MetadataName}", $"'{tensor.Name}'");
            }

            if (tensor.Shape.Rank == 0)
            {
                Throw.Argument(name, $"a shape of at least one dimension of '{tensor.Name}'", "one of none");
            }

            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", tensor.Floats is not null ? "F32" : tensor.Doubles is not null ? "F64" : "I64");
            json.WriteStartArray("shape");
            for (int axis = 0; axis < tensor.Shape.Rank && tensor.Counters is not { Length: 1 }; axis++)
            {
                json.WriteNumberValue(tensor.Shape[axis]);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(begin);
            json.WriteNumberValue(begin += (long)tensor.Shape.Length * (tensor.Floats is not null ? sizeof(float) : sizeof(long)));
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.Flush();
        while (header.Length % sizeof(ulong) != 0)
        {
            header.WriteByte((byte)' ');
        }

        if (header.Length > SafetensorsHeader.MostBytes)
        {
            Throw.Argument(nameof(metadata), $"names and text for a header of at most {SafetensorsHeader.MostBytes} bytes", $"{header.Length} bytes");
        }

        return header.ToArray();
    }

    private delegate void Encode<T>(Span<byte> bytes, T value);

    private static void Write<T>(Stream stream, ReadOnlySpan<T> values, int size, Encode<T> encode, byte[] buffer)
    {
        while (!values.IsEmpty)
        {
            int chunk = Math.Min(buffer.Length / size, values.Length);
            for (int i = 0; i < chunk; i++)
            {
                encode(buffer.AsSpan(i * size), values[i]);
            }

            stream.Write(buffer.AsSpan(0, chunk * size));
            values = values[chunk..];
        }
    }
}
