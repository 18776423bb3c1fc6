using NormLayers.Exchange;
using NormLayers.Network;

namespace NormLayers;

/// <summary>Writes networks as ONNX files.</summary>
/// <remarks>
/// The network is written as it evaluates: batch normalization with its running statistics. Values have the names of <see cref="Layer.NamedState"/>,
/// nodes the names of the layers. The opset is 17, or the first that has all operators: 18 with ScaleNorm, 20 with GELU, 21 with group normalization, 23 with RMS normalization. The bytes are the same for the same network.
/// </remarks>
public static class OnnxFiles
{
    // A protobuf message has less than 2 GiB; names and structure take the rest.
    private const long MostParameters = (int.MaxValue - (64L << 20)) / sizeof(float);

    /// <summary>Writes a network as an ONNX model for any batch size.</summary>
    /// <param name="network">A <see cref="Sequential"/> or a layer: linear, also with normalized weights, activations, softmax, or a normalization.</param>
    /// <param name="stream">Where to; it stays open. Nothing is written before the model is complete.</param>
    /// <param name="sample">The shape of one sample, without the batch: <c>20</c>, or (C, L) as a tuple.</param>
    /// <param name="options">Names and text; null for the defaults.</param>
    /// <returns>The model's opset.</returns>
    /// <exception cref="ArgumentNullException">The network, the stream, or a text of the options, is null.</exception>
    /// <exception cref="ArgumentException">
    /// The stream cannot be written, the network does not take such samples, or the standardization has other features. The network has a negative running
    /// variance or deviation, or more than 2 GiB of parameters. Two values would have the same name, or a name or text is no valid Unicode.
    /// </exception>
    /// <exception cref="NotSupportedException">A layer with a mask, or one that ONNX has no operator for, or has with another meaning; the message says which and why.</exception>
    public static int WriteOnnx(this Layer network, Stream stream, Shape sample, OnnxOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new OnnxOptions();
        ArgumentNullException.ThrowIfNull(options.Name);
        ArgumentNullException.ThrowIfNull(options.Documentation);
        ArgumentNullException.ThrowIfNull(options.Input);
        ArgumentNullException.ThrowIfNull(options.Output);
        ArgumentNullException.ThrowIfNull(options.Metadata);
        if (options.Metadata.Values.Contains(null))
        {
            Throw.Argument(nameof(options), "text in the metadata", "null");
        }

        string?[] texts = [options.Name, options.Documentation, options.Input, options.Output, options.Softmax, .. options.Metadata.Keys, .. options.Metadata.Values];
        foreach (string text in texts.OfType<string>())
        {
            _ = FileText.Checked(text, nameof(options));
        }

        LayerFiles.CheckNotNegative(network, nameof(network));
        if (!stream.CanWrite)
        {
            Throw.Argument(nameof(stream), "a stream to write to", "one that is closed or only for reading");
        }

        if (sample.Rank is 0 or Shape.MaxRank)
        {
            Throw.Argument(nameof(sample), $"1 to {Shape.MaxRank - 1} dimensions", $"{sample.Rank}");
        }

        Shape input = new([1, .. Enumerable.Range(0, sample.Rank).Select(a => sample[a])]);
        Shape output = Throw.IfRefused(network, input, "the shape of a sample that the network takes", $"{sample}", nameof(sample));
        if (network.Parameters.Sum(p => (long)p.Value.Length) > MostParameters)
        {
            Throw.Argument(nameof(network), $"at most {MostParameters} parameters, as an ONNX file has less than 2 GiB", "more");
        }

        OnnxGraph graph = new();
        string first = Standardize(graph, options, sample, graph.Declare(options.Input));
        string last = new OnnxLayers(graph, input).Append(network, path: "", first);
        graph.Node("Identity", 13, "output", "the network's output", [last], options.Output);
        if (options.Softmax is { } softmax)
        {
            graph.Node("Softmax", 13, "softmax", "probabilities of the classes", [options.Output], softmax, ("axis", -1));
        }

        stream.Write(graph.ToModel(options, input, output).Bytes);
        return graph.Opset;
    }

    // In double, as large offsets need it. A constant feature becomes (0·x − 0 − 0)/1.
    private static string Standardize(OnnxGraph graph, OnnxOptions options, Shape sample, string x)
    {
        if (options.Standardization is not { } features)
        {
            return x;
        }

        if (sample.Rank != 1 || sample.Length != features.Count)
        {
            Throw.Argument(nameof(options), $"a standardization of samples of shape {sample}", $"one of {features.Count} features");
        }

        string value = graph.Node("Cast", 13, "standardize.widen", "to double", [x], "standardize.wide", ("to", OnnxGraph.TypeDouble));
        value = Apply("Mul", 14, "scale", f => f.Deviation == 0 ? 0 : f.Scale);
        value = Apply("Sub", 14, "shift", f => f.Deviation == 0 ? 0 : f.Shift);
        value = Apply("Sub", 14, "mean", f => f.Deviation == 0 ? 0 : f.Mean);
        value = Apply("Div", 14, "deviation", f => f.Deviation == 0 ? 1 : f.Deviation);
        return graph.Node("Cast", 13, "standardize.round", "to float", [value], "standardize.output", ("to", OnnxGraph.TypeFloat));

        string Apply(string type, int since, string name, Func<(double Scale, double Shift, double Mean, double Deviation), double> number) => graph.Node(
            type,
            since,
            "standardize." + name,
            "(scale·x - shift - mean)/deviation of each feature, as in training",
            [value, graph.Initializer("standardization." + name, [.. features.Select(number)])],
            $"standardize.{name}.output");
    }
}
