using System.Text;

namespace NormLayers.Exchange;

/// <summary>A constant tensor of an ONNX file. Its values are decoded when they are read.</summary>
public sealed class OnnxTensor
{
    private readonly OnnxTensorMessage _message;

    internal OnnxTensor(OnnxTensorMessage message)
    {
        _message = message;
        Name = Encoding.UTF8.GetString(message.Name.Span);
        Shape = message.Rank == 0 ? [] : message.Shape(new long[message.Rank]).ToArray();
    }

    /// <summary>The name: that of the value in the graph.</summary>
    public string Name { get; }

    /// <summary>The type of an element as the format names it: <c>FLOAT</c>, <c>BFLOAT16</c>, <c>INT64</c>.</summary>
    public string DataType => _message.DataType;

    /// <summary>Whether <see cref="ReadFloats()"/> reads it: FLOAT, DOUBLE, FLOAT16, BFLOAT16.</summary>
    public bool IsFloat => _message.IsFloat;

    /// <summary>Whether <see cref="ReadIntegers()"/> reads it: INT8 to INT64, UINT8 to UINT64, BOOL.</summary>
    public bool IsInteger => _message.IsInteger;

    /// <summary>The dimensions, outermost first; empty for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements.</summary>
    public int Count => _message.Count;

    /// <summary>Reads a tensor of FLOAT, DOUBLE, FLOAT16 or BFLOAT16.</summary>
    /// <returns>Its values, row-major: FLOAT with its bits, FLOAT16 and BFLOAT16 exactly, DOUBLE rounded to the nearest float.</returns>
    /// <exception cref="InvalidDataException">Another type, another number of values than the shape has, values that are in another file, or a DOUBLE beyond the range of floats.</exception>
    public float[] ReadFloats()
    {
        CheckFloat();
        float[] values = new float[Count];
        _message.Read(values);
        return values;
    }

    /// <summary>The same into memory that is there.</summary>
    /// <param name="values"><b>Overwritten</b>; as many as <see cref="Count"/>.</param>
    /// <exception cref="ArgumentException">Memory for another number of values.</exception>
    /// <exception cref="InvalidDataException">As above.</exception>
    public void ReadFloats(Span<float> values)
    {
        CheckFloat();
        Throw.IfLengthDiffers(values.Length, Count, nameof(values));
        _message.Read(values);
    }

    /// <summary>Reads a tensor of integers of 8 to 64 bits, or of truth values as 0 and 1.</summary>
    /// <returns>Its values, row-major.</returns>
    /// <exception cref="InvalidDataException">Another type, another number of values than the shape has, values that are in another file, or a UINT64 above 2⁶³ − 1.</exception>
    public long[] ReadIntegers()
    {
        CheckInteger();
        long[] values = new long[Count];
        _message.Read(values);
        return values;
    }

    /// <summary>The same into memory that is there.</summary>
    /// <param name="values"><b>Overwritten</b>; as many as <see cref="Count"/>.</param>
    /// <exception cref="ArgumentException">Memory for another number of values.</exception>
    /// <exception cref="InvalidDataException">As above.</exception>
    public void ReadIntegers(Span<long> values)
    {
        CheckInteger();
        Throw.IfLengthDiffers(values.Length, Count, nameof(values));
        _message.Read(values);
    }

    /// <summary>Type, name and shape: <c>FLOAT 'norm1.weight' [32]</c>.</summary>
    public override string ToString() => _message.ToString();

    // Values are counted before memory is taken for them.
    private void CheckFloat()
    {
        if (!IsFloat)
        {
            throw new InvalidDataException($"expected a tensor of FLOAT, DOUBLE, FLOAT16 or BFLOAT16, got {this}.");
        }

        _message.CheckValues();
    }

    private void CheckInteger()
    {
        if (!IsInteger)
        {
            throw new InvalidDataException($"expected a tensor of integers, got {this}.");
        }

        _message.CheckValues();
    }
}
