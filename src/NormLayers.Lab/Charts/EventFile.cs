using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Exchange;

namespace NormLayers.Lab.Charts;

/// <summary>Writes an event file that TensorBoard opens: scalars, and the hyperparameters of one training.</summary>
/// <remarks>
/// Records as TensorFlow frames them (length, masked CRC-32C of it, an <c>Event</c> message, masked CRC-32C of that), with the fields of event.proto,
/// summary.proto and the plugin <c>hparams</c>. A file that is cut short is read up to its last whole record.
/// </remarks>
public sealed class EventFile
{
    private const int Succeeded = 1;
    private const int Failed = 2;

    private readonly Stream _stream;
    private readonly TimeProvider _time;

    /// <summary>Begins a file.</summary>
    /// <param name="stream">Where to; it stays open, and the caller flushes it.</param>
    /// <param name="time">What times the events; null for the system's clock.</param>
    public EventFile(Stream stream, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        (_stream, _time) = (stream, time ?? TimeProvider.System);
        Write(Event(0).Add(3, "brain.Event:2"));
    }

    /// <summary>The name of a file in a folder: TensorBoard finds it by its beginning, and no other run has it.</summary>
    public static string NewName() => FormattableString.Invariant(
        $"events.out.tfevents.{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()}.{Environment.MachineName}.{Environment.ProcessId}.{Guid.NewGuid().ToString("N")[..8]}");

    /// <summary>Adds a number.</summary>
    /// <param name="tag">What it is, grouped by slashes: <c>loss/test</c>.</param>
    /// <param name="step">The step that it belongs to.</param>
    /// <param name="value">The number; kept as a float.</param>
    public void AddScalar(string tag, long step, double value)
    {
        ArgumentNullException.ThrowIfNull(tag);
        Add(step, new ProtobufMessage().Add(1, tag).Add(2, (float)value));
    }

    /// <summary>Says what the training began with.</summary>
    /// <param name="values">Numbers, true or false, and text by key; objects are taken apart, as in <c>training.epochs</c>, and lists are text.</param>
    public void AddHyperparameters(JsonObject values)
    {
        ArgumentNullException.ThrowIfNull(values);
        ProtobufMessage start = new();
        AddAll(start, "", values);
        AddSession("_hparams_/session_start_info", 3, start.Add(5, Now()));
    }

    /// <summary>Says how the training ended.</summary>
    /// <param name="completed">Whether all of it was done.</param>
    public void AddEnd(bool completed) => AddSession("_hparams_/session_end_info", 4, new ProtobufMessage().Add(1, completed ? Succeeded : Failed).Add(2, Now()));

    private static void AddAll(ProtobufMessage start, string prefix, JsonObject values)
    {
        foreach ((string key, JsonNode? value) in values)
        {
            if (value is JsonObject inner)
            {
                AddAll(start, $"{prefix}{key}.", inner);
                continue;
            }

            ProtobufMessage message = value?.GetValueKind() switch
            {
                JsonValueKind.Number => new ProtobufMessage().Add(2, value.Deserialize(EventJson.Default.Double)),
                JsonValueKind.True or JsonValueKind.False => new ProtobufMessage().Add(4, value.GetValueKind() == JsonValueKind.True ? 1 : 0),
                JsonValueKind.String => new ProtobufMessage().Add(3, value.Deserialize(EventJson.Default.String)!),
                _ => new ProtobufMessage().Add(3, value?.ToJsonString() ?? "null"),
            };
            start.Add(1, new ProtobufMessage().Add(1, prefix + key).Add(2, message));
        }
    }

    private void AddSession(string tag, int field, ProtobufMessage session)
    {
        ProtobufMessage plugin = new ProtobufMessage().Add(1, "hparams").Add(2, new ProtobufMessage().Add(field, session));
        Add(0, new ProtobufMessage().Add(1, tag).Add(9, new ProtobufMessage().Add(1, plugin)));
    }

    private void Add(long step, ProtobufMessage value) => Write(Event(step).Add(5, new ProtobufMessage().Add(1, value)));

    private ProtobufMessage Event(long step) => new ProtobufMessage().Add(1, Now()).Add(2, step);

    private double Now() => _time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    private void Write(ProtobufMessage message)
    {
        byte[] record = new byte[sizeof(ulong) + sizeof(uint) + message.Bytes.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)message.Bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(sizeof(ulong)), MaskedCrc(record.AsSpan(0, sizeof(ulong))));
        message.Bytes.CopyTo(record.AsSpan(sizeof(ulong) + sizeof(uint)));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(record.Length - sizeof(uint)), MaskedCrc(message.Bytes));

        // In one piece, so that a reader meets whole records.
        _stream.Write(record);
    }

    // The mask keeps a CRC that is stored in data from spoiling the CRC of these data.
    private static uint MaskedCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(double))]
[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class EventJson : System.Text.Json.Serialization.JsonSerializerContext;
