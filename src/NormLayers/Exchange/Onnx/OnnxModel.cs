namespace NormLayers.Exchange;

/// <summary>The parts of an ONNX file that become layers: its constant tensors and its normalizations.</summary>
/// <remarks>
/// <para>Read is the model's graph itself: subgraphs, as of If and Loop, and the model's local functions are not looked into.
/// <see cref="OnnxNormalization"/> says which operators, and which sequences of operators, are taken as normalizations.</para>
/// <para>The file is kept in memory with an index of four bytes for each name and node and eight for each tensor, at most 4 MiB. Names, tensors and values are decoded on demand.</para>
/// </remarks>
public sealed class OnnxModel
{
    private readonly OnnxIndex _index;
    private IReadOnlyList<OnnxNormalization>? _normalizations;

    private OnnxModel(ReadOnlyMemory<byte> file)
    {
        ReadOnlyMemory<byte>? graph = null;
        ProtobufReader model = new(file, "an ONNX model");
        while (model.Next())
        {
            switch (model.Field)
            {
                case 7:
                    graph = graph is null ? model.Bytes() : throw new InvalidDataException("expected one graph in an ONNX model, got two.");
                    break;
                case 8:
                    ReadOpset(model.Bytes());
                    break;
            }
        }

        _index = new OnnxIndex(graph ?? throw new InvalidDataException("expected an ONNX model with a graph, got none."));
    }

    /// <summary>The version of ONNX's operators that the file uses; 1 if it states none.</summary>
    public long Opset { get; private set; } = 1;

    /// <summary>The constant tensors by name, in the order of the names: the graph's initializers and what its Constant nodes give. Each is another object each time.</summary>
    public IReadOnlyDictionary<string, OnnxTensor> Initializers => _index;

    /// <summary>The nodes, in the order of the graph. Each is another object each time.</summary>
    public IReadOnlyList<OnnxNode> Nodes => field ??= new OnnxIndex.NodeList(_index);

    /// <summary>The normalizations, in the order of the graph; found at the first call.</summary>
    /// <exception cref="InvalidDataException">A damaged attribute of a node.</exception>
    public IReadOnlyList<OnnxNormalization> Normalizations => _normalizations ??= new OnnxPatterns(_index, Opset);

    /// <summary>Reads a file.</summary>
    /// <param name="stream">The file, to its end; it stays open.</param>
    /// <exception cref="ArgumentException">The stream cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no ONNX file, or a damaged one.</exception>
    public static OnnxModel Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanRead)
        {
            Throw.Argument(nameof(stream), "a stream to read from", "one that is closed or only for writing");
        }

        (byte[] file, int length) = StreamBytes.Read(stream, Array.MaxLength);
        return length < Array.MaxLength || stream.ReadByte() < 0
            ? new OnnxModel(file.AsMemory(0, length))
            : throw new InvalidDataException($"expected an ONNX file of at most {Array.MaxLength} bytes, got more.");
    }

    private void ReadOpset(ReadOnlyMemory<byte> message)
    {
        (ReadOnlyMemory<byte> domain, long version) = (default, 0);
        ProtobufReader opset = new(message, "an opset");
        while (opset.Next())
        {
            switch (opset.Field)
            {
                case 1:
                    domain = opset.Text();
                    break;
                case 2:
                    version = opset.Integer();
                    break;
            }
        }

        if (domain.IsEmpty || domain.Span.SequenceEqual("ai.onnx"u8))
        {
            Opset = version;
        }
    }
}
