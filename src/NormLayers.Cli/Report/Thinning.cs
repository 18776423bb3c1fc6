using System.Globalization;

namespace NormLayers.Cli.Report;

/// <summary>Keeps curves of very many epochs from making a report that no browser likes.</summary>
internal static class Thinning
{
    private const int MostPoints = 400;

    /// <summary>The places that are drawn: all, or evenly spaced ones with the first and the last among them.</summary>
    public static int[] Places(int count) => count <= MostPoints
        ? [.. Enumerable.Range(0, count)]
        : [.. Enumerable.Range(0, MostPoints).Select(i => (int)((long)i * (count - 1) / (MostPoints - 1)))];

    /// <summary>What the reader is told; null if all places are drawn.</summary>
    public static string? Describe(int count) => count <= MostPoints
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"The charts show {MostPoints} of the {count} epochs, evenly spaced; the results file has them all.");
}
