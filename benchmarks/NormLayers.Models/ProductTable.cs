using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using NormLayers.Exchange;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Models;

/// <summary>Products of some rows with packed weights, beside ONNX Runtime's Gemm on the same numbers.</summary>
internal static class ProductTable
{
    private const int Blocks = 5;
    private static readonly TimeSpan _time = TimeSpan.FromMilliseconds(60);
    private static readonly int[] _rows = [1, 8, 21, 64, 256];
    private static readonly (int Inputs, int Outputs)[] _weights = [(384, 384), (384, 1536), (1536, 384), (4096, 4096)];

    public static void Write(TextWriter output)
    {
        output.WriteLine("| weights | rows | 1 thread, µs | ONNX Runtime | ratio | 2 threads, µs | ONNX Runtime | ratio |");
        output.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach ((int inputs, int outputs) in _weights)
        {
            RandomSource random = new(1);
            float[] w = Draw(random, inputs * outputs);
            float[] bias = Draw(random, outputs);
            PackedMatrix packed = new(new MatrixView(w, outputs, inputs).Transpose());
            using MemoryStream file = new();
            new Linear(w, inputs, bias).WriteOnnx(file, inputs);
            foreach (int rows in _rows)
            {
                float[] x = Draw(random, rows * inputs);
                string times = string.Join(" | ", ((int[])[1, 2]).Select(threads => Measure(packed, bias, file.ToArray(), x, rows, threads)));
                output.WriteLine($"| {inputs}x{outputs} | {rows} | {times} |");
            }
        }
    }

    // In blocks by turns: ONNX Runtime's threads spin while they wait, and must be gone before ours are timed.
    private static string Measure(PackedMatrix packed, float[] bias, byte[] file, float[] x, int rows, int threads)
    {
        Threads.Limit = threads;
        float[] y = new float[rows * packed.Columns];
        float[] other = new float[y.Length];
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(x, [rows, packed.Rows]);
        using OrtValue result = OrtValue.CreateTensorValueFromMemory(other, [rows, packed.Columns]);
        List<double> ours = [];
        List<double> runtimes = [];
        for (int block = 0; block < Blocks; block++)
        {
            Time(ours, () => packed.Multiply(x, bias, y));
            using Runtime runtime = new(file, optimized: true, threads);
            Time(runtimes, () => runtime.Run(input, result));
        }

        double error = y.Zip(other, (a, b) => Math.Abs(a - b)).Max() / y.Max(Math.Abs);
        return error > 1e-5
            ? throw new InvalidOperationException($"the results differ by {error:g2} of the largest")
            : $"{Median(ours):f1} | {Median(runtimes):f1} | {Median(ours) / Median(runtimes):f2}";
    }

    private static void Time(List<double> times, Action action)
    {
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; Stopwatch.GetElapsedTime(begin) < 2 * _time; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            if (Stopwatch.GetElapsedTime(begin) > _time)
            {
                times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            }
        }
    }

    private static float[] Draw(RandomSource random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextNormal())];

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);
}
