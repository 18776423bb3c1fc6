using System.Globalization;

namespace NormLayers.Tests.Docs;

/// <summary>The worked example of a layer's page: the numbers of its tables, by the name or tag in the first column.</summary>
internal sealed class PageTables
{
    private readonly Dictionary<string, double[]> _rows = [];

    public PageTables(string path)
    {
        string[] lines = RepositoryFiles.ReadLines(path);
        int heading = Array.IndexOf(lines, "## Three numbers by hand");
        Assert.True(heading >= 0, $"{path} has no section 'Three numbers by hand'.");
        foreach (string line in lines.Skip(heading + 1).TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal)))
        {
            string[] cells = line.Trim('|').Split(" | ");
            if (line.StartsWith("| ", StringComparison.Ordinal) && TryParse(cells[^1], out double[] numbers))
            {
                _rows.Add(Key(cells[0].Trim()), numbers);
            }
        }
    }

    /// <summary>The rows that no comparison has read.</summary>
    public IEnumerable<string> Unread => _rows.Keys.Except(Read);

    private HashSet<string> Read { get; } = [];

    public double[] this[string key]
    {
        get
        {
            Assert.True(_rows.ContainsKey(key), $"The page has no row '{key}'; it has {string.Join(", ", _rows.Keys)}.");
            Read.Add(key);
            return _rows[key];
        }
    }

    public double Number(string key) => Assert.Single(this[key]);

    // "[LN-F1] mean" is found as "LN-F1", "gamma" as "gamma".
    private static string Key(string cell) => cell.StartsWith('[') ? cell[1..cell.IndexOf(']', StringComparison.Ordinal)] : cell;

    private static bool TryParse(string cell, out double[] numbers)
    {
        string[] parts = cell.Trim().Trim('(', ')').Split(", ");
        numbers = new double[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]))
            {
                return false;
            }
        }

        return true;
    }
}
