using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace NormLayers.Exchange;

/// <summary>Where a graph's nodes, constants and the names of values are in its bytes, four bytes each. Whatever else there is to know of them is read there.</summary>
/// <remarks>The index takes at most 4 MiB, as a graph of more is refused. Messages are walked to a fixed depth.</remarks>
internal sealed class OnnxIndex : IReadOnlyDictionary<string, OnnxTensor>
{
    private const int FieldNode = 1;
    private const int FieldInitializer = 5;
    private const int FieldTensorName = 8;

    /// <summary>The most places together: one for a node, and for a name that goes into one or comes out; two for an initializer, one more for a node that is a constant. The sentence encoder of the examples has 2,700.</summary>
    public const int MostEntries = 1 << 20;

    private readonly ReadOnlyMemory<byte> _graph;
    private int _entries;

    // In the order of the graph.
    private Places _nodes;
    private Places _initializers;

    // In the order of the names. A constant without a name has the complement of its node's or initializer's place.
    private Places _inputs;
    private Places _outputs;
    private Places _constants;

    /// <summary>Checks names and tensors, and sorts.</summary>
    /// <exception cref="InvalidDataException">A damaged graph, or a name twice.</exception>
    public OnnxIndex(ReadOnlyMemory<byte> graph)
    {
        _graph = graph;
        Walk();
        _nodes.Allocate();
        _initializers.Allocate();
        _inputs.Allocate();
        _outputs.Allocate();
        _constants.Allocate();
        _entries = 0;
        Walk();
        Sort(_inputs);
        if (Sort(_constants) is { } constant)
        {
            throw new InvalidDataException($"expected different names of constant tensors, got {FileText.Shown(Name(constant))} twice.");
        }

        if (Sort(_outputs) is { } output)
        {
            throw new InvalidDataException($"expected every value to come out of one node, got {FileText.Shown(Name(output))} out of two.");
        }
    }

    /// <summary>The places of the nodes, in the order of the graph.</summary>
    public ReadOnlySpan<int> Nodes => _nodes.Values;

    /// <summary>The node or initializer at a place.</summary>
    public ReadOnlyMemory<byte> Message(int place) => Field(place, out _);

    /// <summary>The place of the node that a value comes out of.</summary>
    public int? Producer(ReadOnlySpan<byte> value) => Find(_outputs, value) is >= 0 and var found ? _nodes.LastUpTo(_outputs.Values[found]) : null;

    /// <summary>The number of the first node that takes a value, in the order of the graph; −1 if there is none.</summary>
    public int FirstUse(ReadOnlySpan<byte> value) => Find(_inputs, value);

    /// <summary>The next one, or −1.</summary>
    public int NextUse(int use)
    {
        ReadOnlySpan<int> inputs = _inputs.Values;
        int next = use + 1;
        while (next < inputs.Length && User(next) == User(use) && Name(inputs[next]).SequenceEqual(Name(inputs[use])))
        {
            next++;
        }

        return next < inputs.Length && Name(inputs[next]).SequenceEqual(Name(inputs[use])) ? next : -1;
    }

    /// <summary>The place of the node of a use.</summary>
    public int User(int use) => _nodes.LastUpTo(_inputs.Values[use]);

    /// <summary>The number of the constant of a name; −1 if there is none.</summary>
    public int Constant(ReadOnlySpan<byte> name) => Find(_constants, name);

    /// <summary>The node or initializer of a constant.</summary>
    public ReadOnlyMemory<byte> ConstantMessage(int constant) => ConstantMessage(constant, out _);

    /// <summary>A constant by its number.</summary>
    public OnnxTensorMessage Tensor(int constant)
    {
        ReadOnlyMemory<byte> message = ConstantMessage(constant, out int field);
        return field == FieldInitializer ? new(message) : OnnxTensorMessage.Of(new OnnxNodeMessage(message))!.Value;
    }

    int IReadOnlyCollection<KeyValuePair<string, OnnxTensor>>.Count => _constants.Count;

    public OnnxTensor this[string key] => TryGetValue(key, out OnnxTensor? tensor) ? tensor : throw new KeyNotFoundException($"Expected the name of a constant tensor, got {FileText.Shown(key)}.");

    public IEnumerable<string> Keys => Enumerable.Range(0, _constants.Count).Select(c => Encoding.UTF8.GetString(Name(_constants.Values[c])));

    public IEnumerable<OnnxTensor> Values => Enumerable.Range(0, _constants.Count).Select(c => new OnnxTensor(Tensor(c)));

    public bool ContainsKey(string key) => Place(key) >= 0;

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out OnnxTensor value)
    {
        int constant = Place(key);
        value = constant >= 0 ? new OnnxTensor(Tensor(constant)) : null;
        return value is not null;
    }

    private int Place(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Constant(Encoding.UTF8.GetBytes(key));
    }

    IEnumerator<KeyValuePair<string, OnnxTensor>> IEnumerable<KeyValuePair<string, OnnxTensor>>.GetEnumerator() => Values.Select(t => KeyValuePair.Create(t.Name, t)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<string, OnnxTensor>>)this).GetEnumerator();

    private void Walk()
    {
        ProtobufReader graph = new(_graph, "a graph");
        for (int place = 0; graph.Next(); place = _graph.Length - graph.Left)
        {
            if (graph.Field is not (FieldNode or FieldInitializer))
            {
                continue;
            }

            ReadOnlyMemory<byte> message = graph.Bytes();
            int start = _graph.Length - graph.Left - message.Length;
            if (graph.Field == FieldNode)
            {
                AddNode(message, place, start);
            }
            else
            {
                Add(ref _initializers, place);
                Add(ref _constants, new OnnxTensorMessage(message).Name.IsEmpty ? ~place : start + LastName(message));
            }
        }
    }

    private void Add(ref Places places, int place)
    {
        if (++_entries > MostEntries)
        {
            throw new InvalidDataException($"expected a graph of at most {MostEntries} nodes, initializers (each counts twice) and names that go in or come out, together, got more.");
        }

        places.Add(place);
    }

    private void AddNode(ReadOnlyMemory<byte> message, int place, int start)
    {
        OnnxNodeMessage node = new(message);
        Add(ref _nodes, place);
        int output = -1;
        ProtobufReader fields = OnnxNodeMessage.Reader(message);
        for (int at = 0; fields.Next(); at = message.Length - fields.Left)
        {
            if (fields.Field is not (OnnxNodeMessage.FieldInput or OnnxNodeMessage.FieldOutput) || fields.Bytes().IsEmpty)
            {
                continue;
            }

            if (fields.Field == OnnxNodeMessage.FieldInput)
            {
                Add(ref _inputs, start + at);
            }
            else
            {
                Add(ref _outputs, start + at);
                output = output < 0 ? start + at : output;
            }
        }

        if (OnnxTensorMessage.Of(node) is not null)
        {
            Add(ref _constants, node.Output.IsEmpty ? ~place : output);
        }
    }

    private ReadOnlyMemory<byte> ConstantMessage(int constant, out int field)
    {
        int place = _constants.Values[constant];
        return Field(place < 0 ? ~place : Math.Max(_nodes.LastUpTo(place), _initializers.LastUpTo(place)), out field);
    }

    private static int LastName(ReadOnlyMemory<byte> tensor)
    {
        int last = 0;
        ProtobufReader fields = new(tensor, "a tensor");
        for (int at = 0; fields.Next(); at = tensor.Length - fields.Left)
        {
            last = fields.Field == FieldTensorName ? at : last;
        }

        return last;
    }

    private ReadOnlyMemory<byte> Field(int place, out int field)
    {
        ProtobufReader reader = new(_graph[place..], "a graph");
        reader.Next();
        field = reader.Field;
        return reader.Bytes();
    }

    private ReadOnlySpan<byte> Name(int place) => place < 0 ? default : Field(place, out _).Span;

    // Returns the place of a name that is there twice.
    private int? Sort(Places places)
    {
        Span<int> values = places.Values;
        values.Sort((a, b) => Name(a).SequenceCompareTo(Name(b)) is not 0 and var order ? order : a.CompareTo(b));
        for (int i = 1; i < values.Length; i++)
        {
            if (Name(values[i]).SequenceEqual(Name(values[i - 1])))
            {
                return values[i];
            }
        }

        return null;
    }

    // The first of the name, or −1.
    private int Find(Places places, ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<int> values = places.Values;
        (int low, int high) = (0, values.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = Name(values[middle]).SequenceCompareTo(name) < 0 ? (middle + 1, high) : (low, middle);
        }

        return low < values.Length && Name(values[low]).SequenceEqual(name) ? low : -1;
    }

    /// <summary>The nodes as objects, each created on demand.</summary>
    public sealed class NodeList(OnnxIndex owner) : IReadOnlyList<OnnxNode>
    {
        public int Count => owner._nodes.Count;

        public OnnxNode this[int index] => new(owner.Message(owner.Nodes[Throw.IfNoPlace(index, Count)]));

        public IEnumerator<OnnxNode> GetEnumerator() => Enumerable.Range(0, Count).Select(n => this[n]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    // Counts first; then there is an array of as many.
    private struct Places
    {
        private int[]? _values;

        public int Count { get; private set; }

        public readonly Span<int> Values => _values;

        public void Allocate() => (_values, Count) = (Count == 0 ? [] : new int[Count], 0);

        public void Add(int place)
        {
            if (_values is not null)
            {
                _values[Count] = place;
            }

            Count++;
        }

        public readonly int LastUpTo(int place) => _values.AsSpan().BinarySearch(place) is var found && found >= 0 ? _values![found] : ~found > 0 ? _values![~found - 1] : -1;
    }
}
