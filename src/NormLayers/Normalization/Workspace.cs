using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Hands out pieces of a workspace; a copy hands out the same ones again.</summary>
/// <param name="rest">The workspace.</param>
internal ref struct Workspace(Span<double> rest)
{
    /// <summary>What is left.</summary>
    public Span<double> Rest { get; private set; } = rest;

    public Span<double> Doubles(int count)
    {
        Span<double> piece = Rest[..count];
        Rest = Rest[count..];
        return piece;
    }

    public Span<float> Floats(int count) => MemoryMarshal.Cast<double, float>(Doubles((count + 1) / 2))[..count];

    /// <summary>Floats of which the first is as far from the beginning of its cache line as another float: see <see cref="RowMap.AlignedCopy"/>.</summary>
    /// <param name="count">How many; taken are <see cref="RowMap.Line"/> more.</param>
    /// <param name="other">The other float.</param>
    public Span<float> FloatsAligned(int count, ref readonly float other)
    {
        Span<float> piece = Floats(count + RowMap.Line);
        return piece.Slice((int)(RowMap.BeforeLine(in piece[0]) - RowMap.BeforeLine(in other) & (RowMap.Line - 1)), count);
    }

    public Span<int> Integers(int count) => MemoryMarshal.Cast<double, int>(Doubles((count + 1) / 2))[..count];
}
