using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NormLayers.Benchmarks.Ladder;
using NormLayers.Numerics;
using NormLayers.Verification;

namespace NormLayers.Benchmarks.Loops;

/// <summary>Error, bits and time of the loops that programs write for themselves, beside ours, for docs/your-own-loop.md.</summary>
internal static class LoopRun
{
    private const float Epsilon = 1e-5f;
    private const int GradientRows = 512;

    // Each as a program may meet it: activations, an offset, a residual stream with outlier channels, a long row.
    private static readonly (string Name, int Rows, int Columns, Func<RandomSource, int, double> Draw)[] _data =
    [
        ("normal", 64, 768, (r, _) => r.NextNormal()),
        ("mean 100", 64, 768, (r, _) => 100 + r.NextNormal()),
        ("mean 10⁴", 64, 768, (r, _) => 1e4 + r.NextNormal()),
        ("outliers", 64, 4096, (r, c) => (c % 512 == 7 ? 40 : 1) * (0.3 + r.NextNormal())),
        ("long row", 2, 65_536, (r, _) => 0.5 + r.NextNormal()),
    ];

    // Settings of the runtime that narrow its vectors, as another processor would.
    private static readonly string?[] _widths = [null, "DOTNET_EnableAVX512", "DOTNET_EnableAVX2", "DOTNET_EnableHWIntrinsic"];

    private static readonly (string Name, Loop Run)[] _layerNorm = [.. OwnLoops.LayerNorm, ("NormLayers", OurLayerNorm)];
    private static readonly (string Name, Loop Run)[] _rmsNorm = [.. OwnLoops.RmsNorm, ("NormLayers", OurRmsNorm)];

    /// <summary>Prints the tables as Markdown.</summary>
    public static void Print(TextWriter output)
    {
        Threads.Limit = 1;
        string[][] hashes = [.. _widths.Select(HashesOf)];
        int way = 0;
        foreach ((string title, (string Name, Loop Run)[] loops, bool rms) in ((string, (string, Loop)[], bool)[])[("layer normalization", _layerNorm, false), ("RMS normalization", _rmsNorm, true)])
        {
            output.WriteLine($"| {title}, worst error in u | {string.Join(" | ", _data.Select(d => d.Name))} | results at four vector widths |");
            output.WriteLine($"|---|{string.Concat(_data.Select(_ => "---:|"))}---:|");
            foreach ((string name, Loop loop) in loops)
            {
                string errors = string.Join(" | ", _data.Select(d => ErrorOf(loop, rms, d.Rows, d.Columns, d.Draw)));
                output.WriteLine($"| {name} | {errors} | {hashes.Select(h => h[way]).Distinct().Count()} |");
                way++;
            }

            output.WriteLine();
        }

        TurnTable.Print(output, "layer normalization, µs", [(1, 768), (64, 768), (512, 768), (512, 4096)], (n, c) => Timed(_layerNorm, n, c));
        output.WriteLine();
        TurnTable.Print(output, "RMS normalization, µs", [(1, 4096), (16, 4096), (512, 4096)], (n, c) => Timed(_rmsNorm, n, c));
        output.WriteLine();
        output.WriteLine($"dγ with one float sum a worker: {DifferentGradients(workers => DGammaByWorkers(workers))} results of 1, 2, 3 and 8 workers; NormLayers: {DifferentGradients(OurDGamma)}");
        foreach ((string name, bool complete) in ((string, bool)[])[("with dx = r·γ·dy", false), ("with the mean square's part", true)])
        {
            GradientReport report = GradientCheck.Check(new LoopLayer(complete), (4, 24));
            output.WriteLine($"RMS normalization's backward pass {name}: {(report.Passed ? "passed" : "failed")}, {string.Join(", ", report.Tensors.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Tensor} {t.LargestError:0.0e0} of {t.Tolerance:0.0e0}")))}");
        }
    }

    /// <summary>Prints a hash of each way's results, for the process that compares vector widths.</summary>
    public static void PrintHashes(TextWriter output)
    {
        foreach ((string _, Loop loop) in (IEnumerable<(string, Loop)>)[.. _layerNorm, .. _rmsNorm])
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var data in _data)
            {
                (float[] x, float[] gamma, float[] beta) = Draw(data.Rows, data.Columns, data.Draw);
                float[] y = new float[x.Length];
                loop(x, gamma, beta, Epsilon, y);
                hash.AppendData(MemoryMarshal.AsBytes<float>(y));
            }

            output.WriteLine(Convert.ToHexString(hash.GetHashAndReset()));
        }
    }

    private static string[] HashesOf(string? setting)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, ["loops", "--hashes"]) { RedirectStandardOutput = true };
        if (setting is not null)
        {
            start.Environment[setting] = "0";
        }

        using Process process = Process.Start(start)!;
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        return process.ExitCode == 0 ? lines : throw new InvalidOperationException($"the process with {setting}=0 ended with exit code {process.ExitCode}");
    }

    private static int DifferentGradients(Func<int, float[]> run) =>
        ((int[])[1, 2, 3, 8]).Select(workers => Convert.ToHexString(MemoryMarshal.AsBytes<float>(run(workers)))).Distinct().Count();

    // Rows are shared out, each worker adds up its own, and then the workers' sums are added.
    private static float[] DGammaByWorkers(int workers)
    {
        (float[] xHat, float[] dy, float[] sums) = GradientData();
        for (int worker = 0; worker < workers; worker++)
        {
            float[] own = new float[sums.Length];
            for (int row = GradientRows * worker / workers; row < GradientRows * (worker + 1) / workers; row++)
            {
                for (int c = 0; c < own.Length; c++)
                {
                    own[c] += dy[row * own.Length + c] * xHat[row * own.Length + c];
                }
            }

            TensorPrimitives.Add(sums, own, sums);
        }

        return sums;
    }

    private static float[] OurDGamma(int workers)
    {
        (float[] x, float[] dy, float[] dGamma) = GradientData();
        Threads.Limit = workers;
        LayerNorm1D layer = new(dGamma.Length);
        layer.Forward(x, (GradientRows, dGamma.Length), new float[x.Length]);
        layer.Backward(x, dy, []);
        Threads.Limit = 1;
        return layer.Gamma!.Gradient;
    }

    private static (float[] X, float[] Dy, float[] Sums) GradientData()
    {
        (float[] x, float[] gamma, _) = Draw(GradientRows, 768, (r, _) => r.NextNormal());
        return (x, Draw(GradientRows, 768, (r, _) => 0.3 + r.NextNormal()).X, new float[gamma.Length]);
    }

    // In u: one float ulp of the larger of the exact result and the largest term of its last sum.
    private static string ErrorOf(Loop loop, bool rms, int rows, int columns, Func<RandomSource, int, double> draw)
    {
        (float[] x, float[] gamma, float[] beta) = Draw(rows, columns, draw);
        float[] y = new float[x.Length];
        loop(x, gamma, beta, Epsilon, y);
        double[] wide = Array.ConvertAll(x, v => (double)v);
        double[] scale = Array.ConvertAll(gamma, v => (double)v);
        double[] exact = rms
            ? RmsNormReference.Forward(wide, scale, Epsilon).Y
            : LayerNormReference.Forward(wide, scale, Array.ConvertAll(beta, v => (double)v), Epsilon).Y;
        double worst = 0;
        for (int i = 0; i < y.Length; i++)
        {
            float largest = (float)Math.Max(Math.Abs(exact[i]), rms ? 0 : Math.Max(Math.Abs(exact[i] - beta[i % columns]), Math.Abs(beta[i % columns])));
            worst = Math.Max(worst, Math.Abs(y[i] - exact[i]) / (MathF.BitIncrement(largest) - largest));
        }

        return worst.ToString(worst < 100 ? "0.0" : "#,0", CultureInfo.InvariantCulture);
    }

    private static (string Name, Action Work)[] Timed((string Name, Loop Run)[] loops, int rows, int columns)
    {
        (float[] x, float[] gamma, float[] beta) = Draw(rows, columns, (r, _) => r.NextNormal());
        float[] y = new float[x.Length];
        return [.. loops.Select(l => (l.Name, (Action)(() => l.Run(x, gamma, beta, Epsilon, y))))];
    }

    private static (float[] X, float[] Gamma, float[] Beta) Draw(int rows, int columns, Func<RandomSource, int, double> draw)
    {
        RandomSource random = new(1);
        return (
            [.. Enumerable.Range(0, rows * columns).Select(i => (float)draw(random, i % columns))],
            [.. Enumerable.Range(0, columns).Select(_ => (float)random.NextDouble(0.5, 1.5))],
            [.. Enumerable.Range(0, columns).Select(_ => (float)random.NextDouble(-1, 1))]);
    }

    private static void OurLayerNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y) =>
        Functional.LayerNorm(x, gamma.Length, gamma, beta, epsilon, y);

    private static void OurRmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y) =>
        Functional.RmsNorm(x, gamma.Length, gamma, epsilon, y);

    /// <summary>RMS normalization with a backward pass of its own, whole or without what goes through the mean square.</summary>
    private sealed class LoopLayer(bool complete) : Layer("loop")
    {
        private readonly Parameter _gamma = new("gamma", 24, fill: 1);

        public override IReadOnlyList<Parameter> Parameters => [_gamma];

        public override Shape OutputShape(Shape input) => input;

        public override ReferenceLayer? CreateReference() => null;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => OwnLoops.RmsNorm[0].Run(x, _gamma.Value, [], Epsilon, y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
        {
            int C = shape.Last;
            for (int start = 0; start < x.Length; start += C)
            {
                (float squares, float dot) = (0, 0);
                for (int c = 0; c < C; c++)
                {
                    squares += x[start + c] * x[start + c];
                    dot += _gamma.Value[c] * dy[start + c] * x[start + c];
                }

                float r = 1 / MathF.Sqrt(squares / C + Epsilon);
                for (int c = 0; c < C; c++)
                {
                    _gamma.Gradient[c] += dy[start + c] * x[start + c] * r;
                    dx[start + c] = r * _gamma.Value[c] * dy[start + c] - (complete ? r * r * r * dot / C * x[start + c] : 0);
                }
            }
        }
    }
}
