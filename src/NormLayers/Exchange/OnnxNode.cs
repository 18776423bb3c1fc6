using System.Text;

namespace NormLayers.Exchange;

/// <summary>A node of an ONNX graph: an operator with the names of the values that go in and come out.</summary>
public sealed class OnnxNode
{
    internal OnnxNode(ReadOnlyMemory<byte> message)
    {
        OnnxNodeMessage parts = new(message);
        (Name, Operator, Domain) = (Text(parts.Name), Text(parts.Operator), Text(parts.Domain));
        (List<string> inputs, List<string> outputs) = ([], []);
        for (ProtobufReader node = OnnxNodeMessage.Reader(message); node.Next();)
        {
            if (node.Field is 1 or 2)
            {
                (node.Field == 1 ? inputs : outputs).Add(Text(node.Text()));
            }
        }

        (Inputs, Outputs) = (inputs, outputs);
    }

    /// <summary>The values that go in, in the operator's order; an empty name for one that is left out.</summary>
    public IReadOnlyList<string> Inputs { get; }

    /// <summary>The values that come out, likewise.</summary>
    public IReadOnlyList<string> Outputs { get; }

    /// <summary>The node's name; may be empty.</summary>
    public string Name { get; }

    /// <summary>The operator: <c>MatMul</c>.</summary>
    public string Operator { get; }

    /// <summary>Whose operator it is: empty or <c>ai.onnx</c> for ONNX's own.</summary>
    public string Domain { get; }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
