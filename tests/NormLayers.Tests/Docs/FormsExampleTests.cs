using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Tests.Docs;

/// <summary>The numbers by hand on the pages of weight normalization, ScaleNorm, DyT and local response normalization are what references and layers compute.</summary>
public sealed class FormsExampleTests
{
    private const double Tolerance = 1e-14;

    [Fact]
    public void WeightNormPage_EachNumber_IsTheReferencesAndTheLayers()
    {
        PageTables page = new("src/NormLayers/WeightNorm/README.md");
        (double[] v, double[] g, double[] dw, double[] weights, double[] d) = (page["v"], page["g"], page["dw"], page["weights"], page["d of standardized"]);
        (double[] dG, double[] dV, double[] dWeights) = (new double[1], new double[v.Length], new double[weights.Length]);
        double[] w = WeightNormReference.WeightNorm(v, g, dw, dG, dV);
        double[] standardized = WeightNormReference.Standardize(weights, outputs: 1, page.Number("epsilon"), d, dWeights);
        double mean = weights.Average();
        double variance = weights.Average(x => (x - mean) * (x - mean));

        Equal(page["WN-F1"], [Math.Sqrt(v.Sum(x => x * x))]);
        Equal(page["WN-F2"], w);
        Equal(page["WN-B1"], dG);
        Equal(page["WN-B2"], dV);
        Equal(page["WS-F1"], [mean]);
        Equal(page["WS-F2"], [variance]);
        Equal(page["WS-F3"], [1 / Math.Sqrt(variance + page.Number("epsilon"))]);
        Equal(page["WS-F4"], standardized);
        Equal(page["WS-B1"], [d.Average()]);
        Equal(page["WS-B2"], [d.Zip(standardized, (a, b) => a * b).Average()]);
        Equal(page["WS-B3"], dWeights);
        Assert.Empty(page.Unread);

        // One row of inputs 1 gives dw the upstream gradient's value; so each weight is given its own by one row of its own.
        WeightNorm norm = new(Unit(v));
        norm.G.Value[0] = (float)g[0];
        Passes(norm, dw);
        Assert.Equal(Floats(page["WN-F2"]), norm.Linear.Weight.Value);
        Assert.Equal(Floats(page["WN-B1"]), norm.G.Gradient);
        Assert.Equal(Floats(page["WN-B2"]), norm.V.Gradient);
        WeightStandardization standardization = new(Unit(weights), page.Number("epsilon"));
        Passes(standardization, d);
        Assert.Equal(Floats(page["WS-F4"]), standardization.Linear.Weight.Value);
        Assert.Equal(Floats(page["WS-B3"]), standardization.Weight.Gradient);
    }

    [Fact]
    public void ScaleNormPage_EachNumber_IsTheReferencesAndTheLayers()
    {
        PageTables page = new("src/NormLayers/ScaleNorm/README.md");
        (double[] x, double g, double epsilon, double[] dy) = (page["x"], page.Number("g"), page.Number("epsilon"), page["dy"]);
        (double[] y, double[] norm) = ScaleNormReference.Forward(x, x.Length, g, epsilon);
        double dG = 0;
        double[] dx = ScaleNormReference.Backward(x, dy, g, norm, epsilon, ref dG);
        double[] u = [.. x.Select(v => v / norm[0])];
        double[] h = [.. dy.Select(v => g * v)];

        Equal(page["SN-F1"], norm);
        Equal(page["SN-F2"], [1 / norm[0]]);
        Equal(page["SN-F3"], u);
        Equal(page["SN-F4"], y);
        Equal(page["SN-B1"], [dG]);
        Equal(page["h"], h);
        Equal(page["SN-B2"], [h.Zip(u, (a, b) => a * b).Sum()]);
        Equal(page["SN-B3"], dx);
        Assert.Empty(page.Unread);

        ScaleNorm layer = new(x.Length, epsilon);
        layer.G.Value[0] = (float)g;
        AssertLayer(layer, page["SN-F4"], page["SN-B3"], x, dy);
        Assert.Equal(Floats(page["SN-B1"]), layer.G.Gradient);
    }

    [Fact]
    public void DyTPage_EachNumber_IsTheReferencesAndTheLayers()
    {
        PageTables page = new("src/NormLayers/DyT/README.md");
        (double[] x, double alpha, double[] gamma, double[] beta, double[] dy) = (page["x"], page.Number("alpha"), page["gamma"], page["beta"], page["dy"]);
        double[] y = DyTReference.Forward(x, alpha, gamma, beta);
        (double dAlpha, double[] dGamma, double[] dBeta) = (0, new double[3], new double[3]);
        double[] dx = DyTReference.Backward(x, dy, alpha, gamma, ref dAlpha, dGamma, dBeta);

        Equal(page["DYT-F1"], [.. x.Select(v => Math.Tanh(alpha * v))]);
        Equal(page["DYT-F2"], y);
        Equal(page["DYT-B1"], dBeta);
        Equal(page["DYT-B2"], dGamma);
        Equal(page["g"], [.. gamma.Zip(dy, (a, b) => a * b)]);
        Equal(page["DYT-B3"], [.. dx.Select(v => v / alpha)]);
        Equal(page["DYT-B4"], [dAlpha]);
        Equal(page["DYT-B5"], dx);
        Assert.Empty(page.Unread);

        // The logarithms are no floats: the layer sees them rounded.
        DyT layer = new(3, alpha);
        Floats(gamma).CopyTo(layer.Gamma!.Value, 0);
        Floats(beta).CopyTo(layer.Beta!.Value, 0);
        float[] output = Support.Samples.Forward(layer, Floats(x), (1, 3));
        float[] gradient = Support.Samples.Backward(layer, Floats(x), Floats(dy));
        Support.Compare.Within(page["DYT-F2"], output, 3e-7, "y");
        Support.Compare.Within(page["DYT-B5"], gradient, 3e-7, "dx");
        Support.Compare.Within(page["DYT-B4"], layer.Alpha.Gradient, 1e-6, "dAlpha");
        Assert.Equal(Floats(page["DYT-B1"]), layer.Beta.Gradient);
        Assert.Equal(Floats(page["DYT-B2"]), layer.Gamma.Gradient);
    }

    [Fact]
    public void LocalResponseNormPage_EachNumber_IsTheReferencesAndTheLayers()
    {
        PageTables page = new("src/NormLayers/LocalResponseNorm/README.md");
        (double[] x, double[] dy) = (page["x"], page["dy"]);
        LocalResponseNorm layer = new((int)page.Number("size"), page.Number("alpha"), page.Number("beta"), page.Number("k"));
        LocalResponseNormReference reference = new(1, 1, layer.Alpha, layer.Beta, layer.K);
        double[] y = reference.Forward(x, (1, 3));
        double[] s = [.. x.Zip(y, (a, b) => a / b)]; // β = 1
        double[] e = [.. dy.Select((v, c) => v * y[c] / s[c])];

        Equal(page["LRN-F1"], s);
        Equal(page["LRN-F2"], y);
        Equal(page["LRN-B1"], e);
        Equal(page["LRN-B2"], [e[0] + e[1], e.Sum(), e[1] + e[2]]);
        Equal(page["LRN-B3"], reference.Backward(dy));
        Assert.Empty(page.Unread);
        AssertLayer(layer, page["LRN-F2"], page["LRN-B3"], x, dy);
    }

    private static Linear Unit(double[] weights)
    {
        Linear linear = new(weights.Length, 1, new RandomSource(1));
        Floats(weights).CopyTo(linear.Weight.Value, 0);
        return linear;
    }

    // Rows of the unit matrix as inputs: the gradient of weight i is that of output i.
    private static void Passes(NormalizedLinear layer, double[] dw)
    {
        int m = dw.Length;
        float[] unit = [.. Enumerable.Range(0, m * m).Select(i => i % (m + 1) == 0 ? 1f : 0)];
        layer.Forward(unit, (m, m), new float[m]);
        layer.Backward(unit, Floats(dw), new float[m * m]);
    }

    private static void AssertLayer(Layer layer, double[] y, double[] dx, double[] x, double[] dy)
    {
        Assert.Equal(Floats(y), Support.Samples.Forward(layer, Floats(x), (1, x.Length)));
        Assert.Equal(Floats(dx), Support.Samples.Backward(layer, Floats(x), Floats(dy)));
    }

    private static void Equal(double[] page, double[] computed)
    {
        Assert.Equal(page.Length, computed.Length);
        for (int i = 0; i < page.Length; i++)
        {
            Assert.Equal(page[i], computed[i], Tolerance);
        }
    }

    private static float[] Floats(double[] values) => Array.ConvertAll(values, v => (float)v);
}
