using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Support;

/// <summary>How far a float layer may be from the exact result: derived here once, used everywhere, widened nowhere.</summary>
/// <remarks>
/// <para><b>The unit.</b> <see cref="Ulp"/>(v) is the distance from one float to the next at magnitude v: 2⁻²³ of the power of
/// two below v, and 2⁻¹⁴⁹ for subnormals. Rounding a result once costs half of it. Where a result is the sum of terms that
/// cancel, its error is that of its largest term; so each tolerance is taken at max(|exact|, largest |term| of the last sum).</para>
/// <para>4 ulp: y = γ·x̂ + β and dx = r·g − r·ΣG/m − r·x̂·ΣGx̂/m. In float arithmetic with x̂ and the sums right to half an
/// ulp, dx takes two products and two differences, each half an ulp of at most the largest term. The terms carry an
/// ulp between them: below 4. y takes one product and one sum. (Kernels that compute in double and round once need half an ulp.)</para>
/// <para><b>dγ, dβ, mean and running statistics: 2 ulp.</b> One chain of sums that is carried in more than float precision, a
/// final rounding, and for running statistics two products and a sum.</para>
/// <para><b>The double part.</b> A mean that is right to its last double bits is still off by |x|·2⁻⁵³, which
/// centring leaves in x − μ; the plain chain of the reference is off by at most m times that. Both sides together, with
/// the products that follow: (m + 8)·2⁻⁵³·max|x|·r, times the factor of x̂. This is far below a float ulp unless the offset is
/// 10⁷ times the spread.</para>
/// </remarks>
internal static class Tolerance
{
    /// <summary>
    /// What a double formula may differ from another, as a share of what a float formula may: 2⁻²⁰. A double is 2⁻²⁹ finer than a
    /// float, so this allows 2⁹ times as many roundings: chains of a few hundred sums, summed in two orders.
    /// </summary>
    public const double InDouble = 1.0 / (1 << 20);

    private const double FloatRoundoff = 5.9604644775390625e-8;
    private const double DoubleRoundoff = 1.1102230246251565e-16;

    /// <summary>The distance from one float to the next at a magnitude.</summary>
    public static double Ulp(double magnitude) =>
        magnitude == 0 ? float.Epsilon : Math.Max(float.Epsilon, Math.ScaleB(1, Math.ILogB(magnitude) - 23));

    /// <summary>The tolerance of an output or input gradient whose largest term or exact value has this magnitude.</summary>
    public static double Element(double magnitude) => 4 * Ulp(magnitude);

    /// <summary>The tolerance of a sum over many elements: a parameter's gradient, a mean, a running statistic.</summary>
    public static double Sum(double magnitude) => 2 * Ulp(magnitude);

    /// <summary>The tolerance of each element of a running statistic after one step.</summary>
    /// <param name="before">The running values before the step.</param>
    /// <param name="batch">The batch's values, the variance unbiased.</param>
    /// <param name="newWeight">The weight of the batch.</param>
    public static double[] Running(double[] before, double[] batch, double newWeight) =>
        [.. before.Zip(batch, (old, fresh) => Sum(Largest((1 - newWeight) * old, newWeight * fresh)))];

    /// <summary>
    /// A chain of products summed in float, one after the other: each of the terms and sums is rounded, so the error is below
    /// (terms + 1)·2⁻²⁴ of the sum of the terms' magnitudes.
    /// </summary>
    public static double Chain(int terms, double sumOfMagnitudes) => (terms + 1) * FloatRoundoff * sumOfMagnitudes + float.Epsilon;

    /// <summary>
    /// Against float32 results of somebody's float32 arithmetic, which in the ONNX node tests is itself off by up to 1.1e-6 from float64: 2e-6 + 1e-6·|expected|, five hundred times stricter than that suite's own.
    /// </summary>
    public static double[] Printed(double[] expected) => Array.ConvertAll(expected, v => 2e-6 + 1e-6 * Math.Abs(v));

    /// <summary>
    /// Weights and running statistics after some steps of training. Each step rounds a weight once, and adds η times a
    /// gradient whose chains of sums (forward and back, <paramref name="chain"/> terms in all) are each off by at most that many
    /// half ulp; together the updates come to about <paramref name="farthest"/>. A weight that is off moves the next
    /// gradients too: over a few small steps at most as much again.
    /// </summary>
    public static double Trained(int steps, int chain, double farthest, double[] expected) =>
        2 * FloatRoundoff * (steps * Largest(expected) + chain * farthest);

    /// <summary>The loss of a step of training: logits off by their chains, no more than that in the loss.</summary>
    public static double TrainedLoss(int chain, double[] expected) => FloatRoundoff * chain * Math.Max(1, Largest(expected));

    /// <summary>
    /// Layer normalization over rows of <c>gamma.Length</c> elements. <paramref name="share"/> is 1 for a float formula,
    /// <see cref="InDouble"/> for a double one; the double part stays whole.
    /// </summary>
    public static NormTolerances LayerNorm(double[] x, double[] dy, double[] gamma, double[] beta, double epsilon, double share = 1)
    {
        Family family = Family.LayerNorm;
        return Of(Solution.Of(family, family.Reference(epsilon, gamma, beta), x, (x.Length / gamma.Length, gamma.Length), dy), x, dy, share);
    }

    /// <summary>Batch normalization of (N, C, L) with the batch's own statistics, or with given ones; <paramref name="share"/> as above.</summary>
    public static NormTolerances BatchNorm(
        double[] x,
        double[] dy,
        int length,
        double[] gamma,
        double[] beta,
        double epsilon,
        (double[] Mean, double[] Variance)? given = null,
        double share = 1)
    {
        Family family = Family.BatchNorm;
        Shape shape = (x.Length / gamma.Length / length, gamma.Length, length);
        return Of(Solution.Of(family, family.Reference(epsilon, gamma, beta, given), x, shape, dy), x, dy, share);
    }

    /// <summary>Any normalization, from its solution; <paramref name="share"/> as above.</summary>
    public static NormTolerances Of(Solution solution, double[] x, double[] dy, double share)
    {
        NormReference norm = solution.Norm;
        int sets = norm.Mean.Length;
        double m = (double)x.Length / sets;
        double divisor = norm.Statistic == Statistic.L2 ? 1 : m;
        double rounding = (m + 8) * DoubleRoundoff;
        double[] farthest = new double[sets];
        double[] sumMagnitude = new double[sets];
        for (int i = 0; i < x.Length; i++)
        {
            int s = solution.SetOf[i];
            farthest[s] = Largest(farthest[s], x[i], norm.Mean[s]);
            sumMagnitude[s] += Math.Abs(solution.Scale[i] * dy[i]);
        }

        double[] dGamma = Sums(solution.DGamma, share);
        NormTolerances result = new(new double[x.Length], new double[x.Length], dGamma, Sums(solution.DBeta, share));
        for (int i = 0; i < x.Length; i++)
        {
            (int s, double xHat) = (solution.SetOf[i], norm.XHat[i]);
            double doublePart = rounding * farthest[s] * norm.Rstd[s];
            result.Y[i] = share * Element(solution.Y.Magnitude[i]) + Math.Abs(solution.Scale[i]) * doublePart;
            result.Dx[i] = share * Element(solution.Dx.Magnitude[i])
                + norm.Rstd[s] * (doublePart + rounding * Math.Abs(xHat)) * (Math.Abs(norm.MeanGXHat[s]) + (1 + Math.Abs(xHat)) * sumMagnitude[s] / divisor);
            if (dGamma.Length > 0)
            {
                dGamma[solution.ParameterOf[i]] += Math.Abs(dy[i]) * (doublePart + rounding * Math.Abs(xHat));
            }
        }

        return result;
    }

    private static double[] Sums(Solution.Result? result, double share) => Array.ConvertAll(result?.Magnitude ?? [], v => share * Sum(v));

    private static double Largest(params ReadOnlySpan<double> terms)
    {
        double largest = 0;
        foreach (double term in terms)
        {
            largest = Math.Max(largest, Math.Abs(term));
        }

        return largest;
    }
}

/// <summary>The tolerance of each element of a normalization's results.</summary>
/// <param name="Y">Of the output.</param>
/// <param name="Dx">Of the input's gradient.</param>
/// <param name="DGamma">Of the scale's gradient, from zero; empty without γ.</param>
/// <param name="DBeta">Of the shift's gradient, from zero; empty without β.</param>
internal sealed record NormTolerances(double[] Y, double[] Dx, double[] DGamma, double[] DBeta);
