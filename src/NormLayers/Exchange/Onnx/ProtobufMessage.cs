using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace NormLayers.Exchange;

/// <summary>A protobuf message that is being written: fields in the order of the calls.</summary>
/// <remarks>The wire format: https://protobuf.dev/programming-guides/encoding. Only what ONNX and event files need of it.</remarks>
internal sealed class ProtobufMessage
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthDelimited = 2;
    private const int Fixed32 = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    /// <summary>An integer or an enumeration.</summary>
    public ProtobufMessage Add(int field, long value)
    {
        Write((ulong)((field << 3) | Varint));
        Write((ulong)value);
        return this;
    }

    public ProtobufMessage Add(int field, float value)
    {
        Write((ulong)((field << 3) | Fixed32));
        BinaryPrimitives.WriteSingleLittleEndian(_bytes.GetSpan(sizeof(float)), value);
        _bytes.Advance(sizeof(float));
        return this;
    }

    public ProtobufMessage Add(int field, double value)
    {
        Write((ulong)((field << 3) | Fixed64));
        BinaryPrimitives.WriteDoubleLittleEndian(_bytes.GetSpan(sizeof(double)), value);
        _bytes.Advance(sizeof(double));
        return this;
    }

    public ProtobufMessage Add(int field, string value) => Add(field, Encoding.UTF8.GetBytes(value));

    public ProtobufMessage Add(int field, ProtobufMessage message) => Add(field, message.Bytes);

    public ProtobufMessage Add(int field, ReadOnlySpan<byte> bytes)
    {
        Write((ulong)((field << 3) | LengthDelimited));
        Write((ulong)bytes.Length);
        _bytes.Write(bytes);
        return this;
    }

    // Seven bits a byte, lowest first; the high bit says that more follow.
    private void Write(ulong value)
    {
        Span<byte> bytes = _bytes.GetSpan(10);
        int length = 0;
        for (; value > 0x7F; value >>= 7)
        {
            bytes[length++] = (byte)(value | 0x80);
        }

        bytes[length++] = (byte)value;
        _bytes.Advance(length);
    }
}
