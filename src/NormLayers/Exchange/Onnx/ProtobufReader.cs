using System.Buffers.Binary;
using System.Text.Unicode;

namespace NormLayers.Exchange;

/// <summary>The fields of a protobuf message, one after the other. Bytes are slices of the message; nothing is copied.</summary>
/// <remarks>The wire format: https://protobuf.dev/programming-guides/encoding. Groups, which ONNX does not have, are refused.</remarks>
internal ref struct ProtobufReader(ReadOnlyMemory<byte> message, string what, int nameField = 0)
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthDelimited = 2;
    private const int Fixed32 = 5;
    private const int MostVarint = 10;

    private ReadOnlyMemory<byte> _rest = message;
    private ReadOnlyMemory<byte> _bytes;
    private ReadOnlyMemory<byte> _name;
    private ulong _number;
    private int _wire;

    /// <summary>The number of the field that was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Whether the field that was read last is length-delimited: a message, text, or packed numbers.</summary>
    public readonly bool IsPacked => _wire == LengthDelimited;

    /// <summary>How many bytes follow the field that was read last.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>Reads the next field, or returns false at the end of the message.</summary>
    /// <exception cref="InvalidDataException">The message is cut short or has no valid field here.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        ulong tag = ReadVarint();
        _wire = (int)(tag & 7);
        Field = tag >> 3 is >= 1 and < 1 << 29 ? (int)(tag >> 3) : throw Invalid($"field {tag >> 3}");
        switch (_wire)
        {
            case Varint:
                _number = ReadVarint();
                break;
            case LengthDelimited:
                Take(ReadVarint());
                _name = Field == nameField ? _bytes : _name;
                break;
            case Fixed32:
                Take(sizeof(uint));
                break;
            case Fixed64:
                Take(sizeof(ulong));
                break;
            default:
                throw Invalid($"wire type {_wire} in field {Field}");
        }

        return true;
    }

    /// <summary>The field as an integer.</summary>
    public readonly long Integer() => (long)(_wire == Varint ? _number : throw OtherWire("an integer"));

    /// <summary>The field as a float.</summary>
    public readonly float Float() => BinaryPrimitives.ReadSingleLittleEndian(_wire == Fixed32 ? _bytes.Span : throw OtherWire("a float"));

    /// <summary>The field as a message or as raw bytes.</summary>
    public readonly ReadOnlyMemory<byte> Bytes() => _wire == LengthDelimited ? _bytes : throw OtherWire("a message");

    /// <summary>The field as text in UTF-8, which is checked.</summary>
    public readonly ReadOnlyMemory<byte> Text() => Utf8.IsValid(Bytes().Span) ? _bytes : throw Invalid($"text that is not UTF-8 in field {Field}");

    /// <summary>How many numbers the field has: one, or all that are packed; −1 if it has others, or one that is cut short.</summary>
    /// <param name="size">The bytes of a number, 4 or 8; 0 for integers of 1 to 10 bytes.</param>
    public readonly int Count(int size)
    {
        if (size > 0)
        {
            return (IsPacked || _wire == (size == sizeof(uint) ? Fixed32 : Fixed64)) && _bytes.Length % size == 0 ? _bytes.Length / size : -1;
        }

        if (!IsPacked)
        {
            return _wire == Varint ? 1 : -1;
        }

        // The last byte of an integer has no high bit.
        (int count, int length) = (0, 0);
        foreach (byte b in _bytes.Span)
        {
            length++;
            if (length > MostVarint)
            {
                return -1;
            }

            (count, length) = b <= 0x7F ? (count + 1, 0) : (count, length);
        }

        return length == 0 ? count : -1;
    }

    /// <summary>The same, or an <see cref="InvalidDataException"/>.</summary>
    public readonly int CheckedCount(int size) => Count(size) is >= 0 and var count ? count
        : size > 0 ? throw OtherWire($"numbers of {size} bytes")
        : throw (IsPacked ? Invalid($"integers that are cut short or have more than 64 bits in field {Field}") : OtherWire("an integer"));

    /// <summary>The field's numbers of 4 or 8 bytes, little-endian.</summary>
    public readonly ReadOnlySpan<byte> Numbers => _bytes.Span;

    /// <summary>Decodes the field's integers.</summary>
    /// <param name="numbers">Where to; as many as <see cref="Count"/> says.</param>
    /// <param name="decode">Makes a number of an integer.</param>
    public readonly void ReadIntegers<T>(scoped Span<T> numbers, Func<long, T> decode)
    {
        if (!IsPacked)
        {
            numbers[0] = decode(Integer());
            return;
        }

        ProtobufReader packed = new(_bytes, what, nameField) { _name = _name };
        foreach (ref T number in numbers)
        {
            number = decode((long)packed.ReadVarint());
        }
    }

    // With the name, if it came before what is wrong.
    private readonly string What => _name.IsEmpty ? what : $"{what} {FileText.Shown(_name.Span)}";

    private void Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
        {
            throw Invalid($"field {Field} of {length} bytes where {_rest.Length} are left");
        }

        _bytes = _rest[..(int)length];
        _rest = _rest[(int)length..];
    }

    // Seven bits a byte, lowest first; the high bit says that more follow.
    private ulong ReadVarint()
    {
        ReadOnlySpan<byte> bytes = _rest.Span;
        ulong value = 0;
        for (int i = 0; i < bytes.Length && i < MostVarint; i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] <= 0x7F)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }

        throw Invalid(bytes.Length < MostVarint ? "a message that is cut short" : "an integer of more than 64 bits");
    }

    private readonly InvalidDataException OtherWire(string expected) => new($"expected {expected} in field {Field} of {What}, got wire type {_wire}.");

    private readonly InvalidDataException Invalid(string got) => new($"expected {What} as protobuf, got {got}.");
}
