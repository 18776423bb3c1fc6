using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>The logistic sigmoid y = 1/(1 + e⁻ˣ), element by element, on any shape. NaN stays NaN.</summary>
/// <remarks>
/// Exponentials are in double, from additions, multiplications and one division of each element alone, so that the bits are the
/// same everywhere. <c>y</c> may be <c>x</c> where no backward pass follows: that one needs x.
/// </remarks>
public sealed class Sigmoid : Layer
{
    // e⁻⁷⁰⁸ is the least power that is a normal double; as a float it is 0 either way.
    private const double Saturation = 708;
    private const double Log2E = 1.4426950408889634;
    private const double Ln2 = 0.6931471805599453;
    private const double Shift = 6755399441055744;
    private const long Bias = 1023;

    /// <summary>Creates a sigmoid.</summary>
    /// <param name="name">The layer's name.</param>
    public Sigmoid(string name = "sigmoid")
        : base(name)
    {
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => input;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference();

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        int i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.Create(x[i..]));
            Vector256.Narrow(Value(low), Value(high)).CopyTo(y[i..]);
        }

        for (; i < x.Length; i++)
        {
            y[i] = (float)Value(Vector256.Create((double)x[i]))[0];
        }
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        int i = 0;
        for (; i <= dx.Length - 8; i += 8)
        {
            (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.Create(x[i..]));
            (Vector256<double> dLow, Vector256<double> dHigh) = Vector256.Widen(Vector256.Create(dy[i..]));
            Vector256.Narrow(dLow * Slope(low), dHigh * Slope(high)).CopyTo(dx[i..]);
        }

        for (; i < dx.Length; i++)
        {
            dx[i] = (float)(dy[i] * Slope(Vector256.Create((double)x[i]))[0]);
        }
    }

    // With e = e⁻|ˣ| nothing overflows and nothing cancels: y = 1/(1 + e), or e/(1 + e) where x < 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Value(Vector256<double> x)
    {
        Vector256<double> e = ExpOfMinus(Vector256.Abs(x));
        return Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256<double>.Zero), e, Vector256<double>.One) / (Vector256<double>.One + e);
    }

    // y·(1 − y) = e/(1 + e)², an even function.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Slope(Vector256<double> x)
    {
        Vector256<double> e = ExpOfMinus(Vector256.Abs(x));
        Vector256<double> sum = Vector256<double>.One + e;
        return e / (sum * sum);
    }

    // e⁻ˣ for x ≥ 0: −x = n·ln 2 + r with |r| ≤ ln 2 / 2; the Taylor polynomial of degree 10 leaves less than 2⁻⁴¹ of a result that becomes a float.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> ExpOfMinus(Vector256<double> x)
    {
        Vector256<double> negative = -Vector256.Min(x, Vector256.Create(Saturation));

        // Adding 1.5·2⁵² rounds to a whole number, which then stands in the low bits.
        Vector256<double> shifted = negative * Log2E + Vector256.Create(Shift);
        Vector256<double> r = negative - (shifted - Vector256.Create(Shift)) * Ln2;
        Vector256<double> sum = Vector256.Create(1.0 / 3628800);
        sum = sum * r + Vector256.Create(1.0 / 362880);
        sum = sum * r + Vector256.Create(1.0 / 40320);
        sum = sum * r + Vector256.Create(1.0 / 5040);
        sum = sum * r + Vector256.Create(1.0 / 720);
        sum = sum * r + Vector256.Create(1.0 / 120);
        sum = sum * r + Vector256.Create(1.0 / 24);
        sum = sum * r + Vector256.Create(1.0 / 6);
        sum = sum * r + Vector256.Create(0.5);
        sum = sum * r + Vector256<double>.One;
        sum = sum * r + Vector256<double>.One;
        Vector256<double> power = ((shifted.AsInt64() + Vector256.Create(Bias)) << 52).AsDouble();
        return sum * power;
    }

    private sealed class Reference : ReferenceLayer
    {
        private double[] _y = [];

        public override double[] Forward(double[] x, Shape shape) => _y = Array.ConvertAll(x, v => 1 / (1 + Elementary.Exp(-v)));

        public override double[] Backward(double[] dy) => [.. dy.Zip(_y, (d, y) => d * y * (1 - y))];
    }
}
