using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>Runs a float layer forward and backward into buffers full of NaN, so that what is not overwritten shows.</summary>
internal sealed record NormRun(float[] Y, float[] Dx)
{
    public static NormRun Of(Layer layer, double[] x, Shape shape, double[] dy)
    {
        float[] y = Poison(x.Length);
        float[] dx = Poison(x.Length);
        float[] input = Compare.Narrow(x);
        layer.Forward(input, shape, y);
        layer.Backward(input, Compare.Narrow(dy), dx);
        return new NormRun(y, dx);
    }

    public static float[] ForwardOf(Layer layer, double[] x, Shape shape)
    {
        float[] y = Poison(x.Length);
        layer.Forward(Compare.Narrow(x), shape, y);
        return y;
    }

    /// <summary>The layer for a shape, with the given values; parameters and statistics that are null are left out.</summary>
    public static BatchNorm BatchNorm(
        Shape shape, double epsilon, Momentum momentum, double[]? gamma, double[]? beta, double[]? mean, double[]? variance)
    {
        (int C, bool withGamma, bool withBeta, bool tracks) = (shape[1], gamma is not null, beta is not null, mean is not null);
        BatchNorm layer = shape.Rank switch
        {
            <= 3 => new BatchNorm1D(C, epsilon, momentum, withGamma, withBeta, tracks),
            4 => new BatchNorm2D(C, epsilon, momentum, withGamma, withBeta, tracks),
            5 => new BatchNorm3D(C, epsilon, momentum, withGamma, withBeta, tracks),
            _ => new BatchNorm(C, epsilon, momentum, withGamma, withBeta, tracks),
        };
        Copy(gamma, layer.Gamma?.Value);
        Copy(beta, layer.Beta?.Value);
        Copy(mean, layer.Running?.Mean);
        Copy(variance, layer.Running?.Variance);
        return layer;
    }

    /// <summary>A layer normalization layer with the given values; parameters that are null are left out.</summary>
    public static LayerNorm LayerNorm(Shape normalizedShape, double epsilon, double[]? gamma, double[]? beta)
    {
        LayerNorm layer = new(normalizedShape, epsilon, gamma is not null, beta is not null);
        Copy(gamma, layer.Gamma?.Value);
        Copy(beta, layer.Beta?.Value);
        return layer;
    }

    private static void Copy(double[]? from, float[]? to)
    {
        if (from is not null && to is not null)
        {
            Compare.Narrow(from).CopyTo(to, 0);
        }
    }

    private static float[] Poison(int length)
    {
        float[] values = new float[length];
        Array.Fill(values, float.NaN);
        return values;
    }
}
