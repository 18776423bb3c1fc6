using System.Reflection;
using NormLayers;
using NormLayers.Exchange;

/// <summary>The weights of a sentence encoder of MiniLM's shape, a BERT of 384 features, as an ONNX file has them.</summary>
/// <remarks>Matrices are (inputs, outputs). The exporter kept the names of the biases only, so a matrix is found by the bias that is added to its product.</remarks>
internal sealed class MiniLmWeights
{
    public const int Features = 384;
    public const int Heads = 12;
    public const int HeadFeatures = Features / Heads;

    /// <summary>Reads a file.</summary>
    public MiniLmWeights(OnnxModel model)
    {
        Words = model.Initializers["embeddings.word_embeddings.weight"].ReadFloats();
        Positions = model.Initializers["embeddings.position_embeddings.weight"].ReadFloats();
        TokenTypes = model.Initializers["embeddings.token_type_embeddings.weight"].ReadFloats();
        LayerNorm[] norms = [.. model.Normalizations.Select(n => (LayerNorm)n.CreateLayer())];
        Norm = norms[0];
        Dictionary<string, OnnxNode> producers = model.Nodes.ToDictionary(n => n.Outputs[0]);
        Blocks =
        [
            .. Enumerable.Range(0, (norms.Length - 1) / 2).Select(i => new Block(
                [.. ((string[])["query", "key", "value"]).Select(part => Dense($"encoder.layer.{i}.attention.self.{part}.bias"))],
                Dense($"encoder.layer.{i}.attention.output.dense.bias"),
                norms[2 * i + 1],
                Dense($"encoder.layer.{i}.intermediate.dense.bias"),
                Dense($"encoder.layer.{i}.output.dense.bias"),
                norms[2 * i + 2])),
        ];

        DenseWeights Dense(string bias)
        {
            OnnxNode sum = model.Nodes.Single(n => n.Operator == "Add" && n.Inputs.Contains(bias));
            OnnxNode product = producers[sum.Inputs.Single(i => i != bias)];
            return new DenseWeights(model.Initializers[product.Inputs[1]].ReadFloats(), model.Initializers[bias].ReadFloats());
        }
    }

    public float[] Words { get; }

    public float[] Positions { get; }

    public float[] TokenTypes { get; }

    public LayerNorm Norm { get; }

    public Block[] Blocks { get; }

    /// <summary>The most tokens of a sentence.</summary>
    public int MostTokens => Positions.Length / Features;

    /// <summary>Opens a file inside a package, which has it as a resource of its assembly. The build says where the package lies (Directory.Build.props).</summary>
    public static Stream Open(string package, string ending)
    {
        string path = typeof(MiniLmWeights).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == package).Value!;
        Assembly assembly = Assembly.LoadFile(path);
        return assembly.GetManifestResourceStream(assembly.GetManifestResourceNames().Single(n => n.EndsWith(ending, StringComparison.Ordinal)))!;
    }

    /// <summary>A product and a bias.</summary>
    public sealed record DenseWeights(float[] Weight, float[] Bias);

    /// <summary>A layer of the encoder: attention and a network of two layers, each with its residual and its normalization.</summary>
    public sealed record Block(DenseWeights[] QueryKeyValue, DenseWeights Attention, LayerNorm AttentionNorm, DenseWeights Inner, DenseWeights Outer, LayerNorm OuterNorm);
}
