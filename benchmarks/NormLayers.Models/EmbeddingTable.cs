using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using NormLayers.Exchange;
using NormLayers.Numerics;
using NormLayers.Onnx.Tests;

namespace NormLayers.Models;

/// <summary>all-MiniLM-L6-v2 as examples/embed.cs computes it, beside ONNX Runtime: error against the model in double, and time.</summary>
internal static class EmbeddingTable
{
    private const int Blocks = 5;
    private const int WarmUps = 3;

    private static readonly string[] _sentences =
    [
        "A cat sits on the mat.",
        "Batch normalization reduces internal covariate shift, or so its authors argued in 2015.",
        "Interest rates rose again, and nobody in the room was surprised.",
        "The train to Zürich leaves at nine.",
    ];

    public static void Write(TextWriter output)
    {
        byte[] file = Model.Read(MiniLmWeights.Open(Model.MiniLm, "model.onnx"));
        MiniLmWeights weights = new(OnnxModel.Read(new MemoryStream(file)));
        MiniLm model = new(weights);
        int[][] sentences = [.. _sentences.Select(s => Model.Tokens(Model.MiniLm, s))];
        int[] page = Model.PageTokens();
        WriteErrors(output, file, weights, model, [.. sentences, page]);
        output.WriteLine("| input | threads | ours, ms | ONNX Runtime, ms | ratio |");
        output.WriteLine("|---|---|---|---|---|");
        int[][] batch = [.. Enumerable.Range(0, 64).Select(i => sentences[i % sentences.Length])];
        foreach ((string name, int[][] input, int rounds) in ((string, int[][], int)[])
        [
            ($"a sentence of {sentences[1].Length} tokens", [sentences[1]], 40),
            ($"a page of {page.Length} tokens", [page], 6),
            ($"64 sentences of {sentences.Min(s => s.Length)} to {sentences.Max(s => s.Length)} tokens", batch, 3),
        ])
        {
            foreach (int threads in (int[])[1, 2])
            {
                Threads.Limit = threads;
                IReadOnlyDictionary<string, OrtValue> feeds = Model.Batch(input);
                List<double> ours = [];
                List<double> runtimes = [];
                for (int block = 0; block < Blocks; block++)
                {
                    Measure(ours, rounds, () => model.Embed(input));

                    // Its threads spin while they wait for work: they must be gone before the next block of ours.
                    using Runtime runtime = new(file, optimized: true, threads);
                    Measure(runtimes, rounds, () => runtime.Run(feeds, ["last_hidden_state"]).Dispose());
                }

                output.WriteLine($"| {name} | {threads} | {Spread(ours)} | {Spread(runtimes)} | {Median(ours) / Median(runtimes):f2} |");
            }
        }
    }

    // Of the last layer's output, token by token, and of the sentences' vectors, which are its normalized means.
    private static void WriteErrors(TextWriter output, byte[] file, MiniLmWeights weights, MiniLm model, int[][] texts)
    {
        using Runtime fused = new(file, optimized: true, threads: 1);
        using Runtime plain = new(file, optimized: false, threads: 1);
        double[][] exact = Array.ConvertAll(texts, t => MiniLmReference.Encode(weights, t));
        output.WriteLine("| errors | tokens, rms | tokens, worst | vectors, rms | vectors, worst |");
        output.WriteLine("|---|---|---|---|---|");
        WriteErrors("ours", Array.ConvertAll(texts, t => Widen(model.Encode(t))), [.. model.Embed(texts).Select(Widen)]);
        WriteRuntime("ONNX Runtime, optimizations on", fused);
        WriteRuntime("ONNX Runtime, optimizations off", plain);
        output.WriteLine();

        void WriteRuntime(string name, Runtime runtime)
        {
            double[][] tokens = Array.ConvertAll(texts, t => Run(runtime, t));
            WriteErrors(name, tokens, Array.ConvertAll(tokens, MiniLmReference.Pool));
        }

        void WriteErrors(string name, double[][] tokens, double[][] vectors) =>
            output.WriteLine($"| {name} | {Errors(tokens, exact)} | {Errors(vectors, Array.ConvertAll(exact, MiniLmReference.Pool))} |");

        static string Errors(double[][] actual, double[][] exact)
        {
            double[] errors = [.. actual.Zip(exact).SelectMany(p => p.First.Zip(p.Second, (v, e) => Math.Abs(v - e)))];
            return $"{Math.Sqrt(errors.Average(e => e * e)):g3} | {errors.Max():g3}";
        }

        static double[] Run(Runtime runtime, int[] tokens)
        {
            using IDisposableReadOnlyCollection<OrtValue> values = runtime.Run(Model.Batch([tokens]), ["last_hidden_state"]);
            return Widen(values[0].GetTensorDataAsSpan<float>().ToArray());
        }

        static double[] Widen(float[] values) => Array.ConvertAll(values, v => (double)v);
    }

    private static void Measure(List<double> times, int rounds, Action action)
    {
        for (int i = -WarmUps; i < rounds; i++)
        {
            double time = Time(action);
            if (i >= 0)
            {
                times.Add(time);
            }
        }
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

    private static string Spread(List<double> times) => $"{Median(times):f1} ({times.Order().ElementAt(times.Count / 10):f1} to {times.Order().ElementAt(times.Count * 9 / 10):f1})";
}
