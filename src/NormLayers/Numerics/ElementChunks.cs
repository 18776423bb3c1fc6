namespace NormLayers.Numerics;

/// <summary>The units of a kernel that treats every element of an array alike: chunks of whole vectors.</summary>
internal static class ElementChunks
{
    private const int Length = 4096;

    /// <summary>How many chunks an array has.</summary>
    public static int Count(int length) => (int)(((long)length + Length - 1) / Length);

    /// <summary>The elements of some chunks.</summary>
    /// <param name="first">The first chunk.</param>
    /// <param name="count">How many.</param>
    /// <param name="length">The array's length.</param>
    public static (int Start, int End) Elements(int first, int count, int length) =>
        (first * Length, (int)Math.Min((long)(first + count) * Length, length));
}
