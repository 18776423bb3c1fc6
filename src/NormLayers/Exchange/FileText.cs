using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace NormLayers.Exchange;

/// <summary>Text out of a file for a message: in quotes, without control characters, and cut off where it is long.</summary>
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
}
