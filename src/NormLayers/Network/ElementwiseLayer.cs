using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>A function of each element by itself, on any shape, computed in double. NaN stays NaN.</summary>
/// <remarks>
/// Exponentials are the library's own: the same bits everywhere. <c>y</c> may be <c>x</c> where no backward pass follows: that one needs x.
/// </remarks>
public abstract class ElementwiseLayer : Layer
{
    // An exponential takes some times as long as a normalized element.
    private const long TimesNormalization = 4;

    private protected ElementwiseLayer(string name)
        : base(name)
    {
    }

    /// <inheritdoc/>
    public sealed override Shape OutputShape(Shape shape) => shape;

    /// <inheritdoc/>
    protected sealed override void ReplaceBuffers()
    {
    }

    /// <inheritdoc/>
    protected sealed override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => Apply(x, default, y);

    /// <inheritdoc/>
    protected sealed override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (!dx.IsEmpty)
        {
            Apply(x, dy, dx);
        }
    }

    /// <summary>Overwrites <paramref name="result"/> with y, or with dx where there is a <paramref name="dy"/>.</summary>
    private protected abstract void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> result);

    private protected static void Apply<F>(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> result)
        where F : struct, IFormula
    {
        Kernel<F> kernel = new() { X = x, Dy = dy, Result = result };
        Kernels.Run(ref kernel, ElementChunks.Count(x.Length), TimesNormalization * x.Length);
    }

    /// <summary>The two formulas, on one lane or eight.</summary>
    private protected interface IFormula
    {
        /// <summary>y for x.</summary>
        static abstract D Value<D>(D x)
            where D : struct, IDoubleLanes<D>;

        /// <summary>dx for x and dy.</summary>
        static abstract D Gradient<D>(D x, D dy)
            where D : struct, IDoubleLanes<D>;
    }

    /// <summary>The reference, from the formulas as one would write them.</summary>
    private protected sealed class Reference(Func<double, double> value, Func<double, double> slope) : ReferenceLayer
    {
        private double[] _x = [];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = x;
            return [.. x.Select(value)];
        }

        public override double[] Backward(double[] dy) => [.. dy.Zip(_x, (d, x) => d * slope(x))];
    }

    /// <summary>Units are chunks of elements.</summary>
    private readonly ref struct Kernel<F> : IKernel
        where F : struct, IFormula
    {
        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required Span<float> Result { get; init; }

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            (int i, int end) = ElementChunks.Elements(first, count, X.Length);
            int whole = end - (end - i) % 8;
            if (Dy.IsEmpty)
            {
                Values<D>(i, whole, 8);
                Values<SingleDouble>(whole, end, 1);
            }
            else
            {
                Gradients<D>(i, whole, 8);
                Gradients<SingleDouble>(whole, end, 1);
            }
        }

        // Each formula in a method of its own: two of them are more than the compiler inlines, and the rest would be calls.
        [MethodImpl(Kernels.FullyOptimized)]
        private void Values<D>(int first, int end, int lanes)
            where D : struct, IDoubleLanes<D>
        {
            for (int i = first; i < end; i += lanes)
            {
                D.Narrow(F.Value(D.Widen(in MemoryMarshal.GetReference(X), i)), ref MemoryMarshal.GetReference(Result), i);
            }
        }

        [MethodImpl(Kernels.FullyOptimized)]
        private void Gradients<D>(int first, int end, int lanes)
            where D : struct, IDoubleLanes<D>
        {
            for (int i = first; i < end; i += lanes)
            {
                D x = D.Widen(in MemoryMarshal.GetReference(X), i);
                D dy = D.Widen(in MemoryMarshal.GetReference(Dy), i);
                D.Narrow(F.Gradient(x, dy), ref MemoryMarshal.GetReference(Result), i);
            }
        }
    }
}
