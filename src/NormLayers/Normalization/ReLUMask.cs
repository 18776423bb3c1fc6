using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The gradient before a ReLU, written piece by piece just before it is summed, so that it is in the cache then. Empty without a ReLU.</summary>
/// <param name="y">The output behind the ReLU.</param>
/// <param name="upstream">The gradient with respect to it.</param>
/// <param name="masked">Overwritten with the gradient before it; may be <paramref name="upstream"/>.</param>
internal readonly ref struct ReLUMask(ReadOnlySpan<float> y, ReadOnlySpan<float> upstream, Span<float> masked)
{
    private readonly ReadOnlySpan<float> _y = y;
    private readonly ReadOnlySpan<float> _upstream = upstream;
    private readonly Span<float> _masked = masked;

    public bool IsEmpty => _y.IsEmpty;

    /// <summary>Does some elements, and prefetches those <paramref name="ahead"/> of them unless that is 0.</summary>
    [MethodImpl(Kernels.FullyOptimized)]
    public void Apply<L>(int start, int length, int ahead)
        where L : struct, ILanes<L>
        => RowMap.Apply<L, ReLUGradientMap>(new ReLUGradientMap(in _y[start], in _upstream[start], ahead), ref _masked[start], length);
}
