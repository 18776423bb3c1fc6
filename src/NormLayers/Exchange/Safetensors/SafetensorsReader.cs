using System.Buffers.Binary;

namespace NormLayers.Exchange;

/// <summary>Reads a safetensors file: the header at once, each tensor on demand.</summary>
/// <remarks>
/// <para>A stream that can seek is checked against the header before any tensor is read: it must end with the last one. Of a stream that
/// cannot, tensors are read in the order of <see cref="Tensors"/>, and memory grows with what has come, not with what the header announces.</para>
/// <para>Opening takes the memory of the header's bytes, twice for a stream that cannot seek with a header above 64 KiB. Names, shapes and text become objects on demand.</para>
/// <para>To load a network see <see cref="LayerFiles"/>. The stream stays the caller's: nothing here disposes it.</para>
/// </remarks>
public sealed class SafetensorsReader
{
    private const string Floats = "F32, F64, F16 or BF16";
    private const string Doubles = "F64";
    private const string Integers = "integers";

    private readonly Stream _stream;
    private readonly SafetensorsHeader _header;
    private readonly long _start;
    private byte[] _buffer = [];
    private long _position;

    /// <summary>Reads the header.</summary>
    /// <param name="stream">The file, from its beginning.</param>
    /// <exception cref="ArgumentException">The stream cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no safetensors file, or a damaged one; the message says where.</exception>
    public SafetensorsReader(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanRead)
        {
            Throw.Argument(nameof(stream), "a stream to read from", "one that is closed or only for writing");
        }

        _stream = stream;
        long left = stream.CanSeek ? stream.Length - stream.Position : long.MaxValue;
        byte[] prefix = new byte[sizeof(ulong)];
        int read = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        if (read < prefix.Length)
        {
            throw new InvalidDataException($"expected a safetensors file, which begins with the 8 bytes of its header's length, got {(read == 0 ? "an empty file" : $"{read}")}.");
        }

        left -= prefix.Length;
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafetensorsHeader.MostBytes)
        {
            throw new InvalidDataException($"expected a safetensors header of at most {SafetensorsHeader.MostBytes} bytes, got one of {length}.");
        }

        if ((long)length > left)
        {
            throw new InvalidDataException($"expected a safetensors header of {length} bytes, as the file says, got {left} bytes.");
        }

        (byte[] header, read) = StreamBytes.Read(stream, (int)length);
        _header = new SafetensorsHeader(read == (int)length ? header : throw CutShort("the header"));
        left -= (long)length;
        if (stream.CanSeek && left != _header.DataLength)
        {
            throw new InvalidDataException($"expected {_header.DataLength} bytes behind the header, as it says, got {left}.");
        }

        _start = stream.CanSeek ? stream.Position : 0;
        _position = 0;
    }

    /// <summary>What the writer of the file said of it.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>The tensors, in the order of their bytes; each is another object each time.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors => _header;

    /// <summary>Reads a tensor of F32, F64, F16 or BF16.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <returns>Its values, row-major: F32 with its bits, F16 and BF16 exactly, F64 rounded to the nearest float.</returns>
    /// <exception cref="ArgumentException">A tensor of another file, or of another type.</exception>
    /// <exception cref="InvalidDataException">The stream ends before the tensor does, or an F64 is beyond the range of floats.</exception>
    /// <exception cref="InvalidOperationException">The stream cannot seek and is past the tensor.</exception>
    public float[] ReadFloats(SafetensorsTensor tensor) => Read<float>(Checked(tensor, t => t.IsFloat, Floats), TensorNumbers.Read);

    /// <summary>The same into memory that is there.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="values"><b>Overwritten</b>; as many as the tensor has.</param>
    /// <exception cref="ArgumentException">A tensor of another file, or of another type, or memory for another number of values.</exception>
    /// <exception cref="InvalidDataException">As above; part of the values are then overwritten.</exception>
    /// <exception cref="InvalidOperationException">As above.</exception>
    public void ReadFloats(SafetensorsTensor tensor, Span<float> values) => Read(Checked(tensor, t => t.IsFloat, Floats), values, TensorNumbers.Read);

    /// <summary>Reads a tensor of F64 with its bits.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <returns>Its values, row-major.</returns>
    /// <exception cref="ArgumentException">A tensor of another file, or of another type.</exception>
    /// <exception cref="InvalidDataException">The stream ends before the tensor does.</exception>
    /// <exception cref="InvalidOperationException">The stream cannot seek and is past the tensor.</exception>
    public double[] ReadDoubles(SafetensorsTensor tensor) => Read<double>(Checked(tensor, t => t.Type == NumberType.F64, Doubles), TensorNumbers.Read);

    /// <summary>The same into memory that is there.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="values"><b>Overwritten</b>; as many as the tensor has.</param>
    /// <exception cref="ArgumentException">A tensor of another file, or of another type, or memory for another number of values.</exception>
    /// <exception cref="InvalidDataException">As above; part of the values are then overwritten.</exception>
    /// <exception cref="InvalidOperationException">As above.</exception>
    public void ReadDoubles(SafetensorsTensor tensor, Span<double> values) => Read(Checked(tensor, t => t.Type == NumberType.F64, Doubles), values, TensorNumbers.Read);

    /// <summary>Reads a tensor of signed or unsigned integers of 8 to 64 bits.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <returns>Its values, row-major.</returns>
    /// <exception cref="ArgumentException">A tensor of another file, or of another type.</exception>
    /// <exception cref="InvalidDataException">The stream ends before the tensor does, or a U64 is above 2⁶³ − 1.</exception>
    /// <exception cref="InvalidOperationException">The stream cannot seek and is past the tensor.</exception>
    public long[] ReadIntegers(SafetensorsTensor tensor) => Read<long>(Checked(tensor, t => t.IsInteger, Integers), TensorNumbers.Read);

    /// <summary>The same into memory that is there.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="values"><b>Overwritten</b>; as many as the tensor has.</param>
    /// <exception cref="ArgumentException">A tensor of another file, or of another type, or memory for another number of values.</exception>
    /// <exception cref="InvalidDataException">As above; part of the values are then overwritten.</exception>
    /// <exception cref="InvalidOperationException">As above.</exception>
    public void ReadIntegers(SafetensorsTensor tensor, Span<long> values) => Read(Checked(tensor, t => t.IsInteger, Integers), values, TensorNumbers.Read);

    /// <summary>Checks that nothing is behind the last tensor, which a stream that cannot seek shows only at its end.</summary>
    internal void CheckEnd()
    {
        if (!_stream.CanSeek)
        {
            Skip(_header.DataLength);
            if (_stream.ReadByte() >= 0)
            {
                throw new InvalidDataException($"expected {_header.DataLength} bytes behind the header, as it says, got more.");
            }
        }
    }

    private SafetensorsTensor Checked(SafetensorsTensor tensor, Func<SafetensorsTensor, bool> isWanted, string expected)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Header != _header)
        {
            Throw.Argument(nameof(tensor), "one of this file's tensors", $"{tensor} of another");
        }

        if (!isWanted(tensor))
        {
            Throw.Argument(nameof(tensor), $"a tensor of {expected}", $"{tensor}");
        }

        return tensor;
    }

    private void Seek(SafetensorsTensor tensor)
    {
        if (_stream.CanSeek)
        {
            _stream.Position = _start + tensor.Begin;
        }
        else if (_position > tensor.Begin)
        {
            Throw.Operation($"Expected tensors to be read in the order of Tensors, as the stream cannot seek, got {tensor} after a later one.");
        }
        else
        {
            Skip(tensor.Begin);
        }
    }

    private void Skip(long position)
    {
        while (_position < position)
        {
            Fill(position - _position, "the tensors before it");
        }
    }

    private T[] Read<T>(SafetensorsTensor tensor, TensorNumbers.Decode<T> decode)
    {
        if (tensor.Count > Array.MaxLength)
        {
            throw new InvalidDataException($"expected tensors of at most {Array.MaxLength} elements, got {tensor}.");
        }

        Seek(tensor);
        List<byte[]>? gathered = _stream.CanSeek || tensor.End - tensor.Begin <= StreamBytes.ChunkBytes ? null : Gather(tensor);
        T[] values = new T[tensor.Count];
        Read(tensor, values, decode, gathered);
        return values;
    }

    private void Read<T>(SafetensorsTensor tensor, Span<T> values, TensorNumbers.Decode<T> decode)
    {
        if (values.Length != tensor.Count)
        {
            Throw.Argument(nameof(values), $"{tensor.Count} elements", $"{values.Length}");
        }

        Seek(tensor);
        Read(tensor, values, decode, gathered: null);
    }

    private void Read<T>(SafetensorsTensor tensor, Span<T> values, TensorNumbers.Decode<T> decode, List<byte[]>? gathered)
    {
        int size = TensorNumbers.Size(tensor.Type);
        for (int chunk = 0; !values.IsEmpty; chunk++)
        {
            ReadOnlySpan<byte> bytes = gathered is null ? Fill((long)values.Length * size, tensor) : gathered[chunk];
            decode(tensor.Type, bytes, values[..(bytes.Length / size)], tensor);
            values = values[(bytes.Length / size)..];
        }
    }

    // The announced length is trusted only where the stream has shown that it is there: many bytes of one that cannot seek are gathered before.
    private List<byte[]> Gather(SafetensorsTensor tensor)
    {
        List<byte[]> gathered = StreamBytes.Gather(_stream, tensor.End - tensor.Begin);
        _position += gathered.Sum(c => (long)c.Length);
        return _position == tensor.End ? gathered : throw CutShort(tensor);
    }

    // The next bytes, at most a chunk of them.
    private Span<byte> Fill(long wanted, object what)
    {
        int length = (int)Math.Min(StreamBytes.ChunkBytes, wanted);
        if (_buffer.Length < length)
        {
            _buffer = new byte[length];
        }

        Span<byte> bytes = _buffer.AsSpan(0, length);
        int read = _stream.ReadAtLeast(bytes, length, throwOnEndOfStream: false);
        _position += read;
        return read == length ? bytes : throw CutShort(what);
    }

    private static InvalidDataException CutShort(object what) => new($"expected the bytes of {what}, got the end of the file: it is cut short.");
}
