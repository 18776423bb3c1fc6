using System.Reflection;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Sabotage;

/// <summary>Wrong variants of ScaleNorm, DyT, local response norm, weight normalization and weight standardization: an edited line of a page's reference is told from the right one.</summary>
public sealed class FormFaultTests
{
    private static readonly Fault[] s_faults =
    [
        new("ScaleNorm: ε added to the length", ("Math.Max(norm, epsilon) == 0 ? 0 : 1 / Math.Max(norm, epsilon); // [SN-F2]", "1 / (norm + epsilon);")),
        new("ScaleNorm: ε under the root", ("Math.Sqrt(squares); // [SN-F1]", "Math.Sqrt(squares + epsilon * epsilon);")),
        new("ScaleNorm: mean square in place of the sum", ("Math.Sqrt(squares); // [SN-F1]", "Math.Sqrt(squares / C);")),
        new("ScaleNorm: tail left out", ("for (int c = 0; c < C; c++)\n            {\n                squares", "for (int c = 0; c < C / 8 * 8; c++)\n{\nsquares")),
        new("ScaleNorm: g left out of dx", ("double h = g * dy[n * C + c];", "double h = dy[n * C + c];")),
        new("ScaleNorm: no projection", ("- u * (norms[n] <= epsilon ? 0 : sumHU)", "")),
        new("ScaleNorm: projection also where ε limits", ("norms[n] <= epsilon ? 0 : sumHU", "sumHU")),
        new("ScaleNorm: dG with h in place of dy", ("dG += dy[n * C + c] * u;", "dG += h * u;")),
        new("ScaleNorm: dG assigned", ("double[] dx = new double[x.Length];", "double[] dx = new double[x.Length]; dG = 0;")),
        new("DyT: α outside tanh", ("double t = Math.Tanh(alpha * x[i]); // [DYT-F1]", "double t = alpha * Math.Tanh(x[i]);")),
        new("DyT: β left out", (" + beta[c]; // [DYT-F2]", ";")),
        new("DyT: slope left out", (" / (cosh * cosh); // [DYT-B3]", ";")),
        new("DyT: slope 1 − |t|", (" / (cosh * cosh); // [DYT-B3]", " * (1 - Math.Abs(t));")),
        new("DyT: γ left out of h", ("double h = gamma[c] * dy", "double h = dy")),
        new("DyT: α left out of dx", ("dx[i] = alpha * h;", "dx[i] = h;")),
        new("DyT: dα without x", ("dAlpha += h * x[i];", "dAlpha += h;")),
        new("DyT: dα of the last row", ("dAlpha += h * x[i];", "dAlpha = (i / C == x.Length / C - 1 ? dAlpha : 0) + h * x[i];")),
        new("DyT: dγ without tanh", ("dGamma[c] += dy[i] * t;", "dGamma[c] += dy[i] * alpha * x[i];")),
        new("LRN: α not divided by n", ("alpha / size * squares", "alpha * squares")),
        new("LRN: α divided by the channels that are there", ("alpha / size * squares", "alpha / (Math.Min(c + above, P.Length - 1) - Math.Max(c - below, 0) + 1) * squares")),
        new("LRN: window the other way", ("Window(P, c, below, above)", "Window(P, c, above, below)")),
        new("LRN: gradient over the same window, not the mirrored one", ("Window(P, j, above, below)", "Window(P, j, below, above)")),
        new("LRN: factor 2 left out", ("2 * alpha * beta", "alpha * beta")),
        new("LRN: β left out of dx", ("2 * alpha * beta", "2 * alpha")),
        new("LRN: only its own window in dx", (".Sum(E); // [LRN-B2]", ".Where(i => i == o).Sum(E);")),
        new("LRN: e without 1/s", ("dy[i] * y[i] / s[i]", "dy[i] * y[i]")),
        new("WeightNorm: g left out of dV", ("g[o] / norm * (dw[i]", "1 / norm * (dw[i]")),
        new("WeightNorm: no projection", (" - sumDwV / norm * v[i] / norm", "")),
        new("WeightNorm: projection on v", (" - sumDwV / norm * v[i] / norm", " - sumDwV * v[i]")),
        new("WeightNorm: dG not divided by the length", ("dG[o] += sumDwV / norm;", "dG[o] += sumDwV;")),
        new("WeightNorm: one length for the matrix", ("double squares = Enumerable.Range(o * m, m)", "double squares = Enumerable.Range(0, v.Length)")),
        new("WeightNorm: dV assigned", ("dV[i] += ", "dV[i] = ")),
        new("WeightStandardization: n − 1", ("squares / m; // [WS-F2]", "squares / (m - 1);")),
        new("WeightStandardization: ε outside the root", ("1 / Math.Sqrt(variance + epsilon); // [WS-F3]", "1 / (Math.Sqrt(variance) + epsilon);")),
        new("WeightStandardization: mean of d left out", (" - sumD / m", "")),
        new("WeightStandardization: ŵ term left out", (" - wHat[i] * sumDWHat / m", "")),
        new("WeightStandardization: rstd left out of dw", ("dw[i] += rstd * (", "dw[i] += (")),
    ];

    private static readonly string[] s_files =
    [
        "src/NormLayers/ScaleNorm/ScaleNormReference.cs", "src/NormLayers/DyT/DyTReference.cs",
        "src/NormLayers/LocalResponseNorm/LocalResponseNormReference.cs", "src/NormLayers/WeightNorm/WeightNormReference.cs",
    ];

    public static TheoryData<string> Faults => [.. s_faults.Select(f => f.Name)];

    [Theory]
    [Trait("Width", "any")]
    [MemberData(nameof(Faults))]
    public void Comparison_OneFault_CatchesIt(string fault)
    {
        Assembly edited = ReferenceSource.CompileEdited(s_faults.Single(f => f.Name == fault), s_files);
        string[] differ = [.. Problems(typeof(ScaleNormReference).Assembly).Zip(Problems(edited)).Where(p => Differ(p.First.Values, p.Second.Values)).Select(p => p.First.Name)];
        TestContext.Current.TestOutputHelper?.WriteLine($"{fault}: {string.Join(", ", differ)}");
        string layer = fault.Split(':')[0];
        Assert.Contains(differ, name => name.StartsWith(layer, StringComparison.Ordinal));
        Assert.All(differ, name => Assert.StartsWith(layer, name, StringComparison.Ordinal));
    }

    // The problems on which layers are compared with these references elsewhere: gradients that were there before, ε among the lengths, an even window.
    private static IEnumerable<(string Name, double[] Values)> Problems(Assembly references)
    {
        object Call(string type, string method, params object[] arguments) => references.GetType($"NormLayers.{type}", throwOnError: true)!.GetMethod(method)!.Invoke(null, arguments)!;
        double[] x = Draw(7 * 11, 1);
        double[] dy = Draw(x.Length, 2);
        double[] gamma = Draw(11, 3);

        object[] scale = [x, dy, 1.7, Draw(7, 4), 4.0, 0.3];
        (double[] y, scale[3]) = ((double[], double[]))Call("ScaleNormReference", "Forward", x, 11, 1.7, 4.0);
        yield return ("ScaleNorm y", y);
        yield return ("ScaleNorm dx", (double[])Call("ScaleNormReference", "Backward", scale));
        yield return ("ScaleNorm dG", [(double)scale[5]]);

        yield return ("DyT y", (double[])Call("DyTReference", "Forward", x, 0.7, gamma, Draw(11, 5)));
        object[] tanh = [x, dy, 0.7, gamma, 0.3, Draw(11, 6), Draw(11, 7)];
        yield return ("DyT dx", (double[])Call("DyTReference", "Backward", tanh));
        yield return ("DyT dAlpha", [(double)tanh[4]]);
        yield return ("DyT dGamma and dBeta", [.. (double[])tanh[5], .. (double[])tanh[6]]);

        ReferenceLayer response = (ReferenceLayer)Activator.CreateInstance(references.GetType("NormLayers.LocalResponseNormReference", throwOnError: true)!, 2, 1, 0.8, 0.75, 1.0)!;
        yield return ("LRN y", response.Forward(x, (1, x.Length)));
        yield return ("LRN dx", response.Backward(dy));

        (double[] dG, double[] dV, double[] dw) = (Draw(7, 8), Draw(x.Length, 9), Draw(x.Length, 10));
        yield return ("WeightNorm w", (double[])Call("WeightNormReference", "WeightNorm", x, Draw(7, 11), dy, dG, dV));
        yield return ("WeightNorm dG and dV", [.. dG, .. dV]);
        yield return ("WeightStandardization w", (double[])Call("WeightNormReference", "Standardize", x, 7, 0.01, dy, dw));
        yield return ("WeightStandardization dw", dw);
    }

    // By more than the layers' tests allow a float, which is at most 4u.
    private static bool Differ(double[] right, double[] wrong) => right.Zip(wrong).Any(p => !(Math.Abs(p.First - p.Second) <= 100 * Tolerance.Element(p.First)));

    private static double[] Draw(int count, ulong seed) => Compare.Widen(Samples.Normal(count, 0.6, 1, seed));
}
