using System.Reflection;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Sabotage;

/// <summary>Wrong variants of adaptive layer normalization, each changed lines of its reference: the comparison with the float layer, which the right reference passes, tells every one.</summary>
public sealed class AdaptiveSabotageTests
{
    private static readonly Shape s_shape = (3, 4, 11);

    private static readonly Fault[] s_faults =
    [
        new("scale without the 1", ("(1 + scale[n * C + c])", "scale[n * C + c]")),
        new("dx without the 1", ("(1 + scale[t / T * C + i % C])", "scale[t / T * C + i % C]")),
        new("the condition of a token's place in place of its sample", ("(t / T, i % C)", "(t % T % (scale.Length / C), i % C)")),
        new("the condition of the next sample", ("(t / T, i % C)", "((t / T + 1) % (scale.Length / C), i % C)")),
        new("the condition of the first sample", ("(t / T, i % C)", "(0, i % C)")),
        new("dx with the condition of the first sample", ("scale[t / T * C + i % C]", "scale[i % C]")),
        new("the shift scaled", ("* xHat + shift[n * C + c]", "* (xHat + shift[n * C + c])")),
        new("ε outside the root", ("1 / Math.Sqrt(variance + epsilon)", "1 / (Math.Sqrt(variance) + epsilon)")),
        new("an unbiased variance", (" / C; // [ADA-F2]", " / (C - 1);")),
        new("the mean of all tokens", ("token.Sum() / C;", "x.Sum() / x.Length;")),
        new("the gradient of the scale of the last token alone", ("dScale[n * C + c] += ", "dScale[n * C + c] = ")),
        new("the gradient of the shift of the last token alone", ("dShift[n * C + c] += ", "dShift[n * C + c] = ")),
        new("gradients added to those of the pass before", ("public static class AdaptiveLayerNormReference\n{", "public static class AdaptiveLayerNormReference\n{ private static double[]? s_scale, s_shift;"),
            ("new double[scale.Length], new double[scale.Length])", "s_scale ??= new double[scale.Length], s_shift ??= new double[scale.Length])")),
        new("the gradient of the scale with the scale", ("+= dy[i] * xHat; // [ADA-B2]", "+= g * xHat;")),
        new("the gradient of the scale without x̂", ("+= dy[i] * xHat; // [ADA-B2]", "+= dy[i];")),
        new("no gradient through the mean", ("g - sumG / C - ", "g - ")),
        new("no gradient through the variance", (" - xHat * sumGXHat / C", "")),
    ];

    public static TheoryData<string> Faults => [.. s_faults.Select(f => f.Name)];

    [Fact]
    public void Reference_WithoutAFault_MatchesTheLayer() => Assert.True(Matches(typeof(AdaptiveLayerNormReference)));

    [Theory]
    [Trait("Width", "any")]
    [MemberData(nameof(Faults))]
    public void Reference_OneFault_IsCaught(string fault)
    {
        Assembly edited = ReferenceSource.CompileEdited(s_faults.Single(f => f.Name == fault), ["src/NormLayers/AdaptiveLayerNorm/AdaptiveLayerNormReference.cs"]);
        Assert.False(Matches(edited.GetType(typeof(AdaptiveLayerNormReference).FullName!, throwOnError: true)!), fault);
    }

    // A second backward pass overwrites what the first has left.
    private static bool Matches(Type reference)
    {
        (float[] x, float[] dy) = (Samples.Normal(s_shape.Length, 0.6), Samples.Upstream(s_shape.Length));
        int condition = s_shape[0] * s_shape.Last;
        (float[] scale, float[] shift) = (Samples.Normal(condition, 0.4, 0.5, seed: 3), Samples.Normal(condition, -0.3, 0.5, seed: 4));
        AdaptiveLayerNorm layer = new(s_shape.Last, epsilon: 0.1);
        layer.SetCondition(scale, shift);
        float[] y = Samples.Forward(layer, x, s_shape);
        Samples.Backward(layer, x, Samples.Upstream(x.Length, seed: 9));
        float[] dx = Samples.Backward(layer, x, dy);

        object Call(string method, params object[] arguments) => reference.GetMethod(method)!.Invoke(null, arguments)!;
        (double[] expectedY, double[] mean, double[] rstd) = ((double[], double[], double[]))Call("Forward", Compare.Widen(x), s_shape.Last, Compare.Widen(scale), Compare.Widen(shift), 0.1);
        Call("Backward", Compare.Widen(x), Compare.Widen(Samples.Upstream(x.Length, seed: 9)), s_shape.Last, Compare.Widen(scale), mean, rstd);
        (double[] expectedDx, double[] dScale, double[] dShift) = ((double[], double[], double[]))Call("Backward", Compare.Widen(x), Compare.Widen(dy), s_shape.Last, Compare.Widen(scale), mean, rstd);
        return Near(expectedY, y) && Near(expectedDx, dx) && Near(dScale, layer.ScaleGradient.ToArray()) && Near(dShift, layer.ShiftGradient.ToArray());
    }

    private static bool Near(double[] expected, float[] actual) =>
        expected.Length == actual.Length && expected.Zip(actual, (e, a) => Math.Abs(e - a) <= 1e-5 * Math.Max(1, Math.Abs(e))).All(near => near);
}
