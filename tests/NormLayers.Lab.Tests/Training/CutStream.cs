namespace NormLayers.Lab.Tests.Training;

/// <summary>A file that shrinks while it is read: it keeps its length, and ends before.</summary>
internal sealed class CutStream(byte[] file, int end) : MemoryStream(file, writable: false)
{
    public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, (int)Math.Clamp(end - Position, 0, count));

    public override int Read(Span<byte> buffer) => base.Read(buffer[..(int)Math.Clamp(end - Position, 0, buffer.Length)]);
}
