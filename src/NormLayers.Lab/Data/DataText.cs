using System.Text;

namespace NormLayers.Lab.Data;

/// <summary>What messages say of the content of a file, which may be long or unprintable.</summary>
internal static class DataText
{
    private const int LongestQuote = 60;
    private const int MostClasses = 10;

    /// <summary>The start of a text, on one line.</summary>
    public static string Quote(ReadOnlySpan<char> text)
    {
        StringBuilder shown = new("'");
        foreach (char c in text[..Math.Min(text.Length, LongestQuote)])
        {
            shown.Append(char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c);
        }

        return shown.Append(text.Length > LongestQuote ? "…'" : "'").ToString();
    }

    /// <summary>The classes and how many samples each has, as in <c>2 classes in column 'kind': 'cat' (5), 'dog' (7)</c>.</summary>
    public static string DescribeClasses(IReadOnlyList<string> names, int[] labels, string place)
    {
        Dictionary<int, int> counts = labels.CountBy(c => c).ToDictionary();
        IEnumerable<string> shown = names.Take(MostClasses).Select(
            (name, c) => FormattableString.Invariant($"{Quote(name)} ({counts.GetValueOrDefault(c)})"));
        string rest = names.Count > MostClasses ? FormattableString.Invariant($" and {names.Count - MostClasses} more") : "";
        return FormattableString.Invariant($"{names.Count} classes in {place}: {string.Join(", ", shown)}{rest}");
    }
}
