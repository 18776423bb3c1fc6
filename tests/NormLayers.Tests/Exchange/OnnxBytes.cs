using System.Buffers.Binary;
using NormLayers.Exchange;

namespace NormLayers.Tests.Exchange;

/// <summary>An ONNX file built node by node, for the reader's tests.</summary>
internal sealed class OnnxBytes(int opset = 17)
{
    private readonly ProtobufMessage _graph = new();

    public static ProtobufMessage Tensor(string name, int type, params long[] shape)
    {
        ProtobufMessage tensor = new ProtobufMessage().Add(8, name).Add(2, type);
        foreach (long dimension in shape)
        {
            tensor.Add(1, dimension);
        }

        return tensor;
    }

    public static byte[] Raw(params float[] values)
    {
        byte[] raw = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(raw.AsSpan(4 * i), values[i]);
        }

        return raw;
    }

    public OnnxBytes Add(ProtobufMessage tensor)
    {
        _graph.Add(5, tensor);
        return this;
    }

    public OnnxBytes Floats(string name, long[] shape, params float[] values) => Add(Tensor(name, 1, shape).Add(9, Raw(values)));

    public OnnxBytes Integers(string name, params long[] values) => Add(Typed(Tensor(name, 7, values.Length), 7, values));

    /// <summary>A node: <c>y = Operator(a, b)</c>, its own if the operator has a colon before it. Attributes are integers, floats, lists of either, tensors; a long is the type alone, without a value, and text a documentation alone. Doubles are floats one by one.</summary>
    public OnnxBytes Node(string text, params (string Name, object Value)[] attributes)
    {
        string[] parts = text.Split('=', '(', ',', ')');
        string[] inputs = [.. parts[2..^1].Select(p => p.Trim())];
        ProtobufMessage node = new();
        foreach (string input in inputs.Where(i => inputs.Length > 1 || i.Length > 0))
        {
            node.Add(1, input);
        }

        foreach (string output in parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            node.Add(2, output);
        }

        string[] type = parts[1].Trim().Split(':');
        node.Add(4, type[^1]).Add(7, type.Length > 1 ? type[0] : "");
        foreach ((string name, object value) in attributes)
        {
            ProtobufMessage attribute = new ProtobufMessage().Add(1, name);
            node.Add(5, value switch
            {
                int integer => attribute.Add(3, integer).Add(20, 2),
                float number => attribute.Add(2, number).Add(20, 1),
                ProtobufMessage tensor => attribute.Add(5, tensor).Add(20, 4),
                long[] integers => Typed(attribute, 8, integers).Add(20, 7),
                float[] floats => attribute.Add(7, Raw(floats)).Add(20, 6),
                double[] floats => floats.Aggregate(attribute, (a, f) => a.Add(7, (float)f)).Add(20, 6),
                long kind => attribute.Add(20, kind),
                string documentation => attribute.Add(13, documentation),
                _ => throw new ArgumentException(name, nameof(attributes)),
            });
        }

        _graph.Add(1, node);
        return this;
    }

    public byte[] ToArray() => new ProtobufMessage().Add(1, 8).Add(7, _graph).Add(8, new ProtobufMessage().Add(1, "").Add(2, opset)).Bytes.ToArray();

    public OnnxModel Read() => OnnxModel.Read(new MemoryStream(ToArray()));

    /// <summary>The only normalization.</summary>
    public OnnxNormalization Single() => Assert.Single(Read().Normalizations);

    private static ProtobufMessage Typed(ProtobufMessage message, int field, long[] values)
    {
        foreach (long value in values)
        {
            message.Add(field, value);
        }

        return message;
    }
}
