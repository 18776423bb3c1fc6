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

    /// <summary>Floats that begin as far from a cache line as rows that are stored from line to line; for other rows, at one.</summary>
    /// <param name="count">How many; taken are <see cref="RowMap.Line"/> more.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="length">How many elements each has.</param>
    public Span<float> FloatsAligned(int count, ReadOnlySpan<float> rows, int length)
    {
        Span<float> piece = Floats(count + RowMap.Line);
        return piece.Slice((int)(RowMap.BeforeLine(in piece[0]) - RowMap.BeforeLine(in MemoryMarshal.GetReference(rows), length) & (RowMap.Line - 1)), count);
    }

    public Span<int> Integers(int count) => MemoryMarshal.Cast<double, int>(Doubles((count + 1) / 2))[..count];
}
