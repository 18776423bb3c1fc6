using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;

namespace NormLayers.Lab.Trials;

/// <summary>What a report says of the data.</summary>
internal static class DataTable
{
    private const int MostClasses = 50;

    /// <summary>The classes and their samples; of many the first ones.</summary>
    public static TitledTable From(DataSummary data)
    {
        IEnumerable<string[]> rows = data.Classes.Take(MostClasses).Select(c => (string[])[c.Name, Text(c.Train), Text(c.Test)]);
        ClassSummary[] rest = [.. data.Classes.Skip(MostClasses)];
        string[][] summary = rest.Length == 0 ? [] : [[$"{Text(rest.Length)} more", Text(rest.Sum(c => c.Train)), Text(rest.Sum(c => c.Test))]];
        return new TitledTable($"Classes of {data.Name}", new Table(["class", "training samples", "test samples"], [.. rows, .. summary]));
    }

    /// <summary>What was decided when the data were read; null if nothing was.</summary>
    public static string? Describe(DataSummary data) => data.Remarks.Count == 0 ? null : string.Join(". ", data.Remarks) + ".";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
