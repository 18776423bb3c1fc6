using System.IO.Compression;

namespace NormLayers.Lab.Data;

/// <summary>The unpacked content of a gzip file of one or several members (RFC 1952), checked for completeness at its end.</summary>
/// <remarks>
/// <see cref="GZipStream"/> checks the checksum of each member, but takes a file that is cut short for a shorter one, and passes
/// over what is no member. So one more member is put behind the file: its content comes out at the end only if every byte before
/// belongs to a whole member.
/// </remarks>
internal sealed class GzipContent : Stream
{
    private static readonly byte[] _end = new byte[64];
    private static readonly byte[] _packedEnd = Pack(_end);

    private readonly Extended _packed;
    private readonly GZipStream _unpacked;
    private readonly string _path;

    // What has been unpacked and not been read; the last bytes are held back, as they may belong to the next member.
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _filled;
    private bool _complete;

    public GzipContent(Stream packed, string path)
    {
        _path = path;
        _packed = new Extended(packed, _packedEnd);
        _unpacked = new GZipStream(_packed, CompressionMode.Decompress);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        while (_filled - _start <= _end.Length && !_complete)
        {
            Fill();
        }

        int count = Math.Min(buffer.Length, _filled - _start - _end.Length);
        _buffer.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _unpacked.Dispose();
            _packed.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Fill()
    {
        _buffer.AsSpan(_start, _filled - _start).CopyTo(_buffer);
        (_start, _filled) = (0, _filled - _start);
        int read;
        try
        {
            read = _unpacked.Read(_buffer.AsSpan(_filled));
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(_path, "expected a gzip file, got something else, a damaged one, or one that is cut short.", innerException: e);
        }

        _filled += read;
        _complete = read == 0;
        if (_complete && _packed.FirstIsEmpty)
        {
            throw new DataFormatException(_path, "expected a gzip file, got an empty one.");
        }

        if (_complete && !_buffer.AsSpan(_start, _filled).EndsWith(_end))
        {
            throw new DataFormatException(_path, "expected a whole gzip file, got one that is cut short or has something else behind it.");
        }
    }

    private static byte[] Pack(byte[] content)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.SmallestSize))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }

    /// <summary>A stream with some bytes behind it; not disposed with this one.</summary>
    private sealed class Extended(Stream first, byte[] second) : Stream
    {
        private readonly MemoryStream _second = new(second);

        public bool FirstIsEmpty { get; private set; } = true;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int read = first.Read(buffer);
            FirstIsEmpty &= read == 0;
            return read > 0 ? read : _second.Read(buffer);
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
