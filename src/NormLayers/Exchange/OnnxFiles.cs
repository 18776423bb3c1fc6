using NormLayers.Exchange;
using NormLayers.Network;

namespace NormLayers;

/// <summary>Writes networks as ONNX files.</summary>
/// <remarks>
/// The network is written as it evaluates: batch normalization with its running statistics. Values have the names of <see cref="Layer.NamedState"/>,
/// nodes the names of the layers. The opset is 17, or the first that has all operators: 20 with GELU, 23 with RMS normalization. The bytes are the same for the same network.
/// </remarks>
public static class OnnxFiles
{
    // A protobuf message has less than 2 GiB; names and structure take the rest.
    private const long MostParameters = (int.MaxValue - (64L << 20)) / sizeof(float);

    /// <summary>Writes a network as an ONNX model for any batch size.</summary>
    /// <param name="network">A <see cref="Sequential"/> or a layer: linear, activations, softmax, batch, layer or RMS normalization.</param>
    /// <param name="stream">Where to; it stays open. Nothing is written before the model is complete.</param>
    /// <param name="sample">The shape of one sample, without the batch: <c>20</c>, or (C, L) as a tuple.</param>
    /// <param name="options">Names and text; null for the defaults.</param>
    /// <exception cref="ArgumentException">The network does not take such samples, has more than 2 GiB of parameters, or two values would have the same name.</exception>
    /// <exception cref="NotSupportedException">A layer that ONNX has no operator for, or has with another meaning; the message says which and why.</exception>
    public static void WriteOnnx(this Layer network, Stream stream, Shape sample, OnnxOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new OnnxOptions();
        if (sample.Rank is 0 or Shape.MaxRank)
        {
            Throw.Argument(nameof(sample), $"1 to {Shape.MaxRank - 1} dimensions", $"{sample.Rank}");
        }

        Shape input = new([1, .. Enumerable.Range(0, sample.Rank).Select(a => sample[a])]);
        Shape output = network.OutputShape(input);
        if (network.Parameters.Sum(p => (long)p.Value.Length) > MostParameters)
        {
            Throw.Argument(nameof(network), $"at most {MostParameters} parameters, as an ONNX file has less than 2 GiB", "more");
        }

        OnnxGraph graph = new();
        string last = new OnnxLayers(graph, input.Rank).Append(network, path: "", graph.Declare(options.Input));
        graph.Node("Identity", 13, "output", "the network's output", [last], options.Output);
        if (options.Softmax is { } softmax)
        {
            graph.Node("Softmax", 13, "softmax", "probabilities of the classes", [options.Output], softmax, ("axis", -1));
        }

        stream.Write(graph.ToModel(options, input, output).Bytes);
    }
}
