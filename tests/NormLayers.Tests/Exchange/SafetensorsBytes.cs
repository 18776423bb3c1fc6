using System.Buffers.Binary;
using System.Text;

namespace NormLayers.Tests.Exchange;

/// <summary>Files as bytes, and streams that behave badly.</summary>
internal static class SafetensorsBytes
{
    /// <summary>A file of this header, with its true length before it, and data.</summary>
    public static byte[] File(string header, params byte[] data) => File(Encoding.UTF8.GetBytes(header), data);

    public static byte[] File(byte[] header, params byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        return [.. length, .. header, .. data];
    }

    /// <summary>One of the files that are written by Python.</summary>
    public static byte[] Python(string name) => System.IO.File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Exchange", "Files", name));

    /// <summary>The bytes that a network is saved as.</summary>
    public static byte[] Of(Layer network, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using MemoryStream stream = new();
        network.Save(stream, metadata);
        return stream.ToArray();
    }
}

/// <summary>A stream that cannot seek and gives a few bytes at a time, as a pipe or a socket does.</summary>
internal sealed class Pipe(byte[] bytes) : MemoryStream(bytes)
{
    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    // The other forms of Read call this one in a class derived from MemoryStream.
    public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(7, count));
}

/// <summary>A file that another program cuts short after its length was read.</summary>
internal sealed class Shrinking(byte[] bytes, int left) : MemoryStream(bytes)
{
    public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, (int)Math.Clamp(left - Position, 0, count));
}
