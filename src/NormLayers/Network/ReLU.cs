using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>The rectifier y = max(x, 0), element by element, on any shape. NaN stays NaN; the gradient at 0 is 0.</summary>
/// <remarks><c>y</c> may be <c>x</c>, also where a backward pass follows: it asks only where x was positive.</remarks>
public sealed class ReLU : Layer
{
    /// <summary>Creates a rectifier.</summary>
    /// <param name="name">The layer's name.</param>
    public ReLU(string name = "relu")
        : base(name)
    {
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => shape;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference();

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        Mask kernel = new() { Signal = x, Value = x, Result = y };
        Kernels.Run(ref kernel, ElementChunks.Count(x.Length), x.Length);
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (dx.IsEmpty)
        {
            return;
        }

        Mask kernel = new() { Signal = x, Value = dy, Result = dx };
        Kernels.Run(ref kernel, ElementChunks.Count(x.Length), x.Length);
    }

    /// <summary>The value where the signal is not ≤ 0, else 0. Units are chunks of elements.</summary>
    private readonly ref struct Mask : IKernel
    {
        public required ReadOnlySpan<float> Signal { get; init; }

        public required ReadOnlySpan<float> Value { get; init; }

        public required Span<float> Result { get; init; }

        // As vectors, because the signs of activations are what no branch predictor can guess.
        [MethodImpl(Kernels.FullyOptimized)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            ref readonly float signal = ref MemoryMarshal.GetReference(Signal);
            ref readonly float value = ref MemoryMarshal.GetReference(Value);
            ref float result = ref MemoryMarshal.GetReference(Result);
            (int start, int end) = ElementChunks.Elements(first, count, Signal.Length);
            int whole = end & ~15;
            for (int i = start; i < whole; i += 16)
            {
                // result[i] = signal[i] <= 0 ? 0 : value[i]
                L.Store(L.WherePositive(L.Load(in signal, i), L.Load(in value, i)), ref result, i);
            }

            for (int i = whole; i < end; i++)
            {
                Result[i] = Signal[i] <= 0 ? 0 : Value[i];
            }
        }
    }

    private sealed class Reference : ReferenceLayer
    {
        private double[] _x = [];

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = x;
            return Array.ConvertAll(x, v => v <= 0 ? 0 : v);
        }

        public override double[] Backward(double[] dy) => [.. dy.Zip(_x, (d, v) => v <= 0 ? 0 : d)];
    }
}
