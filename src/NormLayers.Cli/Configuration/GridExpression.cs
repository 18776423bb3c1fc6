using System.Globalization;

namespace NormLayers.Cli.Configuration;

/// <summary>The values of one axis of a sweep: <c>0.01,0.1</c>, <c>0.001:10:log9</c> or <c>1:5:lin5</c>.</summary>
internal static class GridExpression
{
    private const int MostValues = 10_000;

    // Powers differ in their last bits from one maths library to the next; six digits are the same everywhere, and readable.
    private const string SixDigits = "G6";

    /// <summary>The values as text, in order.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="whole">Whether the values of a range are rounded to integers; those that coincide count once.</param>
    /// <param name="values">Receives the values; empty after an error.</param>
    /// <returns>The error; null if there is none.</returns>
    public static string? Parse(string text, bool whole, out IReadOnlyList<string> values)
    {
        values = [];
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return ParseRange(text, whole, out values);
        }

        string[] items = text.Split(',', StringSplitOptions.TrimEntries);
        if (items.Any(i => i.Length == 0))
        {
            return $"a value is missing in '{text}'";
        }

        values = items;
        return null;
    }

    private static string? ParseRange(string text, bool whole, out IReadOnlyList<string> values)
    {
        values = [];
        string[] parts = text.Split(':');
        string kind = parts.Length == 3 && parts[2].Length > 3 ? parts[2][..3] : string.Empty;
        if (kind is not ("log" or "lin")
            || !TryNumber(parts[0], out double first) || !TryNumber(parts[1], out double last)
            || !int.TryParse(parts[2].AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            return $"expected values as in 0.01,0.1 or a range as in 0.001:10:log9 or 1:5:lin5, got '{text}'";
        }

        if (count is < 2 or > MostValues)
        {
            return string.Create(CultureInfo.InvariantCulture, $"a range has 2 to {MostValues} values, got {count} in '{text}'");
        }

        if (first == last)
        {
            return $"the ends of the range '{text}' are the same";
        }

        if (kind == "log" && (first <= 0 || last <= 0))
        {
            return $"the ends of a logarithmic range are above 0, got '{text}'";
        }

        values = [.. Enumerable.Range(0, count).Select(i => Format(At((double)i / (count - 1)))).Distinct()];
        return null;

        double At(double share) =>
            kind == "log" ? Math.Exp(Math.Log(first) * (1 - share) + Math.Log(last) * share) : first * (1 - share) + last * share;

        string Format(double value) => whole
            ? Math.Round(value).ToString("0", CultureInfo.InvariantCulture)
            : double.Parse(value.ToString(SixDigits, CultureInfo.InvariantCulture), CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
    }

    private static bool TryNumber(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
}
