using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>The tags of a layer, <c>[LN-F1]</c> to <c>[LN-B5]</c>: the page derives them, the reference carries them. The engines carry the family's, <c>[F1]</c> to <c>[B6]</c>.</summary>
internal static class Tags
{
    /// <summary>What is wrong with a layer's tags; empty if nothing is.</summary>
    /// <param name="prefix">The layer's prefix: <c>LN</c>.</param>
    /// <param name="page">The text of its page.</param>
    /// <param name="reference">The text of the double reference: each tag of the page, first seen in the page's order.</param>
    public static IReadOnlyList<string> Complaints(string prefix, string page, string reference)
    {
        string[] derived = [.. Of(page).Where(t => t.StartsWith($"[{prefix}-", StringComparison.Ordinal))];
        List<string> complaints = [];
        if (derived.Length == 0)
        {
            complaints.Add($"The page derives no [{prefix}-…].");
        }

        // Forward before backward, numbered from 1 without a gap.
        foreach (char pass in "FB")
        {
            string[] ofPass = [.. derived.Where(t => t[prefix.Length + 2] == pass)];
            string[] expected = [.. Enumerable.Range(1, ofPass.Length).Select(i => $"[{prefix}-{pass}{i}]")];
            complaints.AddRange(ofPass.SequenceEqual(expected) ? [] : [$"The page has {string.Concat(ofPass)} where {string.Concat(expected)} was expected."]);
        }

        string[] carried = Of(reference);
        complaints.AddRange(derived.Except(carried).Select(t => $"{t} is not in the reference."));
        complaints.AddRange(carried.Except(derived).Select(t => $"{t} of the reference is not on the page."));

        string[] order = [.. Of(reference).Intersect(derived)];
        if (!order.SequenceEqual(derived.Intersect(order)))
        {
            complaints.Add($"The reference has {string.Concat(order)}, the page {string.Concat(derived)}.");
        }

        return complaints;
    }

    /// <summary>The family's tags in a text, each once.</summary>
    public static string[] OfFamily(string text) => [.. Regex.Matches(text, @"\[[FB][0-9]\]").Select(m => m.Value).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>A layer's tags in a text, each once.</summary>
    public static string[] Of(string text, string prefix) => [.. Of(text).Where(t => t.StartsWith($"[{prefix}-", StringComparison.Ordinal))];

    // Each tag once, in the order of its first occurrence.
    private static string[] Of(string text) => [.. Regex.Matches(text, @"\[[A-Z]+-[FB][0-9]+\]").Select(m => m.Value).Distinct()];
}
