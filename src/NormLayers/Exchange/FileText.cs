using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace NormLayers.Exchange;

/// <summary>Text out of a file for a message: in quotes, without control characters, and cut off where it is long; and text that goes into a file.</summary>
internal static class FileText
{
    private const int MostShown = 100;

    /// <summary>Text in UTF-8. What is cut off takes no memory.</summary>
    public static string Shown(ReadOnlySpan<byte> utf8)
    {
        // No character has more bytes.
        const int MostBytes = 4;
        int length = Math.Min(utf8.Length, MostBytes * (MostShown + 1));
        while (length < utf8.Length && (utf8[length] & 0xC0) == 0x80)
        {
            length--;
        }

        return Shown(Encoding.UTF8.GetString(utf8[..length]));
    }

    /// <summary>The same of characters.</summary>
    public static string Shown(string text)
    {
        int length = Math.Min(text.Length, MostShown + 1);
        if (length < text.Length && char.IsHighSurrogate(text[length - 1]))
        {
            length--;
        }

        string shown = JsonEncodedText.Encode(text.AsSpan(0, length), JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value;
        return shown.Length <= MostShown ? $"'{shown}'" : $"'{shown[..MostShown]}…'";
    }

    /// <summary>Checks that text for a file is valid Unicode, and returns it: writers would put U+FFFD in the place of half a surrogate pair.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">The argument that it came in.</param>
    /// <exception cref="ArgumentException">It is null, or has half a surrogate pair.</exception>
    public static string Checked(string? text, string name)
    {
        if (text is null)
        {
            Throw.Argument(name, "names and text", "null among them");
        }

        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
            {
                Throw.Argument(name, "names and text in valid Unicode", $"half of a surrogate pair in a text of {text.Length} characters");
            }
        }

        return text;
    }
}
