using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>The sigmoid linear unit y = x·s with s = 1/(1 + e⁻ˣ), also called swish. dx = dy·s·(1 + x·(1 − s)). Source: Elfwing, Uchibe and Doya 2018.</summary>
/// <remarks>
/// y is within 1 ulp of a float; −∞ gives a zero. dx is within 1 ulp of the larger of dx and its largest term, dy·s or dy·x·s·(1 − s): these cancel near
/// x = −1.278, where dx may be many ulp of itself off.
/// </remarks>
public sealed class SiLU : ElementwiseLayer
{
    /// <summary>Creates a SiLU.</summary>
    /// <param name="name">The layer's name.</param>
    public SiLU(string name = "silu")
        : base(name)
    {
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(x => x * Sigmoid(x), x => Sigmoid(x) * (1 + x * Sigmoid(-x)));

    private protected override void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> result) => Apply<Formula>(x, dy, result);

    private static double Sigmoid(double x) => 1 / (1 + Elementary.Exp(-x));

    private readonly struct Formula : IFormula
    {
        // Below, x·s is less than the least float; at −∞ it would be no number.
        private const double Lowest = -700;

        // From 700 on, 1 + e⁻ˣ is 1 and x·e⁻ˣ is nothing; ∞·0 would be no number.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static D Bounded<D>(D x)
            where D : struct, IDoubleLanes<D>
            => D.Min(D.Max(x, D.Create(Lowest)), D.Create(-Lowest));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static D Value<D>(D x)
            where D : struct, IDoubleLanes<D>
            => D.Max(x, D.Create(Lowest)) / (D.Create(1) + Elementary.ExpOfFloatCore(D.Create(0) - Bounded(x)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static D Gradient<D>(D x, D dy)
            where D : struct, IDoubleLanes<D>
        {
            // x·(1 − s) = x·e/(1 + e)
            D bounded = Bounded(x);
            D e = Elementary.ExpOfFloatCore(D.Create(0) - bounded);
            D sum = D.Create(1) + e;
            return dy * (D.Create(1) + bounded * e / sum) / sum;
        }
    }
}
