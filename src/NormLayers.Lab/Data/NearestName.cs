namespace NormLayers.Lab.Data;

/// <summary>Finds what the user probably meant.</summary>
internal static class NearestName
{
    // No name is half as long, and the search takes time in proportion.
    private const int LongestName = 100;

    /// <summary>The hint to add to an error about an unknown name; empty if nothing is near.</summary>
    public static string Hint(string name, IEnumerable<string> known) =>
        Find(name, [.. known]) is { } near ? $"; did you mean {DataText.Quote(near)}?" : string.Empty;

    /// <summary>
    /// The known name with the fewest typing errors between it and <paramref name="name"/>, at most a third of its letters;
    /// or else the only one that begins with it.
    /// </summary>
    public static string? Find(string name, IReadOnlyCollection<string> known)
    {
        if (name.Length > LongestName)
        {
            return null;
        }

        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string candidate in known)
        {
            int distance = Distance(Simplify(name), Simplify(candidate));
            if (distance < bestDistance && distance < candidate.Length && distance <= Math.Max(1, candidate.Length / 3))
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        string[] longer = [.. known.Where(k => name.Length > 1 && k.StartsWith(name, StringComparison.OrdinalIgnoreCase))];
        return best ?? (longer.Length == 1 ? longer[0] : null);
    }

    private static string Simplify(string name) =>
        string.Concat(name.Where(char.IsLetterOrDigit)).ToUpperInvariant();

    // Insertions, deletions, replacements and exchanges of neighbours (optimal string alignment), row by row.
    private static int Distance(string a, string b)
    {
        int[] beforeLast = new int[b.Length + 1];
        int[] last = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int[] row = new int[b.Length + 1];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, 1 + Math.Min(last[j], row[j - 1]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], 1 + beforeLast[j - 2]);
                }
            }

            (beforeLast, last) = (last, row);
        }

        return last[b.Length];
    }
}
