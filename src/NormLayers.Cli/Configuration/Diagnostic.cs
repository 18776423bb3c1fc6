using System.Globalization;
using System.Text;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Configuration;

/// <summary>An error in the user's input, and its position.</summary>
internal sealed record Diagnostic(Origin Origin, string Message)
{
    private const int WidestExcerpt = 160;

    /// <summary>One line as compilers write it, then the source line with carets below what is meant.</summary>
    public override string ToString()
    {
        string headline = Printable.Line($"{Origin.Place}: error: {Message}");
        return Origin.Excerpt is { Text.Length: > 0 and <= WidestExcerpt } excerpt ? headline + Environment.NewLine + Quote(excerpt) : headline;
    }

    private static string Quote(SourceExcerpt excerpt)
    {
        int column = Math.Clamp(excerpt.Column, 1, excerpt.Text.Length + 1);
        int length = Math.Clamp(excerpt.Length, 1, excerpt.Text.Length + 2 - column);

        // Tabs stay tabs below the line, so that the carets stand where the eye expects them.
        StringBuilder carets = new();
        foreach (char c in excerpt.Text.AsSpan(0, column - 1))
        {
            carets.Append(c == '\t' ? '\t' : ' ');
        }

        carets.Append('^', length);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{excerpt.Line,6} | {WithoutControls(excerpt.Text)}{Environment.NewLine}{string.Empty,6} | {carets}");
    }

    private static string WithoutControls(string text) =>
        string.Concat(text.Select(c => char.IsControl(c) && c != '\t' ? '\uFFFD' : c));
}
