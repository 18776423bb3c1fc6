using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Tests.Charts;

/// <summary>What is written, read back by a reader of its own: frames, checksums and fields.</summary>
public sealed class EventFileTests
{
    [Fact]
    public void Write_Everything_IsReadBack()
    {
        using MemoryStream stream = new();
        EventFile events = new(stream);
        events.AddHyperparameters(new JsonObject { ["model"] = new JsonObject { ["mode"] = "größe", ["dims"] = new JsonArray(1, 2) }, ["rate"] = 0.05, ["flag"] = true, ["none"] = null });
        events.AddScalar("loss/test", 7, 0.25);
        events.AddScalar("loss/test", long.MaxValue, double.NaN);
        events.AddEnd(completed: true);

        List<byte[]> records = Records(stream.ToArray());

        Assert.Equal(5, records.Count);
        List<(int Field, object Value)>[] parsed = [.. records.Select(Fields)];
        Assert.Equal("brain.Event:2", Text(One(parsed[0], 3)));
        double time = BitConverter.Int64BitsToDouble((long)(ulong)One(parsed[0], 1));
        Assert.InRange(time, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 100, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 100);
        List<(int Field, object Value)> scalar = Value(parsed[2]);
        Assert.Equal("loss/test", Text(One(scalar, 1)));
        Assert.Equal(0.25f, BitConverter.UInt32BitsToSingle((uint)One(scalar, 2)));
        Assert.Equal(7ul, One(parsed[2], 2));
        Assert.Equal((ulong)long.MaxValue, One(parsed[3], 2));
        Assert.Equal(float.NaN, BitConverter.UInt32BitsToSingle((uint)One(Value(parsed[3]), 2)));

        Assert.Equal("_hparams_/session_start_info", Text(One(Value(parsed[1]), 1)));
        List<(int Field, object Value)> start = Fields((byte[])One(Plugin(parsed[1]), 3));
        Dictionary<string, List<(int Field, object Value)>> values = start.Where(f => f.Field == 1).Select(f => Fields((byte[])f.Value)).ToDictionary(e => Text(One(e, 1)), e => Fields((byte[])One(e, 2)));
        Assert.Equal(["model.mode", "model.dims", "rate", "flag", "none"], values.Keys);
        Assert.Equal("größe", Text(One(values["model.mode"], 3)));
        Assert.Equal("[1,2]", Text(One(values["model.dims"], 3)));
        Assert.Equal(0.05, BitConverter.Int64BitsToDouble((long)(ulong)One(values["rate"], 2)));
        Assert.Equal(1ul, One(values["flag"], 4));
        Assert.Equal("null", Text(One(values["none"], 3)));
        Assert.Equal("_hparams_/session_end_info", Text(One(Value(parsed[4]), 1)));
        Assert.Equal(1ul, One(Fields((byte[])One(Plugin(parsed[4]), 4)), 1));
    }

    [Fact]
    public void Records_OneBitChanged_IsSeenByTheChecksum()
    {
        using MemoryStream stream = new();
        new EventFile(stream).AddScalar("x", 1, 2);
        byte[] bytes = stream.ToArray();
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] changed = [.. bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.ThrowsAny<Exception>(() => Records(changed));
        }
    }

    // The value published for CRC-32C (RFC 3720, B.4) of 32 bytes of zeros, by this test's own table.
    [Fact]
    public void Crc_KnownBytes_HasTheKnownValue() => Assert.Equal(0x8A9136AAu, Crc(new byte[32]));

    private static List<(int Field, object Value)> Value(List<(int Field, object Value)> e) => Fields((byte[])One(Fields((byte[])One(e, 5)), 1));

    private static List<(int Field, object Value)> Plugin(List<(int Field, object Value)> e)
    {
        List<(int Field, object Value)> plugin = Fields((byte[])One(Fields((byte[])One(Value(e), 9)), 1));
        Assert.Equal("hparams", Text(One(plugin, 1)));
        return Fields((byte[])One(plugin, 2));
    }

    private static object One(List<(int Field, object Value)> fields, int field) => Assert.Single(fields, f => f.Field == field).Value;

    private static string Text(object value) => Encoding.UTF8.GetString((byte[])value);

    internal static List<byte[]> Records(byte[] bytes)
    {
        List<byte[]> records = [];
        for (int at = 0; at < bytes.Length;)
        {
            int length = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at)));
            Assert.Equal(Masked(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            byte[] data = bytes[(at + 12)..(at + 12 + length)];
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            records.Add(data);
            at += 16 + length;
        }

        return records;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = Crc(bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    // Bit by bit, with the reflected polynomial of Castagnoli.
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }

    // Varints and fixed numbers as integers, everything else as bytes.
    private static List<(int Field, object Value)> Fields(byte[] message)
    {
        List<(int Field, object Value)> fields = [];
        for (int at = 0; at < message.Length;)
        {
            int tag = (int)Varint(message, ref at);
            switch (tag & 7)
            {
                case 0:
                    fields.Add((tag >> 3, Varint(message, ref at)));
                    break;
                case 1:
                    fields.Add((tag >> 3, BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(at))));
                    at += 8;
                    break;
                case 2:
                    int length = (int)Varint(message, ref at);
                    fields.Add((tag >> 3, message[at..(at + length)]));
                    at += length;
                    break;
                default:
                    Assert.Equal(5, tag & 7);
                    fields.Add((tag >> 3, BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at))));
                    at += 4;
                    break;
            }
        }

        return fields;
    }

    private static ulong Varint(byte[] bytes, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = bytes[at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
    }
}
