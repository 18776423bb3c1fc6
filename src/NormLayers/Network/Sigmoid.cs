using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>The logistic sigmoid y = 1/(1 + e⁻ˣ), element by element, on any shape. NaN stays NaN.</summary>
/// <remarks>
/// Exponentials are in double (<see cref="Elementary"/>), with the same bits everywhere. <c>y</c> may be <c>x</c> where no backward pass follows: that one needs x.
/// </remarks>
public sealed class Sigmoid : Layer
{
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
        Formula kernel = new() { X = x, Result = y };
        Kernels.Run(ref kernel, Stretches.Count(x.Length), x.Length);
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (!dx.IsEmpty)
        {
            Formula kernel = new() { X = x, Dy = dy, Result = dx };
            Kernels.Run(ref kernel, Stretches.Count(x.Length), x.Length);
        }
    }

    /// <summary>y, or dx where there is a gradient. Units are chunks of elements.</summary>
    private readonly ref struct Formula : IKernel
    {
        // Beyond, y is 0 or 1 as a float, and e⁻ˣ might leave the range of doubles.
        private const double Lowest = -700;
        private const double Highest = 1400;

        public required ReadOnlySpan<float> X { get; init; }

        public ReadOnlySpan<float> Dy { get; init; }

        public required Span<float> Result { get; init; }

        [MethodImpl(Kernels.Loops)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            (int i, int end) = Stretches.Elements(first, count, X.Length);
            for (; i <= end - 8; i += 8)
            {
                Apply<D>(i);
            }

            for (; i < end; i++)
            {
                Apply<SingleDouble>(i);
            }
        }

        // y[i] = 1 / (1 + exp(-x[i])); dx[i] = dy[i] * exp(-x[i]) / (1 + exp(-x[i]))^2
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Apply<D>(int i)
            where D : struct, IDoubleLanes<D>
        {
            D minusX = D.Create(0) - D.Max(D.Widen(in MemoryMarshal.GetReference(X), i), D.Create(Lowest));
            D e = Elementary.ExpCore<D>(D.Max(minusX, D.Create(-Highest)));
            D sum = D.Create(1) + e;
            D result = Dy.IsEmpty ? D.Create(1) / sum : D.Widen(in MemoryMarshal.GetReference(Dy), i) * e / (sum * sum);
            D.Narrow(result, ref MemoryMarshal.GetReference(Result), i);
        }
    }

    private sealed class Reference : ReferenceLayer
    {
        private double[] _x = [];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = x;
            return Array.ConvertAll(x, Value);
        }

        // y(−x) = 1 − y(x), without the cancellation where y is near 1.
        public override double[] Backward(double[] dy) => [.. dy.Zip(_x, (d, x) => d * Value(x) * Value(-x))];

        private static double Value(double x) => 1 / (1 + Elementary.Exp(-x));
    }
}
