using System.Collections;
using System.Text;

namespace NormLayers.Exchange;

/// <summary>A node of an ONNX graph: an operator with the names of the values that go in and come out.</summary>
public sealed class OnnxNode
{
    internal OnnxNode(ReadOnlyMemory<byte> message)
    {
        OnnxNodeMessage parts = new(message);
        (Name, Operator, Domain) = (Text(parts.Name), Text(parts.Operator), Text(parts.Domain));
        (Inputs, Outputs) = (new Names(message, OnnxNodeMessage.FieldInput), new Names(message, OnnxNodeMessage.FieldOutput));
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

    // A name is decoded when it is read. The search begins at the name that was read last, so that a loop takes linear time.
    private sealed class Names : IReadOnlyList<string>
    {
        private readonly ReadOnlyMemory<byte> _message;
        private readonly int _field;

        // Number and place in one, so that threads see both or neither.
        private long _last;

        public Names(ReadOnlyMemory<byte> message, int field)
        {
            (_message, _field) = (message, field);
            for (ProtobufReader node = OnnxNodeMessage.Reader(message); node.Next();)
            {
                Count += node.Field == field ? 1 : 0;
            }
        }

        public int Count { get; }

        public string this[int index]
        {
            get
            {
                ArgumentOutOfRangeException.ThrowIfNegative(index);
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
                long last = Interlocked.Read(ref _last);
                (int number, int start) = last >> 32 <= index ? ((int)(last >> 32), (int)last) : (0, 0);
                ProtobufReader node = OnnxNodeMessage.Reader(_message[start..]);
                while (node.Next() && (node.Field != _field || number++ < index))
                {
                    // Fields of the names before it.
                }

                Interlocked.Exchange(ref _last, ((long)(index + 1) << 32) | (uint)(_message.Length - node.Left));
                return Text(node.Bytes());
            }
        }

        public IEnumerator<string> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
