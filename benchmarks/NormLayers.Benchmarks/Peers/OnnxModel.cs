using Google.Protobuf;

namespace NormLayers.Benchmarks.Peers;

/// <summary>Writes a model of one normalization as ONNX: messages and field numbers as in onnx.proto.</summary>
internal static class OnnxModel
{
    // Versions that a model of either opset may have.
    private const long IrVersion = 10;
    private const int FloatType = 1;

    /// <param name="operation">An operator whose first input is x and whose only output is y.</param>
    /// <param name="epsilon">Its attribute of that name.</param>
    /// <param name="opset">The version of the operators.</param>
    /// <param name="shape">The shape of x and y.</param>
    /// <param name="parameters">The further inputs, constants of one dimension.</param>
    public static byte[] OfOneNode(string operation, float epsilon, long opset, long[] shape, params (string Name, float[] Values)[] parameters) =>
        OfOneNode(operation, [("epsilon", epsilon)], opset, shape, parameters);

    /// <summary>The same with attributes, each a float or an int.</summary>
    public static byte[] OfOneNode(
        string operation, (string Name, object Value)[] attributes, long opset, long[] shape, params (string Name, float[] Values)[] parameters) => Message(model =>
    {
        Integer(model, 1, IrVersion);
        Nested(model, 7, graph =>
        {
            Nested(graph, 1, node =>
            {
                Text(node, 1, "x");
                foreach ((string name, _) in parameters)
                {
                    Text(node, 1, name);
                }

                Text(node, 2, "y");
                Text(node, 4, operation);
                foreach ((string name, object value) in attributes)
                {
                    Nested(node, 5, attribute => Attribute(attribute, name, value));
                }
            });
            Text(graph, 2, operation);
            foreach ((string name, float[] values) in parameters)
            {
                Nested(graph, 5, tensor =>
                {
                    Integer(tensor, 1, values.Length);
                    Integer(tensor, 2, FloatType);
                    Text(tensor, 8, name);
                    Bytes(tensor, 9, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray());
                });
            }

            Nested(graph, 11, value => ValueInfo(value, "x", shape));
            Nested(graph, 12, value => ValueInfo(value, "y", shape));
        });
        Nested(model, 8, import => Integer(import, 2, opset));
    });

    // Field 2 and type 1 for a float, field 3 and type 2 for an integer.
    private static void Attribute(CodedOutputStream attribute, string name, object value)
    {
        Text(attribute, 1, name);
        if (value is float number)
        {
            attribute.WriteTag(2, WireFormat.WireType.Fixed32);
            attribute.WriteFloat(number);
        }
        else
        {
            Integer(attribute, 3, (int)value);
        }

        Integer(attribute, 20, value is float ? 1 : 2);
    }

    private static void ValueInfo(CodedOutputStream value, string name, long[] shape)
    {
        Text(value, 1, name);
        Nested(value, 2, type => Nested(type, 1, tensor =>
        {
            Integer(tensor, 1, FloatType);
            Nested(tensor, 2, dimensions =>
            {
                foreach (long length in shape)
                {
                    Nested(dimensions, 1, dimension => Integer(dimension, 1, length));
                }
            });
        }));
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using MemoryStream memory = new();
        using (CodedOutputStream stream = new(memory, leaveOpen: true))
        {
            write(stream);
        }

        return memory.ToArray();
    }

    private static void Nested(CodedOutputStream stream, int field, Action<CodedOutputStream> write) => Bytes(stream, field, Message(write));

    private static void Bytes(CodedOutputStream stream, int field, byte[] value)
    {
        stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
        stream.WriteBytes(UnsafeByteOperations.UnsafeWrap(value));
    }

    private static void Text(CodedOutputStream stream, int field, string value)
    {
        stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
        stream.WriteString(value);
    }

    private static void Integer(CodedOutputStream stream, int field, long value)
    {
        stream.WriteTag(field, WireFormat.WireType.Varint);
        stream.WriteInt64(value);
    }
}
