namespace NormLayers.Exchange;

/// <summary>A tensor of a safetensors file, as the file's header describes it.</summary>
public sealed class SafetensorsTensor
{
    internal SafetensorsTensor(SafetensorsHeader header, string name, string dataType, IReadOnlyList<long> shape, long count, (long Begin, long End) bytes) =>
        (Header, Name, DataType, Shape, Count, Begin, End) = (header, name, dataType, shape, count, bytes.Begin, bytes.End);

    /// <summary>The name: <c>norm1.running_mean</c>.</summary>
    public string Name { get; }

    /// <summary>The type of an element as the format writes it: <c>F32</c>, <c>BF16</c>, <c>I64</c>.</summary>
    public string DataType { get; }

    /// <summary>Whether <see cref="SafetensorsReader.ReadFloats"/> reads it: F32, F64, F16, BF16.</summary>
    public bool IsFloat => DataType is "F32" or "F64" or "F16" or "BF16";

    /// <summary>Whether <see cref="SafetensorsReader.ReadIntegers"/> reads it: I64, I32, I16, I8, U64, U32, U16, U8.</summary>
    public bool IsInteger => DataType is "I64" or "I32" or "I16" or "I8" or "U64" or "U32" or "U16" or "U8";

    /// <summary>The dimensions, outermost first; empty for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>The header that describes it.</summary>
    internal SafetensorsHeader Header { get; }

    /// <summary>Where the elements begin, counted in bytes from the end of the header.</summary>
    internal long Begin { get; }

    /// <summary>The byte behind the last element.</summary>
    internal long End { get; }

    /// <summary>Type, name and shape: <c>F32 norm1.weight [32]</c>.</summary>
    public override string ToString() => $"{DataType} {SafetensorsHeader.Printable(Name)} [{string.Join(", ", Shape)}]";
}
