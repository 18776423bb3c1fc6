using System.Globalization;

namespace NormLayers.Lab.Charts;

/// <summary>Keeps curves of very many points, and very many curves, from making a report that no browser likes.</summary>
internal static class Thinning
{
    private const int MostPoints = 400;

    /// <summary>The places that are drawn: all, or evenly spaced ones with the first and the last among them.</summary>
    /// <param name="count">How many places there are.</param>
    /// <param name="most">How many are drawn at most, 2 or more.</param>
    public static int[] Places(int count, int most = MostPoints) => count <= most
        ? [.. Enumerable.Range(0, count)]
        : [.. Enumerable.Range(0, most).Select(i => (int)((long)i * (count - 1) / (most - 1)))];

    /// <summary>What the reader of the epochs is told; null if all of them are drawn.</summary>
    public static string? Describe(int count) => count <= MostPoints
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"The charts show {MostPoints} of the {count} epochs, evenly spaced; the results file has them all.");
}
