namespace NormLayers.Cli.Output;

/// <summary>Rows of cells in columns as wide as their widest cell.</summary>
internal static class TextTable
{
    private const string Gap = "   ";

    public static string Format(IReadOnlyList<IReadOnlyList<string>> rows)
    {
        rows = [.. rows.Select(r => r.Select(Printable.Cell).ToArray())];
        int columns = rows.Max(r => r.Count);
        int[] widths = [.. Enumerable.Range(0, columns).Select(c => rows.Max(r => c < r.Count ? r[c].Length : 0))];
        return string.Join(
            Environment.NewLine, rows.Select(r => string.Join(Gap, r.Select((cell, c) => cell.PadRight(widths[c]))).TrimEnd()));
    }
}
