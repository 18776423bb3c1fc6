using System.Buffers.Binary;
using System.Text;

namespace NormLayers.Tests.Exchange;

/// <summary>A protobuf message, read by its wire format alone: the fields in order.</summary>
internal sealed class Protobuf
{
    private readonly List<(int Field, object Value)> _fields = [];

    public Protobuf(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            ulong tag = Varint(ref bytes);
            object value = (tag & 7) switch
            {
                0 => (long)Varint(ref bytes),
                2 => Take(ref bytes, (int)Varint(ref bytes)),
                5 => BinaryPrimitives.ReadSingleLittleEndian(Take(ref bytes, 4)),
                _ => throw new InvalidDataException($"wire type {tag & 7}"),
            };
            _fields.Add(((int)(tag >> 3), value));
        }
    }

    public long Integer(int field) => (long)Single(field);

    public float Float(int field) => (float)Single(field);

    public string Text(int field) => Encoding.UTF8.GetString((byte[])Single(field));

    public byte[] Bytes(int field) => (byte[])Single(field);

    public Protobuf Message(int field) => new((byte[])Single(field));

    public IEnumerable<Protobuf> Messages(int field) => All(field).Select(v => new Protobuf((byte[])v));

    public IEnumerable<string> Texts(int field) => All(field).Select(v => Encoding.UTF8.GetString((byte[])v));

    public IEnumerable<long> Integers(int field) => All(field).Cast<long>();

    private object Single(int field) => All(field).Single();

    private IEnumerable<object> All(int field) => _fields.Where(f => f.Field == field).Select(f => f.Value);

    private static byte[] Take(ref ReadOnlySpan<byte> bytes, int length)
    {
        byte[] taken = bytes[..length].ToArray();
        bytes = bytes[length..];
        return taken;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
