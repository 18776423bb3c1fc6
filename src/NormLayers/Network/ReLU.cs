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
    public override Shape OutputShape(Shape input) => input;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference();

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        switch (VectorWidth.Bits)
        {
            case 512: Select<Lanes512>(x, x, y); break;
            case 256: Select<Lanes256>(x, x, y); break;
            case 128: Select<Lanes128>(x, x, y); break;
            default: Select<LanesScalar>(x, x, y); break;
        }
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (dx.IsEmpty)
        {
            return;
        }

        switch (VectorWidth.Bits)
        {
            case 512: Select<Lanes512>(x, dy, dx); break;
            case 256: Select<Lanes256>(x, dy, dx); break;
            case 128: Select<Lanes128>(x, dy, dx); break;
            default: Select<LanesScalar>(x, dy, dx); break;
        }
    }

    // The value where the gate is not ≤ 0, else 0: as vectors, because the signs of activations are what no branch predictor can guess.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Select<L>(ReadOnlySpan<float> gate, ReadOnlySpan<float> value, Span<float> result)
        where L : struct, ILanes<L>
    {
        ref readonly float g = ref MemoryMarshal.GetReference(gate);
        ref readonly float v = ref MemoryMarshal.GetReference(value);
        ref float r = ref MemoryMarshal.GetReference(result);
        int whole = gate.Length & ~15;
        for (int i = 0; i < whole; i += 16)
        {
            // result[i] = gate[i] <= 0 ? 0 : value[i]
            L.Store(L.WherePositive(L.Load(in g, i), L.Load(in v, i)), ref r, i);
        }

        for (int i = whole; i < gate.Length; i++)
        {
            result[i] = gate[i] <= 0 ? 0 : value[i];
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
