using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace NormLayers.Models;

/// <summary>A model in ONNX Runtime.</summary>
internal sealed class Runtime : IDisposable
{
    private readonly RunOptions _options = new();
    private readonly SessionOptions _sessionOptions;

    /// <summary>Loads a model.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="optimized">Whether ONNX Runtime may fuse operators.</param>
    /// <param name="threads">How many threads an operator may use.</param>
    /// <param name="more">Values inside the graph that come out too.</param>
    public Runtime(byte[] file, bool optimized, int threads, params IEnumerable<string> more)
    {
        _sessionOptions = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = optimized ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
        };
        Session = new InferenceSession([.. file, .. Outputs(more)], _sessionOptions);
    }

    public InferenceSession Session { get; }

    /// <summary>Runs the model.</summary>
    /// <param name="feeds">The inputs by name; those that the model does not have are left out.</param>
    /// <param name="outputs">What is wanted.</param>
    public IDisposableReadOnlyCollection<OrtValue> Run(IReadOnlyDictionary<string, OrtValue> feeds, IReadOnlyCollection<string> outputs)
    {
        string[] names = [.. feeds.Keys.Where(Session.InputMetadata.ContainsKey)];
        return Session.Run(_options, names, [.. names.Select(n => feeds[n])], outputs);
    }

    /// <summary>Runs a model of one input and one output, which is overwritten.</summary>
    public void Run(OrtValue x, OrtValue y) => Session.Run(_options, ["x"], [x], ["y"], [y]);

    public void Dispose()
    {
        Session.Dispose();
        _sessionOptions.Dispose();
        _options.Dispose();
    }

    // A second graph behind the first (field 7) that has outputs only (field 12, with the name as field 1): protobuf merges the two.
    private static byte[] Outputs(IEnumerable<string> names)
    {
        byte[] graph = [.. names.SelectMany(n => Field(12, Field(1, Encoding.UTF8.GetBytes(n))))];
        return graph.Length == 0 ? [] : Field(7, graph);
    }

    private static byte[] Field(int field, byte[] content)
    {
        List<byte> bytes = [(byte)((field << 3) | 2)];
        int length = content.Length;
        for (; length > 0x7F; length >>= 7)
        {
            bytes.Add((byte)(length | 0x80));
        }

        return [.. bytes, (byte)length, .. content];
    }
}
