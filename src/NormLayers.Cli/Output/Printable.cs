using System.Globalization;
using System.Text;

namespace NormLayers.Cli.Output;

/// <summary>Makes text of users' paths and values safe to show: a terminal obeys control characters, and a reader can be misled by others.</summary>
internal static class Printable
{
    private const int LongestLine = 2000;
    private const int Kept = LongestLine / 2;

    /// <summary>One line: control characters, line breaks too, as <c>\u001B</c>; what is longer than a page is cut in its middle, and how much is said. A reason comes last.</summary>
    public static string Line(string text)
    {
        if (text.Length > LongestLine)
        {
            int start = char.IsHighSurrogate(text[Kept - 1]) ? Kept - 1 : Kept;
            int end = char.IsLowSurrogate(text[^Kept]) ? text.Length - Kept + 1 : text.Length - Kept;
            text = string.Create(CultureInfo.InvariantCulture, $"{text[..start]}… ({end - start} more characters) …{text[end..]}");
        }

        return Escape(text);
    }

    /// <summary>One line: as <see cref="Line"/>, but nothing is cut.</summary>
    public static string Escape(string text) => Escape(text, keep: "\t");

    /// <summary>A cell of a table: as <see cref="Line"/>, but a tab is escaped too, and nothing is cut.</summary>
    public static string Cell(string text) => Escape(text, keep: "");

    /// <summary>Any number of lines: as <see cref="Line"/>, but line breaks stay, and nothing is cut.</summary>
    public static string Lines(string text) => Escape(text, keep: "\t\r\n");

    private static string Escape(string text, string keep)
    {
        if (!text.Any(c => IsHarmful(c) && !keep.Contains(c, StringComparison.Ordinal)))
        {
            return text;
        }

        StringBuilder escaped = new();
        foreach (char c in text)
        {
            if (c == '\n' && !keep.Contains(c, StringComparison.Ordinal))
            {
                escaped.Append("\\n");
            }
            else if (IsHarmful(c) && !keep.Contains(c, StringComparison.Ordinal))
            {
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            }
            else
            {
                escaped.Append(c);
            }
        }

        return escaped.ToString();
    }

    // Control characters, and what breaks lines or turns the direction of writing without being seen.
    private static bool IsHarmful(char c) =>
        char.IsControl(c) || c is '\u061C' or '\u200E' or '\u200F' or (>= '\u2028' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
