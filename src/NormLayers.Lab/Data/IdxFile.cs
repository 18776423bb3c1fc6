using System.Buffers.Binary;

namespace NormLayers.Lab.Data;

/// <summary>The content of an IDX file of unsigned bytes.</summary>
/// <param name="Path">The file.</param>
/// <param name="Count">The first dimension: the number of samples, ≥ 1.</param>
/// <param name="Data">The bytes, row-major.</param>
/// <param name="HeaderLength">The bytes before them.</param>
/// <remarks>
/// The format: two zero bytes, the element type (8: unsigned byte), the number of dimensions, the dimensions as
/// big-endian 32-bit integers, the data.
/// </remarks>
internal sealed record IdxFile(string Path, int Count, byte[] Data, int HeaderLength)
{
    private const int FirstBuffer = 1 << 16;

    /// <summary>Reads a file of a given number of dimensions from its first byte to its last.</summary>
    public static IdxFile Read(Stream stream, string path, int rank)
    {
        int headerLength = 4 + 4 * rank;
        byte[] header = ReadBytes(stream, path, 0, headerLength);
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(header);
        uint expected = 0x0800 + (uint)rank;
        if (magic != expected)
        {
            throw new DataFormatException(path, $"expected the magic number 0x{expected:X8} (IDX, unsigned bytes, {rank} dimensions), got 0x{magic:X8}.", byteOffset: 0);
        }

        long length = 1;
        for (int offset = 4; offset < headerLength; offset += 4)
        {
            uint dimension = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(offset));
            if (dimension == 0 || dimension > Array.MaxLength / length)
            {
                throw new DataFormatException(
                    path,
                    FormattableString.Invariant($"expected a dimension from 1 to {Array.MaxLength / length}, got {dimension}."),
                    byteOffset: offset);
            }

            length *= dimension;
        }

        byte[] data = ReadBytes(stream, path, headerLength, (int)length);
        if (stream.ReadByte() >= 0)
        {
            long end = headerLength + length;
            throw new DataFormatException(path, FormattableString.Invariant($"expected {end} bytes by the header, got more."), byteOffset: end);
        }

        return new IdxFile(path, (int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4)), data, headerLength);
    }

    // The buffer grows with what arrives: a header may promise gigabytes that the file does not hold.
    private static byte[] ReadBytes(Stream stream, string path, int start, int count)
    {
        byte[] buffer = new byte[Math.Min(count, FirstBuffer)];
        int filled = 0;
        while (filled < count)
        {
            if (filled == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(count, 2L * filled));
            }

            int read = stream.Read(buffer.AsSpan(filled));
            if (read == 0)
            {
                throw new DataFormatException(
                    path,
                    FormattableString.Invariant($"expected {(long)start + count} bytes, got the end of the file."),
                    byteOffset: (long)start + filled);
            }

            filled += read;
        }

        return buffer;
    }
}
