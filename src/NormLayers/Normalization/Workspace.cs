using System.Runtime.InteropServices;

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

    public Span<int> Integers(int count) => MemoryMarshal.Cast<double, int>(Doubles((count + 1) / 2))[..count];
}
