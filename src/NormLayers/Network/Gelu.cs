using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>
/// The Gaussian error linear unit y = x·Φ(x), Φ being the normal distribution: the exact form with erf, not the one with tanh.
/// dx = dy·(Φ(x) + x·φ(x)), φ being the density. Source: Hendrycks and Gimpel 2016.
/// </summary>
/// <remarks>
/// y is within 1 ulp of a float, in the negative tail too; −∞ gives a zero. dx is within 1 ulp of the larger of dx and its largest term, dy·Φ or dy·x·φ:
/// these cancel near x = −0.7518, where dx may be many ulp of itself off. 1 − Φ(|x|) = ½·erfc(|x|/√2) has a relative error below 1.3·10⁻¹⁰.
/// </remarks>
public sealed class Gelu : ElementwiseLayer
{
    // φ and 1 − Φ are below 2·10⁻³⁰⁶ there, and 0 whatever float they are multiplied with.
    private const double Far = 37.5;

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
        double tail = Math.Abs(x) < Far ? NormalTail<SingleDouble>(new(Math.Abs(x)), out _).Value : 0;
        return x > 0 ? 1 - tail : tail;
    }

    private static double Density(double x) => Elementary.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>1 − Φ(q) for q from 0 to <see cref="Far"/>, with a relative error below 1.3·10⁻¹⁰, and φ(q).</summary>
    /// <remarks>
    /// 1 − Φ(q) = ½·erfc(z) with z = q/√2, and erfc(z)·e^(z²)·(z + c) is smooth in t = (z − c)/(z + c), which maps 0 to infinity to −1 to 1 (Shepherd and
    /// Laframboise 1981). The polynomial of degree 12 with the least possible error is off by 7.5·10⁻¹¹ for c = 3.2.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D NormalTail<D>(D q, out D density)
        where D : struct, IDoubleLanes<D>
    {
        D z = q * D.Create(0.70710678118654752);
        D reciprocal = D.Create(1) / (z + D.Create(3.2));
        D t = (z - D.Create(3.2)) * reciprocal;
        // In fours, so that fewer terms wait for others (Estrin 1960).
        D u = t * t;
        D v = u * u;
        D p = D.Create(-1.5296268659339086e-05) * v + ((D.Create(-1.8709921330645206e-05) * t + D.Create(0.00015533619148277466)) * u + (D.Create(3.983151991950246e-05) * t + D.Create(-0.0013547800925269456)));
        p = p * v + ((D.Create(0.00232614116165564) * t + D.Create(0.0068694017843934085)) * u + (D.Create(-0.0501823598981661) * t + D.Create(0.1613457165313712)));
        p = p * v + ((D.Create(-0.36257762605282395) * t + D.Create(0.6352344240519754)) * u + (D.Create(-0.9074926552453784) * t + D.Create(1.0798598196050042)));
        D e = Elementary.ExpOfFloatCore(q * q * D.Create(-0.5));
        density = e * D.Create(0.39894228040143268);
        return D.Create(0.5) * e * p * reciprocal;
    }

    private readonly struct Formula : IFormula
    {
        // |x|, and from Far on that.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static D Magnitude<D>(D x)
            where D : struct, IDoubleLanes<D>
            => D.Min(D.Max(x, D.Create(0) - x), D.Create(Far));

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
            D isPositive = D.Min(D.Max(x * D.Create(1e300), D.Create(0)), D.Create(1));
            return dy * (isPositive + (isPositive + isPositive - D.Create(1)) * (q * density - tail));
        }
    }
}
