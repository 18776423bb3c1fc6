namespace NormLayers.Exchange;

/// <summary>Reads bytes of a stream. Memory is taken for bytes that are there: at once where the stream knows its length, and else for each 64 KiB that have come, and once more for the whole.</summary>
internal static class StreamBytes
{
    public const int ChunkBytes = 1 << 16;

    /// <summary>Reads to the end, or so many bytes.</summary>
    /// <returns>The bytes, and how many of them were read.</returns>
    public static (byte[] Bytes, int Length) Read(Stream stream, int most)
    {
        if (stream.CanSeek || most <= ChunkBytes)
        {
            byte[] bytes = new byte[stream.CanSeek ? Math.Clamp(stream.Length - stream.Position, 0, most) : most];
            return (bytes, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
        }

        List<byte[]> chunks = Gather(stream, most);
        byte[] whole = new byte[chunks.Sum(c => c.Length)];
        int position = 0;
        foreach (byte[] chunk in chunks)
        {
            chunk.CopyTo(whole, position);
            position += chunk.Length;
        }

        return (whole, position);
    }

    /// <summary>The same in pieces, all but the last of 64 KiB.</summary>
    public static List<byte[]> Gather(Stream stream, long most)
    {
        List<byte[]> chunks = [];
        byte[] buffer = new byte[ChunkBytes];
        for (int read = buffer.Length; read == buffer.Length && most > 0; most -= read)
        {
            int wanted = (int)Math.Min(buffer.Length, most);
            read = stream.ReadAtLeast(buffer.AsSpan(0, wanted), wanted, throwOnEndOfStream: false);
            chunks.Add(buffer[..read]);
        }

        return chunks;
    }
}
