using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Normalization as plain functions, forward and backward: no layer and no state.</summary>
/// <remarks>
/// The same kernels as the layers', so the same bits and the same accuracy. For inference, and for engines with buffers of their own.
/// A γ or β that is not there is said by name, <see cref="Ones"/> or <see cref="Zeros"/>: an empty span is refused, since a null array becomes one.
/// What is written may share memory with nothing else that is given, but where a function says so.
/// What a function needs as workspace each thread keeps for the next call; beyond a thread's largest call nothing is allocated.
/// </remarks>
public static partial class Functional
{
    [ThreadStatic]
    private static AlignedBuffer _workspace;

    private static SetStatistics RowsOf(NormStatistics? statistics, int rows) => statistics is null ? default : statistics.Resize(rows).Sets;
}
