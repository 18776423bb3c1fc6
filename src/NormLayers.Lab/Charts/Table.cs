using System.Globalization;

namespace NormLayers.Lab.Charts;

/// <summary>Texts in rows and columns.</summary>
/// <param name="Header">The names of the columns.</param>
/// <param name="Rows">The rows, each as long as the header.</param>
public sealed record Table(IReadOnlyList<string> Header, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>A number with six significant digits; <c>not finite</c> for NaN and infinity.</summary>
    public static string Number(double value) =>
        double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : "not finite";
}
