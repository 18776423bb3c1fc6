using NormLayers.Numerics;

namespace NormLayers.Tests.Support;

/// <summary>Reproducible test inputs.</summary>
internal static class Samples
{
    /// <summary>Values from N(mean, deviation²).</summary>
    public static float[] Normal(int count, double mean = 0.3, double deviation = 1, ulong seed = 1)
    {
        RandomSource random = new(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(mean + deviation * random.NextNormal());
        }

        return values;
    }

    /// <summary>An upstream gradient: mean 0.4, so that no term of a backward pass is multiplied by zero.</summary>
    public static float[] Upstream(int count, ulong seed = 2) => Normal(count, 0.4, 1, seed);

    /// <summary>Copies of one value.</summary>
    public static float[] Constant(int count, float value)
    {
        float[] values = new float[count];
        Array.Fill(values, value);
        return values;
    }

    /// <summary>The output of a layer in a new array.</summary>
    public static float[] Forward(Layer layer, float[] x, Shape shape)
    {
        float[] y = Constant(layer.OutputShape(shape).Length, float.NaN);
        layer.Forward(x, shape, y);
        return y;
    }

    /// <summary>The input gradient of a layer in a new array.</summary>
    public static float[] Backward(Layer layer, float[] x, float[] dy)
    {
        float[] dx = Constant(x.Length, float.NaN);
        layer.Backward(x, dy, dx);
        return dx;
    }
}
