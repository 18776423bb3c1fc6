using NormLayers.Numerics;

namespace NormLayers.Benchmarks.Ladder;

/// <summary>Times what once cost more than its share: one row or channel that floats do not hold, tensors of one channel, and the ReLU in the same pass.</summary>
internal static class SpecialRun
{
    public static void Print(TextWriter output)
    {
        TurnTable.Print(output, "one thread, one set beyond floats", [(512, 768), (4096, 768)], (rows, features) => WithOneSpecialSet(rows, features, threads: 1));
        TurnTable.Print(output, "two threads, one set beyond floats", [(512, 768), (4096, 768)], (rows, features) => WithOneSpecialSet(rows, features, threads: 2));
        TurnTable.Print(output, "batch norm of one channel, N x L", [(16, 131072), (256, 8192), (4096, 64)], OfOneChannel);
        TurnTable.Print(output, "forward and backward, one thread", [(64, 128), (512, 768), (4096, 768)], WithReLU);
    }

    private static (string Name, Action Work)[] WithOneSpecialSet(int rows, int features, int threads)
    {
        Shape shape = (rows, features);
        float[] x = FusionRun.Draw(shape.Length, 1);
        float[] dy = FusionRun.Draw(shape.Length, 2);
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        float[] specialRow = [.. x.Select((v, i) => i / features == 1 ? 1e32f * v : v)];
        float[] specialChannel = [.. x.Select((v, i) => i % features == 1 ? 1e32f * v : v)];
        List<(string Name, Action Work)> ways = [];
        foreach ((string name, Layer layer, float[] special) in ((string, Layer, float[])[])
            [("layer norm", new LayerNorm1D(features), specialRow), ("batch norm", new BatchNorm1D(features), specialChannel)])
        {
            ways.Add(($"{name}", () => Pass(layer, x, backward: false)));
            ways.Add(($"… with one", () => Pass(layer, special, backward: false)));
            ways.Add(($"{name}, forward and backward", () => Pass(layer, x, backward: true)));
            ways.Add(($"… with one", () => Pass(layer, special, backward: true)));
        }

        return [.. ways];

        void Pass(Layer layer, float[] input, bool backward)
        {
            Threads.Limit = threads;
            layer.Forward(input, shape, y);
            if (backward)
            {
                layer.Backward(input, dy, dx);
            }
        }
    }

    private static (string Name, Action Work)[] OfOneChannel(int samples, int length)
    {
        Shape shape = (samples, 1, length);
        float[] x = FusionRun.Draw(shape.Length, 1);
        float[] dy = FusionRun.Draw(shape.Length, 2);
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        BatchNorm1D layer = new(1);
        return
        [
            ("forward, one thread", () => Forward(1)),
            ("… two threads", () => Forward(2)),
            ("forward and backward, one thread", () => ForwardAndBackward(1)),
            ("… two threads", () => ForwardAndBackward(2)),
        ];

        void Forward(int threads)
        {
            Threads.Limit = threads;
            layer.Forward(x, shape, y);
        }

        void ForwardAndBackward(int threads)
        {
            Forward(threads);
            layer.Backward(x, dy, dx);
        }
    }

    private static (string Name, Action Work)[] WithReLU(int rows, int features)
    {
        Shape shape = (rows, features);
        float[] x = FusionRun.Draw(shape.Length, 1);
        float[] dy = FusionRun.Draw(shape.Length, 2);
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        return
        [
            Way("layer norm", new LayerNorm1D(features)),
            Way("… with ReLU", new LayerNorm1D(features, relu: true)),
            Way("batch norm", new BatchNorm1D(features)),
            Way("… with ReLU", new BatchNorm1D(features, relu: true)),
        ];

        (string Name, Action Work) Way(string name, Layer layer)
        {
            return (name, Work);

            void Work()
            {
                Threads.Limit = 1;
                layer.Forward(x, shape, y);
                layer.Backward(x, dy, dx);
            }
        }
    }
}
