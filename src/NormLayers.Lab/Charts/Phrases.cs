using System.Globalization;
using NormLayers.Network;

namespace NormLayers.Lab.Charts;

/// <summary>Wordings that the reports share.</summary>
internal static class Phrases
{
    public static string NameOf(string mode) => NormalizationKind.Find(mode)?.Title ?? mode;

    public static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    public static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    public static string Count(long count, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? string.Empty : "s")}");
}
