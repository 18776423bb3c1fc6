using System.Numerics.Tensors;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Benchmarks.Ladder;

/// <summary>Times what is fused with normalization beside its parts, on one thread.</summary>
internal static class FusionRun
{
    private static readonly (int Rows, int Columns)[] _shapes = [(64, 128), (512, 768), (4096, 768), (8192, 1024)];

    public static int Print(TextWriter output)
    {
        Threads.Limit = 1;
        TurnTable.Print(output, "one thread", _shapes, Create);
        return 0;
    }

    private static (string Name, Action Work)[] Create(int rows, int features)
    {
        Shape shape = (rows, features);
        float[] x = Draw(shape.Length, 1);
        float[] residual = Draw(shape.Length, 2);
        float[] dy = Draw(shape.Length, 3);
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        float[] sum = new float[x.Length];
        List<(string Name, Action Work)> ways = [];
        foreach ((string name, Func<bool, Layer> create) in ((string, Func<bool, Layer>)[])
            [("layer norm", relu => new LayerNorm1D(features, relu: relu)), ("batch norm", relu => new BatchNorm1D(features, relu: relu))])
        {
            Layer plain = create(false);
            Layer fused = create(true);
            ReLU relu = new();
            ways.Add(($"{name}, then ReLU in place", () => Forward(plain, relu)));
            ways.Add(("… fused", () => fused.Forward(x, shape, y)));
            ways.Add(("… parts, forward and backward", () => ForwardAndBackward(plain, relu)));
            ways.Add(("… fused, forward and backward", () => FusedForwardAndBackward(fused)));
        }

        ways.Add(("residual added, then layer norm", AddAndNormalize));
        ways.Add(("… fused", () => Functional.AddLayerNorm(x, residual, features, Functional.Ones, Functional.Zeros, 1e-5, sum, y)));
        return [.. ways];

        void Forward(Layer plain, ReLU relu)
        {
            plain.Forward(x, shape, y);
            relu.Forward(y, shape, y);
        }

        void ForwardAndBackward(Layer plain, ReLU relu)
        {
            Forward(plain, relu);
            relu.Backward(y, dy, dx);
            plain.Backward(x, dx, dx);
        }

        void FusedForwardAndBackward(Layer fused)
        {
            fused.Forward(x, shape, y);
            fused.Backward(x, dy, dx);
        }

        void AddAndNormalize()
        {
            TensorPrimitives.Add(x, residual, sum);
            Functional.LayerNorm(sum, features, Functional.Ones, Functional.Zeros, 1e-5, y);
        }
    }

    public static float[] Draw(int count, ulong seed)
    {
        RandomSource random = new(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(0.3 + random.NextNormal());
        }

        return values;
    }
}
