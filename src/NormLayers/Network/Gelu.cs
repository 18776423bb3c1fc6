using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>
/// The Gaussian error linear unit y = x·Φ(x), Φ being the normal distribution: the exact form with erf, not the one with tanh.
/// dx = dy·(Φ(x) + x·φ(x)), φ being the density. Source: Hendrycks and Gimpel 2016.
/// </summary>
/// <remarks>Within 1 ulp of a float, in the negative tail too; −∞ gives a zero.</remarks>
public sealed class Gelu : ElementwiseLayer
{
    /// <summary>Creates a GELU.</summary>
    /// <param name="name">The layer's name.</param>
    public Gelu(string name = "gelu")
        : base(name)
    {
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(x => x * Distribution(x), x => Distribution(x) + x * Density(x));

    private protected override void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> result) => Apply<Formula>(x, dy, result);

    private static double Distribution(double x)
    {
        double tail = NormalTail<SingleDouble>(new(Math.Abs(x)), out _).Value;
        return x > 0 ? 1 - tail : tail;
    }

    private static double Density(double x) => Elementary.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>1 − Φ(q) for q from 0 to 50, with a relative error below 10⁻¹⁰, and φ(q).</summary>
    /// <remarks>
    /// 1 − Φ(q) = ½·erfc(z) with z = q/√2, and erfc(z)·e^(z²)·(z + c) is smooth in t = (z − c)/(z + c), which maps 0 to infinity to −1 to 1 (Shepherd and
    /// Laframboise 1981): its Chebyshev series for c = 3.5, cut after degree 14, written out in powers of t, is off by 3.6·10⁻¹¹.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D NormalTail<D>(D q, out D density)
        where D : struct, IDoubleLanes<D>
    {
        D z = q * D.Create(0.70710678118654752);
        D shifted = z + D.Create(3.5);
        D t = (z - D.Create(3.5)) / shifted;
        D p = D.Create(-1.8296888780670357e-6);
        p = p * t + D.Create(4.9908600279399861e-6);
        p = p * t + D.Create(1.6413033525768404e-5);
        p = p * t + D.Create(-7.1710924263414611e-5);
        p = p * t + D.Create(-4.0290314280115007e-5);
        p = p * t + D.Create(0.00071229875534882112);
        p = p * t + D.Create(-0.0013061537586568829);
        p = p * t + D.Create(-0.0031761621273998828);
        p = p * t + D.Create(0.026518818155745627);
        p = p * t + D.Create(-0.092318889773363496);
        p = p * t + D.Create(0.22573859730651716);
        p = p * t + D.Create(-0.43525600997735952);
        p = p * t + D.Create(0.69411364777828387);
        p = p * t + D.Create(-0.93779972501122681);
        p = p * t + D.Create(1.0870555892534175);
        D e = Elementary.ExpCore<D>(D.Max(q * q * D.Create(-0.5), D.Create(-1400)));
        density = e * D.Create(0.39894228040143268);
        return D.Create(0.5) * e * p / shifted;
    }

    private readonly struct Formula : IFormula
    {
        // |x|, and from 50 on 50, where the tail is 0 as a double.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static D Magnitude<D>(D x)
            where D : struct, IDoubleLanes<D>
            => D.Create(0) - D.Max(D.Create(0) - D.Max(x, D.Create(0) - x), D.Create(-50));

        // x·Φ(x) = max(x, 0) − |x|·(1 − Φ(|x|)): nothing cancels for negative x.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static D Value<D>(D x)
            where D : struct, IDoubleLanes<D>
        {
            D q = Magnitude(x);
            return D.Max(x, D.Create(0)) - q * NormalTail(q, out _);
        }

        // For x > 0: 1 + (xφ − tail), otherwise −(|x|φ − tail).
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static D Gradient<D>(D x, D dy)
            where D : struct, IDoubleLanes<D>
        {
            D q = Magnitude(x);
            D tail = NormalTail(q, out D density);
            D isPositive = D.Max(D.Create(0) - D.Max(x * D.Create(-1e300), D.Create(-1)), D.Create(0));
            return dy * (isPositive + (isPositive + isPositive - D.Create(1)) * (q * density - tail));
        }
    }
}
