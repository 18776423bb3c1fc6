namespace NormLayers.Exchange;

/// <summary>A tensor of a safetensors file, as the file's header describes it.</summary>
public sealed class SafetensorsTensor
{
    internal SafetensorsTensor(SafetensorsHeader header, string name, (string Name, NumberType Type) type, IReadOnlyList<long> shape, long count, (long Begin, long End) bytes) =>
        (Header, Name, DataType, Type, Shape, Count, Begin, End) = (header, name, type.Name, type.Type, shape, count, bytes.Begin, bytes.End);

    /// <summary>The name: <c>norm1.running_mean</c>.</summary>
    public string Name { get; }

    /// <summary>The type of an element as the format writes it: <c>F32</c>, <c>BF16</c>, <c>I64</c>.</summary>
    public string DataType { get; }

    /// <summary>Whether <see cref="SafetensorsReader.ReadFloats(SafetensorsTensor)"/> reads it: F32, F64, F16, BF16.</summary>
    public bool IsFloat => TensorNumbers.IsFloat(Type);

    /// <summary>Whether <see cref="SafetensorsReader.ReadIntegers(SafetensorsTensor)"/> reads it: I64, I32, I16, I8, U64, U32, U16, U8.</summary>
    public bool IsInteger => TensorNumbers.IsInteger(Type);

    /// <summary>The dimensions, outermost first; empty for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>What an element is read as.</summary>
    internal NumberType Type { get; }

    /// <summary>The header that describes it.</summary>
    internal SafetensorsHeader Header { get; }

    /// <summary>Where the elements begin, counted in bytes from the end of the header.</summary>
    internal long Begin { get; }

    /// <summary>The byte behind the last element.</summary>
    internal long End { get; }

    /// <summary>Type, name and shape: <c>F32 'norm1.weight' [32]</c>.</summary>
    public override string ToString() => $"{DataType} {FileText.Shown(Name)} [{string.Join(", ", Shape)}]";
}
