using System.Globalization;
using NormLayers.Exchange;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>
/// A layer normalization of a real sentence encoder on what it normalizes there. The file says where it is from, and benchmarks/NormLayers.Models writes it
/// (<c>fixture FILE</c>): x, γ (weight), β (bias), and y by ONNX Runtime from the sequence of operators that the model has.
/// </summary>
public sealed class ActivationsTests
{
    // The derived bound of y in docs/numerics.md.
    private const double Bound = 4.5;

    [Fact]
    public void Forward_ActivationsOfAModel_AreWithinTheBoundAndCloserThanFloatOperators()
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Conformance", "Activations", "minilm-norm.safetensors"));
        SafetensorsReader reader = new(file);
        Dictionary<string, float[]> tensors = reader.Tensors.ToDictionary(t => t.Name, reader.ReadFloats);
        Assert.Contains("all-MiniLM-L6-v2", reader.Metadata["origin"], StringComparison.Ordinal);
        Assert.Contains("Apache-2.0", reader.Metadata["license"], StringComparison.Ordinal);
        (float[] x, float[] beta) = (tensors["x"], tensors["bias"]);
        LayerNorm1D layer = new(beta.Length, epsilon: double.Parse(reader.Metadata["epsilon"], CultureInfo.InvariantCulture));
        tensors["weight"].CopyTo(layer.Gamma!.Value, 0);
        beta.CopyTo(layer.Beta!.Value, 0);
        Shape shape = (x.Length / beta.Length, beta.Length);
        Assert.True(shape[0] > 10, $"{shape}");
        double[] exact = layer.CreateReference()!.Forward(Compare.Widen(x), shape);
        double ours = Worst(exact, Samples.Forward(layer, x, shape), beta);
        double runtimes = Worst(exact, tensors["y"], beta);
        Assert.InRange(ours, 0, Bound);
        Assert.True(runtimes > Bound, $"{runtimes}u: then the file cannot tell a float sequence from the layer");
    }

    // In u: ulps of the largest of the result and the terms of its last sum.
    private static double Worst(double[] exact, float[] y, float[] beta)
    {
        Assert.Equal(exact.Length, y.Length);
        double worst = 0;
        for (int i = 0; i < y.Length; i++)
        {
            float b = beta[i % beta.Length];
            float size = (float)Math.Max(Math.Abs(exact[i] - b), Math.Max(Math.Abs(exact[i]), Math.Abs(b)));
            worst = Math.Max(worst, Math.Abs(exact[i] - y[i]) / (MathF.BitIncrement(size) - size));
            Assert.False(float.IsNaN(y[i]));
        }

        return worst;
    }
}
