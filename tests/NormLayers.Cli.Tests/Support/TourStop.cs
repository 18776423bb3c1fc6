using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NormLayers.Cli.Tests.Support;

/// <summary>A stop of the tour in <c>docs/lab.md</c>, or the answer to its exercise: commands are run, and its numbers are ticked off one by one.</summary>
internal sealed partial class TourStop
{
    private readonly string _page;
    private readonly string _text;
    private string _left;

    public TourStop(int number, string page = "lab.md")
    {
        _page = File.ReadAllText(Path.Combine(Snapshot.Root, "docs", page));
        _text = _page.Split("\n## ").Single(s => s.StartsWith($"{number}. ", StringComparison.Ordinal));
        _left = Spaces().Replace(_text[_text.IndexOf('\n', StringComparison.Ordinal)..], " ");
    }

    /// <summary>Runs a command of the stop.</summary>
    /// <param name="command">What follows <c>normlayers</c>, without a report.</param>
    /// <param name="added">What else the page says to give.</param>
    /// <param name="exitCode">The expected exit code.</param>
    /// <returns>The document that it prints.</returns>
    public JsonObject Run(string command, string added = "", int exitCode = 0)
    {
        Assert.Contains($"normlayers {command}", _text, StringComparison.Ordinal);
        Assert.All(added.Split(' ', StringSplitOptions.RemoveEmptyEntries), a => Assert.Contains(a, _page, StringComparison.Ordinal));

        // A shell takes the quotes away. A report turns the measurements of the layers on.
        using Tool tool = new();
        string[] arguments = $"{command} {added} --json".Replace("'", "", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return tool.RunOnce([.. arguments, .. _text.Contains($"{command} --report", StringComparison.Ordinal) ? (string[])["--report", "report.html"] : []])
            .Expect(exitCode).Json;
    }

    /// <summary>Asserts that the stop says this, and ticks its numbers off.</summary>
    public void Says(FormattableString words)
    {
        string expected = FormattableString.Invariant(words);
        int at = _left.IndexOf(expected, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the page does not say what the command prints: {expected}");
        _left = _left.Remove(at, expected.Length);
    }

    /// <summary>Asserts that each number outside commands, links and references to stops was ticked off.</summary>
    public void HasNoOtherNumbers()
    {
        string words = References().Replace(_left, "");
        Assert.False(words.Any(char.IsDigit), $"numbers that no output was compared with: {words}");
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"```.*?```|`[^`]*`|\]\([^)]*\)|\[BN-[A-Z]\d\]|\(stop \d\)")]
    private static partial Regex References();
}
