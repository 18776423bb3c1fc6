using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Layers;

/// <summary>ScaleNorm's numbers against the family's reference, and what it shares with RMS normalization.</summary>
public sealed class ScaleNormTests
{
    private static readonly Family s_family =
        new(nameof(ScaleNorm), IndexSets.Rows(), IndexSets.All) { Statistic = Statistic.L2, EpsilonLimitsRoot = true };

    // ε below all lengths, among them, and above all.
    public static MatrixTheoryData<double, double> Kinds => new([1, 1e30, 1e-30], [0, 1e-5, 2, 1e6]);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Passes_EveryRowLength_MatchTheReference(double magnitude, double epsilon)
    {
        foreach (int features in Enumerable.Range(1, 40).Concat([64, 100, 130, 1000]))
        {
            int rows = 1 + features % 11;
            float[] x = Array.ConvertAll(Samples.Normal(rows * features, 0.5, 1, (ulong)features), v => (float)(v * magnitude));
            float[] dy = Samples.Upstream(x.Length);
            ScaleNorm layer = new(features, epsilon);
            layer.G.Value[0] = 1.7f;
            NormReference norm = s_family.Reference(epsilon, [1.7f], beta: null);
            Solution exact = Solution.Of(s_family, norm, Compare.Widen(x), (rows, features), Compare.Widen(dy));
            NormTolerances allowed = Tolerance.Of(exact, Compare.Widen(x), Compare.Widen(dy), share: 1);

            Compare.Within(exact.Y.Exact, Samples.Forward(layer, x, (rows, features)), allowed.Y, $"y of {features}");
            Compare.Within(exact.Dx.Exact, Samples.Backward(layer, x, dy), allowed.Dx, $"dx of {features}");
            Compare.Within(exact.DGamma!.Exact, layer.G.Gradient, allowed.DGamma, $"dG of {features}");
        }
    }

    [Fact]
    public void Reference_Page_IsTheFamilys()
    {
        double[] x = Compare.Widen(Samples.Normal(8 * 5, deviation: 0.9));
        double[] dy = Compare.Widen(Samples.Upstream(x.Length));
        foreach (double epsilon in (double[])[0, 1.9, 50])
        {
            NormReference norm = s_family.Reference(epsilon, [1.3], beta: null);
            (double[] y, double[] lengths) = ScaleNormReference.Forward(x, 5, 1.3, epsilon);
            double dG = 0;
            double[] dx = ScaleNormReference.Backward(x, dy, 1.3, lengths, epsilon, ref dG);
            Compare.Within(norm.Forward(x, (8, 5)), y, 1e-14, "y");
            Compare.Within(norm.Backward(dy), dx, 1e-14, "dx");
            Assert.Equal(norm.DGamma![0], dG, 1e-13);
        }
    }

    [Fact]
    public void Forward_GAsItStarts_IsRmsNorm()
    {
        // √C as a float is off by half an ulp, and so are the factors of both.
        float[] x = Samples.Normal(12 * 50, mean: 3);
        float[] expected = Samples.Forward(new RmsNorm(50, epsilon: 0), x, (12, 50));
        float[] actual = Samples.Forward(new ScaleNorm(50, epsilon: 0), x, (12, 50));
        Compare.Within(Compare.Widen(expected), actual, Array.ConvertAll(expected, v => 3 * Tolerance.Ulp(v)), "y");
    }

    [Fact]
    public void Passes_EpsilonAboveTheLength_AreLinear()
    {
        ScaleNorm layer = new(4, epsilon: 8);
        layer.G.Value[0] = 2;
        Assert.Equal([0.25f, -0.5f, 0.75f, 0], Samples.Forward(layer, [1, -2, 3, 0], (1, 4)));
        Assert.Equal([0.25f, 0.5f, -1, 0.25f], Samples.Backward(layer, [1, -2, 3, 0], [1, 2, -4, 1]));
        Assert.Equal([(1 - 4 - 12) / 8f], layer.G.Gradient);
    }

    [Fact]
    public void Passes_RowOfZeros_GiveZeros()
    {
        foreach (double epsilon in (double[])[0, 0.5])
        {
            ScaleNorm layer = new(4, epsilon);
            Compare.AllEqual(0, Samples.Forward(layer, new float[4], (1, 4)), "y");
            Compare.AllEqual(epsilon == 0 ? 0 : 2 * 2, Samples.Backward(layer, new float[4], [1, 1, 1, 1]), "dx");
            Compare.AllEqual(0, layer.G.Gradient, "dG");
        }
    }

    [Fact]
    public void Passes_NaNOrInfinity_StaysInItsRow()
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity])
        {
            ScaleNorm layer = new(5);
            float[] x = Samples.Normal(6 * 5);
            x[7] = bad;
            float[] y = Samples.Forward(layer, x, (6, 5));
            float[] dx = Samples.Backward(layer, x, Samples.Upstream(x.Length));
            for (int i = 0; i < x.Length; i++)
            {
                // Divided by an infinite length, finite elements are 0.
                Assert.Equal(i / 5 == 1 && (i == 7 || float.IsNaN(bad)), float.IsNaN(y[i]));
                Assert.Equal(i / 5 == 1, float.IsNaN(dx[i]));
            }
        }
    }
}
