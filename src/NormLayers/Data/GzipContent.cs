using System.Buffers.Binary;
using System.IO.Compression;

namespace NormLayers.Data;

/// <summary>The unpacked content of a gzip file, checked for completeness at its end.</summary>
/// <remarks>
/// <see cref="GZipStream"/> checks the checksum if it gets to see it, but takes a file that is cut short for a shorter
/// one. So the length in the last four bytes (RFC 1952: ISIZE, modulo 2³²) is compared with what was unpacked.
/// </remarks>
internal sealed class GzipContent : Stream
{
    private const int ShortestFile = 18;

    private readonly GZipStream _unpacked;
    private readonly string _path;
    private readonly uint _expected;
    private uint _length;

    public GzipContent(Stream packed, string path)
    {
        _path = path;
        if (packed.Length < ShortestFile)
        {
            throw new DataFormatException(
                path, FormattableString.Invariant($"expected a gzip file of at least {ShortestFile} bytes, got {packed.Length}."));
        }

        Span<byte> trailer = stackalloc byte[4];
        packed.Seek(-trailer.Length, SeekOrigin.End);
        packed.ReadExactly(trailer);
        packed.Seek(0, SeekOrigin.Begin);
        _expected = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        _unpacked = new GZipStream(packed, CompressionMode.Decompress, leaveOpen: true);
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
        int read;
        try
        {
            read = _unpacked.Read(buffer);
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(_path, "expected a gzip file, got something else or a damaged one.", innerException: e);
        }

        _length += (uint)read;
        if (read == 0 && buffer.Length > 0 && _length != _expected)
        {
            throw new DataFormatException(
                _path,
                FormattableString.Invariant($"expected {_expected} bytes by the end of the gzip file, unpacked {_length}: ")
                    + "it is cut short, has something behind it, or was put together from several.");
        }

        return read;
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
        }

        base.Dispose(disposing);
    }
}
