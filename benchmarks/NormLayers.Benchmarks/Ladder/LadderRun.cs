using System.Runtime.Intrinsics;
using NormLayers.Numerics;

namespace NormLayers.Benchmarks.Ladder;

/// <summary>Times each rung on some shapes, in rounds in which all take turns, and prints a table.</summary>
internal static class LadderRun
{
    private static readonly (int Rows, int Columns)[] _shapes = [(64, 128), (512, 768), (4096, 768), (8192, 1024)];

    public static int Print(TextWriter output)
    {
        if (!Vector512.IsHardwareAccelerated)
        {
            throw new PlatformNotSupportedException("The ladder is written for 512-bit vectors.");
        }

        TurnTable.Print(output, "rung", _shapes, Create);
        return 0;
    }

    private static (string Name, Action Work)[] Create(int rows, int features)
    {
        RandomSource random = new(1);
        float[] x = new float[rows * features];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = (float)(0.3 + random.NextNormal());
        }

        float[] gamma = new float[features];
        float[] beta = new float[features];
        for (int i = 0; i < features; i++)
        {
            gamma[i] = (float)(1 + 0.1 * random.NextNormal());
            beta[i] = (float)random.NextNormal();
        }

        float[] y = new float[x.Length];
        float[] expected = new float[x.Length];
        Functional.LayerNorm(x, features, gamma, beta, 1e-5, expected);
        (string Name, Action Work)[] rungs =
        [
            ("naive loops", () => Rungs.Naive(x, gamma, beta, y)),
            ("two passes in vectors", () => Rungs.TwoPasses(x, gamma, beta, y, four: false)),
            ("… with four accumulators", () => Rungs.TwoPasses(x, gamma, beta, y, four: true)),
            ("one read, sums in float (lost: digits)", () => Rungs.OneReadInFloat(x, gamma, beta, y)),
            ("one read, sums in double", () => Rungs.OneReadInDouble(x, gamma, beta, y, fused: false, prefetch: false)),
            ("… multiply-adds fused", () => Rungs.OneReadInDouble(x, gamma, beta, y, fused: true, prefetch: false)),
            ("… next row prefetched (lost in the cache)", () => Rungs.OneReadInDouble(x, gamma, beta, y, fused: true, prefetch: true)),
            ("the kernel: blocks of rows, four vectors at a time, mean as a pair", () => Kernel(1)),
            ("the kernel on two threads", () => Kernel(2)),
        ];
        foreach ((string name, Action work) in rungs)
        {
            Array.Clear(y);
            work();
            for (int i = 0; i < y.Length; i++)
            {
                if (!(Math.Abs(y[i] - expected[i]) <= 1e-4))
                {
                    throw new InvalidOperationException($"'{name}' gives {y[i]} where {expected[i]} is expected.");
                }
            }
        }

        return rungs;

        void Kernel(int threads)
        {
            Threads.Limit = threads;
            Functional.LayerNorm(x, features, gamma, beta, 1e-5, y);
        }
    }
}
