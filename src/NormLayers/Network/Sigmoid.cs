using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>The logistic sigmoid y = 1/(1 + e⁻ˣ). dx = dy·e⁻ˣ/(1 + e⁻ˣ)².</summary>
public sealed class Sigmoid : ElementwiseLayer
{
    /// <summary>Creates a sigmoid.</summary>
    /// <param name="name">The layer's name.</param>
    public Sigmoid(string name = "sigmoid")
        : base(name)
    {
    }

    // y(−x) = 1 − y(x), without the cancellation where y is near 1.
    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(Value, x => Value(x) * Value(-x));

    private protected override void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> result) => Apply<Formula>(x, dy, result);

    private static double Value(double x) => 1 / (1 + Elementary.Exp(-x));

    private readonly struct Formula : IFormula
    {
        // Beyond these limits y is 0 or 1 as a float, and e⁻ˣ might leave the range of doubles.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static D ExpOfMinus<D>(D x)
            where D : struct, IDoubleLanes<D>
            => Elementary.ExpCore(D.Create(0) - D.Min(D.Max(x, D.Create(-700)), D.Create(1400)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static D Value<D>(D x)
            where D : struct, IDoubleLanes<D>
            => D.Create(1) / (D.Create(1) + ExpOfMinus(x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static D Gradient<D>(D x, D dy)
            where D : struct, IDoubleLanes<D>
        {
            D e = ExpOfMinus(x);
            D sum = D.Create(1) + e;
            return dy * e / (sum * sum);
        }
    }
}
