using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Experiments;

/// <summary>A curve over trials with several seeds.</summary>
internal static class SeedBand
{
    /// <summary>The mean of the seeds (line) and their whole range (band) at each place.</summary>
    /// <param name="name">What the legend calls it.</param>
    /// <param name="x">The places.</param>
    /// <param name="values">The values of the seeds at each place.</param>
    /// <param name="style">Its colour, dashes and marker.</param>
    public static Series Of(string name, IReadOnlyList<double> x, IEnumerable<IReadOnlyCollection<double>> values, SeriesStyle style)
    {
        IReadOnlyCollection<double>[] all = [.. values];
        return new Series(name, x, [.. all.Select(v => v.Average())], [.. all.Select(v => v.Min())], [.. all.Select(v => v.Max())]) { Style = style };
    }
}
