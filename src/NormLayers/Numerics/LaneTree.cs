using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>The one order in which sixteen lanes are added: i + (i + 8), i + (i + 4), i + (i + 2), last pair.</summary>
/// <remarks>
/// The first step adds the two <see cref="IDoubleLanes{TDouble}"/> of a sum; the others are plain additions on eight stored
/// doubles: many short rows are in flight at a time, and instructions across the lanes of a register would
/// stall them (almost twice as fast for rows of 32; docs/performance-history.md, what else was tried). Where
/// one plane follows the other, the sum would wait for its own store: <see cref="IDoubleLanes{TDouble}.Sum"/> has this order in registers.
/// </remarks>
internal static class LaneTree
{
    /// <summary>How many doubles <see cref="Sum"/> reads.</summary>
    public const int Folded = 8;

    /// <summary>The sum of eight doubles, each that of the lanes i and i + 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(ref double folded) =>
        folded + Unsafe.Add(ref folded, 4) + (Unsafe.Add(ref folded, 2) + Unsafe.Add(ref folded, 6))
        + (Unsafe.Add(ref folded, 1) + Unsafe.Add(ref folded, 5) + (Unsafe.Add(ref folded, 3) + Unsafe.Add(ref folded, 7)));
}
