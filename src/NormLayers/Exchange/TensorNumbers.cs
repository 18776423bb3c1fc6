using System.Buffers.Binary;

namespace NormLayers.Exchange;

/// <summary>The types of numbers that files have and layers take.</summary>
internal enum NumberType
{
    Other,
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Boolean,
}

/// <summary>Numbers of files, little-endian, as those that layers have.</summary>
internal static class TensorNumbers
{
    /// <summary>One of the forms of <c>Read</c>.</summary>
    /// <param name="type">The type of the numbers.</param>
    /// <param name="bytes">The numbers, little-endian.</param>
    /// <param name="numbers">Where to; so many are read.</param>
    /// <param name="tensor">What an exception names; null where there can be none.</param>
    public delegate void Decode<T>(NumberType type, ReadOnlySpan<byte> bytes, Span<T> numbers, object? tensor);

    public static bool IsFloat(NumberType type) => type is >= NumberType.F64 and <= NumberType.BF16;

    public static bool IsInteger(NumberType type) => type >= NumberType.I64;

    /// <summary>The bytes of a number; 0 for other types.</summary>
    public static int Size(NumberType type) => type switch
    {
        NumberType.F64 or NumberType.I64 or NumberType.U64 => 8,
        NumberType.F32 or NumberType.I32 or NumberType.U32 => 4,
        NumberType.F16 or NumberType.BF16 or NumberType.I16 or NumberType.U16 => 2,
        NumberType.Other => 0,
        _ => 1,
    };

    /// <summary>Reads floats: F32 with its bits, F16 and BF16 exactly, F64 rounded to the nearest float.</summary>
    /// <exception cref="InvalidDataException">A number beyond the range of floats.</exception>
    public static void Read(NumberType type, ReadOnlySpan<byte> bytes, Span<float> numbers, object? tensor)
    {
        int size = Size(type);
        for (int i = 0; i < numbers.Length; i++, bytes = bytes[size..])
        {
            numbers[i] = type switch
            {
                NumberType.F32 => BinaryPrimitives.ReadSingleLittleEndian(bytes),
                NumberType.F64 => Narrow(BinaryPrimitives.ReadDoubleLittleEndian(bytes), tensor),
                NumberType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes),
                _ => OfBFloat16(BinaryPrimitives.ReadInt16LittleEndian(bytes)),
            };
        }
    }

    /// <summary>Reads doubles, which have their bits.</summary>
    public static void Read(NumberType type, ReadOnlySpan<byte> bytes, Span<double> numbers, object? tensor)
    {
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BinaryPrimitives.ReadDoubleLittleEndian(bytes[(i * sizeof(double))..]);
        }
    }

    /// <summary>Reads integers; truth values are 0 and 1, which any other byte is.</summary>
    /// <exception cref="InvalidDataException">One above 2⁶³ − 1.</exception>
    public static void Read(NumberType type, ReadOnlySpan<byte> bytes, Span<long> numbers, object? tensor)
    {
        int size = Size(type);
        for (int i = 0; i < numbers.Length; i++, bytes = bytes[size..])
        {
            numbers[i] = type switch
            {
                NumberType.I64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
                NumberType.I32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
                NumberType.I16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
                NumberType.I8 => (sbyte)bytes[0],
                NumberType.U64 => Signed(BinaryPrimitives.ReadUInt64LittleEndian(bytes), tensor),
                NumberType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
                NumberType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
                NumberType.U8 => bytes[0],
                _ => bytes[0] == 0 ? 0 : 1,
            };
        }
    }

    /// <summary>The number with the bits of a bfloat16, which are the upper half of a float's.</summary>
    public static float OfBFloat16(short bits) => BitConverter.Int32BitsToSingle(bits << 16);

    /// <summary>Whether the nearest float is finite, or the number is not either.</summary>
    public static bool IsInRange(double value) => float.IsFinite((float)value) || !double.IsFinite(value);

    /// <summary>An unsigned integer as a signed one.</summary>
    /// <exception cref="InvalidDataException">It is above 2⁶³ − 1.</exception>
    public static long Signed(ulong value, object? tensor) => value > long.MaxValue
        ? throw new InvalidDataException($"expected integers up to 2⁶³ − 1 in {tensor}, got {value}.")
        : (long)value;

    /// <summary>The nearest float; NaN and infinity stay.</summary>
    /// <exception cref="InvalidDataException">A number beyond the range of floats.</exception>
    private static float Narrow(double value, object? tensor) => IsInRange(value)
        ? (float)value
        : throw new InvalidDataException(FormattableString.Invariant($"expected numbers in the range of floats in {tensor}, got {value}."));
}
