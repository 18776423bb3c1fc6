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

    // The other shapes of models that oneDNN's benchmark and PyTorch's tests list (docs/performance-history.md, more shapes of models).
    private static readonly string[] _moreLayerModels =
    [
        "15x3", "30x300", "128x768", "256x768", "392x1024", "25088x128", "16384x768", "16384x1024", "24576x1024", "16384x3072",
    ];

    // Heads; one-dimensional convolutions; ResNet-50's planes at batch 50; shapes that others chose for their caches' sake.
    private static readonly string[] _moreBatchModels =
    [
        "2x23", "16x256", "9x128x1", "5x33x27", "4x128x512", "4x256x128", "8x256x560", "8x256x1120", "8x1024x560", "16x80x861", "16x512x903", "4x128x15000",
        "50x512x49", "50x1024x196", "50x128x784", "50x512x784", "50x64x3136", "50x256x3136", "50x64x12544", "2x251x784", "2x64x3136", "2x64x50176", "8x322x256",
    ];

    // Rows of Llama's widths: one token, a few, and a prompt.
    private static readonly string[] _rms = ["1x4096", "1x8192", "16x4096", "512x4096"];

    // A diffusion U-Net's planes of 64x64 and 8x8; the stages of ResNet-50 at batch 8; AlexNet's two response normalizations.
    private static readonly string[] _groupModels = ["2x320x4096", "2x1280x64"];
    private static readonly string[] _instanceModels = ["8x64x784", "2x320x4096"];
    private static readonly string[] _resNet = ["8x64x12544", "8x256x3136", "8x512x784", "8x1024x196", "8x2048x49"];
    private static readonly string[] _responseModels = ["16x96x3025", "16x256x729"];

    // Hidden layers of a mini-batch, tokens of a sample, and the same sizes for what has no model of its own.
    private static readonly string[] _batches = ["512x768", "8x256x784"];
    private static readonly string[] _rows = ["512x768", "512x4096"];
    private static readonly string[] _tokens = ["1x256x1152"];
    private static readonly string[] _units = ["64x1024"];

    private static readonly string[] _quick = ["32x32", "64x128", "512x768", "4096x768"];

    // From 1 MB to 1 GB: for the cost against size, of ours and the yardstick only.
    private static readonly string[] _sizes = ["512x512", "1024x1024", "2048x2048", "4096x4096", "8192x8192", "16384x16384"];

    public static IEnumerable<NormCase> Norms(SuiteKind kind)
    {
        if (kind == SuiteKind.Products)
        {
            return [];
        }

        if (kind == SuiteKind.Rms)
        {
            return [.. Cases(NormalizationKind.RmsNorm, _rms, NormPass.Forward), .. Cases(NormalizationKind.RmsNorm, _rms, NormPass.ForwardBackward)];
        }

        if (kind == SuiteKind.Family)
        {
            (NormalizationKind Layer, string[] Shapes)[] family =
            [
                (NormalizationKind.GroupNorm, _groupModels),
                (NormalizationKind.InstanceNorm, _instanceModels),
                (NormalizationKind.BatchNorm, _resNet),
                (NormalizationKind.GhostBatchNorm, _batches),
                (FamilyKinds.BatchRenorm, _batches),
                (NormalizationKind.ScaleNorm, _rows),
                (NormalizationKind.DyT, _rows),
                (NormalizationKind.LocalResponseNorm, _responseModels),
                (FamilyKinds.AdaptiveLayerNorm, _tokens),
                (FamilyKinds.WeightNorm, _units),
                (FamilyKinds.WeightStandardization, _units),
            ];
            return
            [
                .. family.SelectMany(f => Cases(f.Layer, f.Shapes, NormPass.Forward)),
                .. Cases(NormalizationKind.BatchNorm, _resNet, NormPass.Evaluation),
                .. family.SelectMany(f => Cases(f.Layer, f.Shapes, NormPass.ForwardBackward)),
            ];
        }

        (string[] layer, string[] batch) = kind switch
        {
            SuiteKind.Quick => (_quick, _quick),
            SuiteKind.Sizes => (_sizes, _sizes),
            SuiteKind.Models => (_moreLayerModels, _moreBatchModels),
            _ => ([.. _ladder, .. _layerModels], [.. _ladder, .. _batchModels]),
        };
        return
        [
            .. Cases(NormalizationKind.LayerNorm, layer, NormPass.Forward),
            .. Cases(NormalizationKind.LayerNorm, layer, NormPass.ForwardBackward),
            .. Cases(NormalizationKind.BatchNorm, batch, NormPass.Forward),
            .. Cases(NormalizationKind.BatchNorm, batch, NormPass.Evaluation),
            .. Cases(NormalizationKind.BatchNorm, batch, NormPass.ForwardBackward),
        ];
    }

    // The modes that every peer has.
    private static readonly NormalizationKind[] _modes = [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm];

    private static IEnumerable<StepCase> Defaults => StepCase.Defaults.Where(s => _modes.Contains(s.Normalization));

    public static IEnumerable<StepCase> Steps(SuiteKind kind)
    {
        IEnumerable<StepCase> large = _modes.Select(mode => new StepCase([784, 1000, 1000, 10], 128, mode));
        return kind switch
        {
            SuiteKind.Sizes or SuiteKind.Models or SuiteKind.Rms or SuiteKind.Family or SuiteKind.Products => [],
            SuiteKind.Quick => Defaults,
            _ => [.. Defaults, .. large],
        };
    }

    /// <summary>Rows of a sentence, a mini-batch and a page, with the weights of a sentence encoder and of a large model.</summary>
    public static IEnumerable<ProductCase> Products(SuiteKind kind) => kind != SuiteKind.Products ? [] :
        from weights in ((int Inputs, int Outputs)[])[(384, 384), (384, 1536), (1536, 384), (4096, 4096)]
        from rows in (int[])[1, 8, 21, 64, 256]
        select new ProductCase(weights.Inputs, weights.Outputs, rows);

    /// <summary>Reads what <see cref="NormCase.ToString"/> or <see cref="StepCase.ToString"/> wrote.</summary>
    public static object Read(string name)
    {
        string[] words = name.Split(' ');
        if (words[0] == "product")
        {
            int[] weights = [.. words[1].Split('x').Select(int.Parse)];
            return new ProductCase(weights[0], weights[1], int.Parse(words[2]));
        }

        if (words[0] == "step")
        {
            return new StepCase([.. words[1].Split('-').Select(int.Parse)], int.Parse(words[3]), Kind(words[4]));
        }

        return NormCase.TryReadShape(words[1], out Shape shape)
            ? new NormCase(Kind(words[0]), shape, Enum.GetValues<NormPass>().Single(p => new NormCase(Kind(words[0]), shape, p).PassName == words[2]))
            : throw new FormatException($"'{name}' is no case");
    }

    private static NormalizationKind Kind(string name) => FamilyKinds.Find(name) ?? NormalizationKind.Find(name) ?? throw new FormatException($"'{name}' is no normalization");

    private static IEnumerable<NormCase> Cases(NormalizationKind layer, string[] shapes, NormPass pass) =>
        shapes.Select(s => NormCase.TryReadShape(s, out Shape shape) ? new NormCase(layer, shape, pass) : throw new FormatException(s));
}

/// <summary>How much is measured.</summary>
internal enum SuiteKind
{
    Full,
    Quick,
    Sizes,
    Models,
    Rms,
    Family,
    Products,
}
