using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>Gradient descent on ‖W₁···W₂₅x − Ax‖² over all points at once, with readings of the loss around it.</summary>
internal static class DeepLinearRun
{
    private const int Depth = 25;
    private const int Width = 10;

    /// <summary>Trains on the calling thread.</summary>
    /// <param name="normalized">Whether batch normalization follows each layer but the last.</param>
    /// <param name="points">How many points x.</param>
    /// <param name="rate">The learning rate, on the sum over all points.</param>
    /// <param name="steps">How many steps.</param>
    /// <param name="every">How many steps lie between two readings.</param>
    /// <param name="lengths">The lengths of the walks, in learning rates.</param>
    /// <param name="context">Seed and request to stop.</param>
    public static SurfaceReading[] Train(bool normalized, int points, double rate, int steps, int every, IReadOnlyList<double> lengths, ExperimentContext context)
    {
        // The points and the target come first, so that both networks have the same ones.
        RandomSource random = new(context.Seed);
        float[] x = Draw(points * Width, random);
        float[] a = Draw(Width * Width, random);
        float[] target = new float[x.Length];
        for (int i = 0; i < points; i++)
        {
            for (int row = 0; row < Width; row++)
            {
                double sum = 0;
                for (int k = 0; k < Width; k++)
                {
                    sum += (double)a[row * Width + k] * x[i * Width + k];
                }

                target[i * Width + row] = (float)sum;
            }
        }

        List<Layer> layers = [];
        for (int i = 1; i <= Depth; i++)
        {
            layers.Add(new Linear(Width, Width, random, Initialization.XavierNormal, withBias: false, name: $"linear{i}"));
            if (normalized && i < Depth)
            {
                layers.Add(new BatchNorm1D(Width, name: $"norm{i}"));
            }
        }

        Sequential network = new(layers);
        SgdOptimizer optimizer = new(network.Parameters, rate);
        LossSurface surface = new(network, x, (points, Width), (y, dy) => Loss(y, target, dy));
        List<SurfaceReading> readings = [];
        for (int step = 0; step < steps; step++)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            if (step % every == 0)
            {
                readings.Add(surface.Read(rate, lengths));
            }

            surface.Differentiate();
            optimizer.Step();
        }

        return [.. readings];
    }

    private static double Loss(float[] y, float[] target, float[] dy)
    {
        double sum = 0;
        for (int i = 0; i < y.Length; i++)
        {
            double difference = (double)y[i] - target[i];
            sum += difference * difference;
            dy[i] = (float)(2 * difference);
        }

        return sum;
    }

    private static float[] Draw(int count, RandomSource random)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)random.NextNormal();
        }

        return values;
    }
}
