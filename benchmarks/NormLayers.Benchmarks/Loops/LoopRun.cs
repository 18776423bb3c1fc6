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
    private static readonly (int Rows, int Columns, Func<RandomSource, int, double> Draw)[] _data =
    [
        (64, 768, (r, _) => r.NextNormal()),
        (64, 768, (r, _) => 100 + r.NextNormal()),
        (64, 768, (r, _) => 1e4 + r.NextNormal()),
        (64, 4096, (r, c) => (c % 512 == 7 ? 40 : 1) * (0.3 + r.NextNormal())),
        (2, 65_536, (r, _) => 0.5 + r.NextNormal()),
    ];

    // Settings of the runtime that narrow its vectors, as another processor would.
    private static readonly string?[] _widths = [null, "DOTNET_EnableAVX512", "DOTNET_EnableAVX2", "DOTNET_EnableHWIntrinsic"];
    private static readonly int[] _workers = [1, 2, 3, 8];

    // The kinds of the accuracy check that a column shows.
    private static readonly string[] _kinds = ["normal, mean 0", "normal, mean 1000", "normal, mean 1e6", "every 512th 40 times as large", "around 1e30"];

    private static readonly Way[] _layerNorm =
    [
        .. OwnLoops.LayerNorm.Select(l => new Way(l.Name, l.Run, null)),
        new("NormLayers", OurLayerNorm, null),
        .. OwnLoops.SkipLayerNorm.Select(l => new Way(l.Name, Split(l.Run), l.Run)),
        new("skip + NormLayers", Split(OurAddLayerNorm), OurAddLayerNorm),
    ];

    private static readonly Way[] _rmsNorm =
    [
        .. OwnLoops.RmsNorm.Select(l => new Way(l.Name, l.Run, null)),
        new("NormLayers", OurRmsNorm, null),
        .. OwnLoops.SkipRmsNorm.Select(l => new Way(l.Name, Split(l.Run), l.Run)),
        new("skip + NormLayers", Split(OurAddRmsNorm), OurAddRmsNorm),
    ];

    /// <summary>Prints the tables of errors and of bits as Markdown.</summary>
    public static void PrintErrors(TextWriter output)
    {
        string[][] hashes = [.. _widths.Select(HashesOf)];
        int way = 0;
        foreach ((string title, Way[] ways, Statistic statistic) in ((string, Way[], Statistic)[])[("layer normalization", _layerNorm, Statistic.MeanAndVariance), ("RMS normalization", _rmsNorm, Statistic.RootMeanSquare)])
        {
            output.WriteLine($"| {title}, worst error of y in u | {string.Join(" | ", _kinds)} | largest, on | not finite | within the bound | results at {_widths.Length} widths | in a batch | on 1, 2, 3, 8 workers |");
            output.WriteLine($"|---|{string.Concat(_kinds.Select(_ => "---:|"))}---|---:|---:|---:|---:|---:|");
            foreach ((string name, Loop loop, _) in ways)
            {
                IReadOnlyList<AccuracyRow> rows = AccuracyCheck.Of(name, (x, gamma, beta, epsilon) => Result(loop, x, gamma, beta, (float)epsilon), statistic);
                AccuracyRow worst = rows.Where(r => !double.IsNaN(r.WorstError)).MaxBy(r => r.WorstError)!;
                output.WriteLine($"| {name} | {string.Join(" | ", _kinds.Select(k => Format(rows.Single(r => r.Data == k))))} | {Format(worst)}: {worst.Data} | {rows.Count(r => double.IsNaN(r.WorstError))} | {rows.Count(r => r.Passed)} of {rows.Count} | {hashes.Select(h => h[way]).Distinct().Count()} | {ResultsInABatch(loop)} | {ResultsOfWorkers(loop, ours: name.EndsWith("NormLayers", StringComparison.Ordinal))} |");
                way++;
            }

            output.WriteLine();
        }

        output.WriteLine($"dγ with one float sum a worker: {DifferentGradients(DGammaByWorkers)} results of 1, 2, 3 and 8 workers; NormLayers: {DifferentGradients(OurDGamma)}");
        PrintBackward(output, "layer normalization", "without mean(g)", centres: true, (c, e) => new LayerNorm1D(c, e));
        PrintBackward(output, "RMS normalization", "dx = r·γ·dy", centres: false, (c, e) => new RmsNorm(c, e));
    }

    private static void PrintBackward(TextWriter output, string norm, string wrong, bool centres, Func<int, double, Layer> ours)
    {
        foreach ((string name, Func<int, double, Layer> create) in ((string, Func<int, double, Layer>)[])
            [($"float loop, {wrong}", (c, e) => new LoopLayer(c, e, centres, complete: false)), ("float loop, whole", (c, e) => new LoopLayer(c, e, centres, complete: true)), ("NormLayers", ours)])
        {
            Layer layer = create(24, Epsilon);
            Draw(1, 24, (r, _) => r.NextNormal()).Gamma.CopyTo(layer.Parameters[0].Value, 0);
            GradientReport report = GradientCheck.Check(layer, (4, 24));
            IEnumerable<string> quotients = report.Tensors.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Tensor} {t.LargestError:0.0e0} of {t.Tolerance:0.0e0}"));
            IReadOnlyList<AccuracyRow> rows = AccuracyCheck.Of(create, centres ? Statistic.MeanAndVariance : Statistic.RootMeanSquare);
            IEnumerable<string> errors = rows.GroupBy(r => r.Output).Select(g => $"{g.Key} {Format(g.Single(r => r.Data == _kinds[0]))} u, {g.Count(r => r.Passed)} of {g.Count()} kinds within the bound");
            output.WriteLine($"{norm}'s backward pass, {name}: {(report.Passed ? "passed" : "failed")}, {string.Join(", ", quotients)}; {string.Join("; ", errors)}");
        }
    }

    /// <summary>Prints the tables of times as Markdown.</summary>
    public static void PrintTimes(TextWriter output)
    {
        Threads.Limit = 1;
        TurnTable.Print(output, "layer normalization, µs", [(1, 768), (64, 768), (512, 4096)], (n, c) => Timed(_layerNorm, n, c));
        output.WriteLine();
        TurnTable.Print(output, "RMS normalization, µs", [(1, 4096), (16, 4096), (512, 4096)], (n, c) => Timed(_rmsNorm, n, c));
    }

    /// <summary>Prints a hash of each way's results, for the process that compares vector widths.</summary>
    public static void PrintHashes(TextWriter output)
    {
        foreach (Way way in (IEnumerable<Way>)[.. _layerNorm, .. _rmsNorm])
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var data in _data)
            {
                (float[] x, float[] gamma, float[] beta) = Draw(data.Rows, data.Columns, data.Draw);
                hash.AppendData(MemoryMarshal.AsBytes<float>(Result(way.Norm, x, gamma, beta, Epsilon)));
            }

            output.WriteLine(Convert.ToHexString(hash.GetHashAndReset()));
        }
    }

    private static float[] Result(Loop loop, float[] x, float[] gamma, float[] beta, float epsilon)
    {
        float[] y = new float[x.Length];
        loop(x, gamma, beta, epsilon, y);
        return y;
    }

    private static string Format(AccuracyRow row) => row.WorstError.ToString(row.WorstError < 100 ? "0.0" : row.WorstError < 1e7 ? "#,0" : "0.0e0", CultureInfo.InvariantCulture);

    // x as the sum of two, so that a skip's sum can be compared: x is between half and twice ¾x, so their difference is exact (Sterbenz), and so is the sum.
    private static Loop Split(SkipLoop skip) => (x, gamma, beta, epsilon, y) =>
    {
        (float[] residual, float[] rest, float[] sum) = (new float[x.Length], new float[x.Length], new float[x.Length]);
        TensorPrimitives.Multiply(x, 0.75f, residual);
        TensorPrimitives.Subtract(x, residual, rest);
        skip(rest, residual, gamma, beta, epsilon, sum, y);
        if (!x.SequenceEqual(sum))
        {
            throw new InvalidOperationException("The sum is not x + residual.");
        }
    };

    // One row, alone and in each place of a batch; its length is no multiple of a vector's.
    private static int ResultsInABatch(Loop loop)
    {
        const int Batch = 64;
        (float[] x, float[] gamma, float[] beta) = Draw(Batch, 1001, (r, _) => 0.5 + r.NextNormal());
        int C = gamma.Length;
        float[] row = x[..C];
        HashSet<string> results = [Bits(Result(loop, row, gamma, beta, Epsilon))];
        for (int place = 0; place < Batch; place++)
        {
            float[] batch = [.. x];
            row.CopyTo(batch, place * C);
            results.Add(Bits(Result(loop, batch, gamma, beta, Epsilon).AsSpan(place * C, C)));
        }

        return results.Count;
    }

    // The rows shared out; ours shares them out itself.
    private static int ResultsOfWorkers(Loop loop, bool ours)
    {
        (float[] x, float[] gamma, float[] beta) = Draw(GradientRows, 1001, (r, _) => 0.5 + r.NextNormal());
        HashSet<string> results = [];
        foreach (int workers in _workers)
        {
            float[] y = new float[x.Length];
            if (ours)
            {
                WithThreads(workers, () => loop(x, gamma, beta, Epsilon, y));
            }
            else
            {
                Parallel.For(0, workers, worker =>
                {
                    Range rows = (GradientRows * worker / workers * gamma.Length)..(GradientRows * (worker + 1) / workers * gamma.Length);
                    loop(x.AsSpan(rows), gamma, beta, Epsilon, y.AsSpan(rows));
                });
            }

            results.Add(Bits(y));
        }

        return results.Count;
    }

    private static void WithThreads(int limit, Action run)
    {
        int before = Threads.Limit;
        Threads.Limit = limit;
        run();
        Threads.Limit = before;
    }

    private static string Bits(ReadOnlySpan<float> values) => Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(values)));

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
        _workers.Select(workers => Bits(run(workers))).Distinct().Count();

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
        LayerNorm1D layer = new(dGamma.Length);
        WithThreads(workers, () =>
        {
            layer.Forward(x, (GradientRows, dGamma.Length), new float[x.Length]);
            layer.Backward(x, dy, []);
        });
        return layer.Gamma!.Gradient;
    }

    private static (float[] X, float[] Dy, float[] Sums) GradientData()
    {
        (float[] x, float[] gamma, _) = Draw(GradientRows, 768, (r, _) => r.NextNormal());
        return (x, Draw(GradientRows, 768, (r, _) => 0.3 + r.NextNormal()).X, new float[gamma.Length]);
    }

    private static (string Name, Action Work)[] Timed(Way[] ways, int rows, int columns)
    {
        (float[] x, float[] gamma, float[] beta) = Draw(rows, columns, (r, _) => r.NextNormal());
        (float[] residual, float[] sum, float[] y) = ([.. x], new float[x.Length], new float[x.Length]);
        return [.. ways.Select(w => (w.Name, (Action)(w.Skip is { } skip ? () => skip(x, residual, gamma, beta, Epsilon, sum, y) : () => w.Norm(x, gamma, beta, Epsilon, y))))];
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

    private static void OurAddLayerNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> residual, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> sum, Span<float> y) =>
        Functional.AddLayerNorm(x, residual, gamma.Length, gamma, beta, epsilon, sum, y);

    private static void OurAddRmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> residual, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> sum, Span<float> y) =>
        Functional.AddRmsNorm(x, residual, gamma.Length, gamma, epsilon, sum, y);

    /// <summary>A way to normalize rows; Skip is what it is timed as where it adds a residual first.</summary>
    private sealed record Way(string Name, Loop Norm, SkipLoop? Skip);
}
