using NormLayers.Tests.Support;
using SampleData = NormLayers.Tests.Support.Samples;

namespace NormLayers.Tests.Layers;

/// <summary>Runs layers on the same data and compares them with each other and with their references.</summary>
internal static class Layers
{
    /// <summary>γ and β that differ by channel.</summary>
    public static void Fill(Layer layer)
    {
        foreach ((Parameter parameter, int i) in layer.Parameters.Select((p, i) => (p, i)))
        {
            SampleData.Normal(parameter.Value.Length, 0.8, 0.4, (ulong)i + 1).CopyTo(parameter.Value.AsSpan());
        }
    }

    public static (float[] X, float[] Dy) Data(Shape shape) => (SampleData.Normal(shape.Length, 0.5, 2, 3), SampleData.Upstream(shape.Length, 4));

    /// <summary>y and dx, from buffers of NaN.</summary>
    public static (float[] Y, float[] Dx) Run(Layer layer, Shape shape)
    {
        (float[] x, float[] dy) = Data(shape);
        float[] y = Checks.Problem.Dirty(shape.Length);
        float[] dx = Checks.Problem.Dirty(shape.Length);
        layer.ZeroGradients();
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);
        return (y, dx);
    }

    public static void AssertSameBits(Layer expected, Layer actual, Shape shape)
    {
        (float[] y, float[] dx) = Run(expected, shape);
        (float[] actualY, float[] actualDx) = Run(actual, shape);
        Compare.SameBits(y, actualY, "y");
        Compare.SameBits(dx, actualDx, "dx");
        Assert.Equal(expected.Parameters.Count, actual.Parameters.Count);
        foreach ((Parameter a, Parameter b) in expected.Parameters.Zip(actual.Parameters))
        {
            Compare.SameBits(a.Gradient, b.Gradient, a.Name);
        }
    }

    /// <summary>Both passes against the layer's own reference in double.</summary>
    public static void AssertMatchesReference(Layer layer, Shape shape)
    {
        ReferenceLayer reference = layer.CreateReference()!;
        (float[] y, float[] dx) = Run(layer, shape);
        (float[] x, float[] dy) = Data(shape);
        double[] expectedY = reference.Forward(Compare.Widen(x), shape);
        double[] expectedDx = reference.Backward(Compare.Widen(dy));
        double[] magnitudes = Magnitudes(layer, shape, out double[] dxMagnitudes);
        Compare.Within(expectedY, y, Array.ConvertAll(magnitudes, Tolerance.Element), "y");
        Compare.Within(expectedDx, dx, Array.ConvertAll(dxMagnitudes, Tolerance.Element), "dx");
        Assert.Equal(layer is AdaptiveLayerNorm ? 0 : reference.Parameters.Count, layer.Parameters.Count);
        foreach ((ReferenceParameter expected, Parameter actual) in reference.Parameters.Zip(layer.Parameters))
        {
            Compare.Within(expected.Gradient, actual.Gradient, Array.ConvertAll(expected.Gradient, g => Tolerance.Sum(Math.Max(20, Math.Abs(g)))), expected.Name);
        }
    }

    /// <summary>The largest term of the last sum of each element of y, and of dx, from the reference.</summary>
    public static double[] Magnitudes(Layer layer, Shape shape, out double[] ofDx)
    {
        NormReference norm = (NormReference)layer.CreateReference()!;
        (float[] x, float[] dy) = Data(shape);
        double[] y = norm.Forward(Compare.Widen(x), shape);
        double[] dx = norm.Backward(Compare.Widen(dy));
        double scale = 1 + (norm.OnePlusGamma ? 1 : 0) + (norm.Gamma ?? [0]).Max(Math.Abs);
        double shift = norm.Beta?.Max(Math.Abs) ?? 0;
        double rstd = norm.Rstd.DefaultIfEmpty().Max();
        ofDx = [.. dx.Select((v, i) => Math.Max(Math.Abs(v), rstd * scale * (Math.Abs(dy[i]) + 1)))];
        return [.. y.Select((v, i) => Math.Max(Math.Abs(v), scale * Math.Abs(norm.XHat[i]) + shift))];
    }
}
