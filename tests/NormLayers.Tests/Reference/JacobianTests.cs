using NormLayers.Tests.Support;

namespace NormLayers.Tests.Reference;

/// <summary>
/// The backward pass as a matrix: x̂ has the symmetric Jacobian J = r(I − 11ᵀ/m − x̂x̂ᵀ/m) on a set, without its second term where no
/// mean is subtracted, and with x̂x̂ᵀ whole for the Euclidean norm.
/// </summary>
public sealed class JacobianTests
{
    private const double Roundings = 1e-13;
    private static readonly Shape s_shape = (2, 4, 6);
    private static readonly IndexSets[] s_partitions = [IndexSets.Rows(), IndexSets.Channels, IndexSets.Groups(2), IndexSets.Instances, IndexSets.By((_, i) => i % 5)];

    public static MatrixTheoryData<Statistic, bool> Kinds => new(Enum.GetValues<Statistic>(), [false, true]);

    // ⟨Jv, u⟩ = ⟨v, Jᵀu⟩, with Jv from the forward pass alone: the difference quotient along v.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Backward_RandomDirections_IsTheAdjointOfTheForwardPass(Statistic statistic, bool outside)
    {
        foreach (IndexSets sets in s_partitions)
        {
            double[] gamma = Draw(4, seed: 3);
            NormReference norm = new(sets, IndexSets.Channels)
            {
                Statistic = statistic,
                Epsilon = 0.1,
                EpsilonOutsideRoot = outside,
                Gamma = gamma,
                Beta = gamma,
                Mask = [.. Enumerable.Range(0, s_shape.Length).Select(i => i % 11 != 4)],
            };
            (double[] x, double[] v, double[] u) = (Draw(s_shape.Length, seed: 1), Draw(s_shape.Length, seed: 2), Draw(s_shape.Length, seed: 4));
            const double h = 1e-5;
            double[] above = norm.Forward([.. x.Zip(v, (a, b) => a + h * b)], s_shape);
            double[] below = norm.Forward([.. x.Zip(v, (a, b) => a - h * b)], s_shape);
            double forward = Dot(above, u) / (2 * h) - Dot(below, u) / (2 * h);
            norm.Forward(x, s_shape);
            double backward = Dot(v, norm.Backward(u));
            Assert.True(Math.Abs(backward) > 0.01, "The product is too small to say anything.");
            Assert.Equal(forward, backward, 1e-8);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Backward_WithoutGamma_IsSymmetric(Statistic statistic, bool outside)
    {
        foreach (IndexSets sets in s_partitions)
        {
            NormReference norm = Norm(sets, statistic, outside);
            (double[] u, double[] v) = (Draw(s_shape.Length, seed: 2), Draw(s_shape.Length, seed: 4));
            Assert.Equal(Dot(v, norm.Backward(u)), Dot(u, norm.Backward(v)), Roundings);
        }
    }

    // 0 along 1 where a mean is subtracted; along x̂ what ε leaves, rε/(v + ε), or r²ε with ε outside the root; r in all other directions.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Backward_Eigenvectors_AreScaledByTheirEigenvalues(Statistic statistic, bool outside)
    {
        foreach (IndexSets sets in s_partitions)
        {
            NormReference norm = Norm(sets, statistic, outside);
            bool centres = statistic == Statistic.MeanAndVariance;
            int[] setOf = sets.NumberOf(s_shape);
            double[] ones = [.. Enumerable.Repeat(1.0, s_shape.Length)];
            if (centres)
            {
                Compare.Within(new double[s_shape.Length], norm.Backward(ones), Roundings, "J·1");
            }

            double OnXHat(int s) => norm.Rstd[s] * norm.Epsilon * (outside ? norm.Rstd[s] : 1 / (norm.Variance[s] + norm.Epsilon));
            Compare.Within([.. norm.XHat.Select((v, i) => OnXHat(setOf[i]) * v)], norm.Backward(norm.XHat), Roundings, "J·x̂");

            double[] other = Draw(s_shape.Length, seed: 4);
            foreach (int[] S in sets.Of(s_shape))
            {
                RemovePart(other, centres ? ones : norm.XHat, S);
                RemovePart(other, norm.XHat, S);
            }

            Assert.True(Dot(other, other) > 1, "Nothing is left beside 1 and x̂.");
            Compare.Within([.. other.Select((v, i) => norm.Rstd[setOf[i]] * v)], norm.Backward(other), Roundings, "J·other");

            // No direction is stretched by more than r: ‖dx‖ ≤ r‖g‖ on each set.
            double[] g = Draw(s_shape.Length, seed: 5);
            double[] dx = norm.Backward(g);
            Assert.All(sets.Of(s_shape), S => Assert.True(
                Math.Sqrt(S.Sum(i => dx[i] * dx[i])) <= norm.Rstd[setOf[S[0]]] * Math.Sqrt(S.Sum(i => g[i] * g[i])) * (1 + Roundings)));
        }
    }

    private static NormReference Norm(IndexSets sets, Statistic statistic, bool outside)
    {
        NormReference norm = new(sets, IndexSets.All) { Statistic = statistic, Epsilon = 0.1, EpsilonOutsideRoot = outside };
        norm.Forward(Draw(s_shape.Length, seed: 1), s_shape);
        return norm;
    }

    private static void RemovePart(double[] vector, double[] along, int[] S)
    {
        double part = S.Sum(i => vector[i] * along[i]) / S.Sum(i => along[i] * along[i]);
        foreach (int i in S)
        {
            vector[i] -= part * along[i];
        }
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (v, w) => v * w).Sum();

    private static double[] Draw(int count, ulong seed) => Compare.Widen(Samples.Normal(count, mean: 0.4, seed: seed));
}
