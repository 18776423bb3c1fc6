using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks;

/// <summary>What is measured: square shapes from the first-level cache to main memory, shapes of real models, and two networks.</summary>
internal static class Suite
{
    private static readonly string[] _ladder = ["32x32", "64x64", "64x128", "128x256", "256x512", "512x768", "1024x1024", "4096x768", "4096x4096"];

    // Transformers (one of an odd number of rows), Swin's stages 2 to 4, and 16 sequences of 512 tokens.
    private static readonly string[] _layerModels = ["257x768", "1216x1024", "6272x256", "1568x512", "392x2048", "8192x1024"];

    // Fully connected heads, one-dimensional convolutions, and stages of ResNet-50 with its planes as L.
    private static readonly string[] _batchModels = ["16x512", "32x27x7", "8x256x288", "8x512x560", "50x256x196", "50x2048x49"];

    private static readonly string[] _quick = ["32x32", "64x128", "512x768", "4096x768"];

    // From 1 MB to 1 GB: for the cost against size, of ours and the yardstick only.
    private static readonly string[] _sizes = ["512x512", "1024x1024", "2048x2048", "4096x4096", "8192x8192", "16384x16384"];

    public static IEnumerable<NormCase> Norms(SuiteKind kind)
    {
        string[] layer = kind switch { SuiteKind.Quick => _quick, SuiteKind.Sizes => _sizes, _ => [.. _ladder, .. _layerModels] };
        string[] batch = kind switch { SuiteKind.Quick => _quick, SuiteKind.Sizes => _sizes, _ => [.. _ladder, .. _batchModels] };
        return
        [
            .. Cases(Normalization.LayerNorm, layer, NormPass.Forward),
            .. Cases(Normalization.LayerNorm, layer, NormPass.ForwardBackward),
            .. Cases(Normalization.BatchNorm, batch, NormPass.Forward),
            .. Cases(Normalization.BatchNorm, batch, NormPass.Evaluation),
            .. Cases(Normalization.BatchNorm, batch, NormPass.ForwardBackward),
        ];
    }

    public static IEnumerable<StepCase> Steps(SuiteKind kind)
    {
        IEnumerable<StepCase> large = Enum.GetValues<Normalization>().Select(mode => new StepCase([784, 1000, 1000, 10], 128, mode));
        return kind switch
        {
            SuiteKind.Sizes => [],
            SuiteKind.Quick => StepCase.Defaults,
            _ => [.. StepCase.Defaults, .. large],
        };
    }

    /// <summary>Reads what <see cref="NormCase.ToString"/> or <see cref="StepCase.ToString"/> wrote.</summary>
    public static object Read(string name)
    {
        string[] words = name.Split(' ');
        if (words[0] == "step")
        {
            return new StepCase([.. words[1].Split('-').Select(int.Parse)], int.Parse(words[3]), Enum.Parse<Normalization>(words[4], ignoreCase: true));
        }

        return NormCase.TryReadShape(words[1], out Shape shape)
            ? new NormCase(Enum.Parse<Normalization>(words[0], ignoreCase: true), shape, Enum.GetValues<NormPass>().Single(p => new NormCase(default, shape, p).PassName == words[2]))
            : throw new FormatException($"'{name}' is no case");
    }

    private static IEnumerable<NormCase> Cases(Normalization layer, string[] shapes, NormPass pass) =>
        shapes.Select(s => NormCase.TryReadShape(s, out Shape shape) ? new NormCase(layer, shape, pass) : throw new FormatException(s));
}

/// <summary>How much is measured.</summary>
internal enum SuiteKind
{
    Full,
    Quick,
    Sizes,
}
