using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using NormLayers.Models;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string? processor = File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() : null;
Console.WriteLine($"{processor ?? "processor not known"}, {Environment.ProcessorCount} cores; ONNX Runtime {OrtEnv.Instance().GetVersionString()}; vectors of {NormLayers.Numerics.VectorWidth.Bits} bits");
switch (args)
{
    case ["nodes"]:
        NodeTable.Write(Console.Out);
        return 0;
    case ["embedding"]:
        EmbeddingTable.Write(Console.Out);
        return 0;
    case ["fixture", string path]:
        NodeTable.WriteFixture(path);
        return 0;
    default:
        Console.Error.WriteLine("expected: nodes, embedding, or fixture FILE");
        return 2;
}
