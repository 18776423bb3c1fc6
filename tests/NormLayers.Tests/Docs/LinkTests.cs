using System.Globalization;
using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>Every link from a document to a file or heading of the repository leads somewhere.</summary>
[Trait("Width", "any")]
public sealed partial class LinkTests
{
    [Fact]
    public void RelativeLinks_EveryDocument_LeadSomewhere()
    {
        string[] documents = [.. Directory.EnumerateFiles(RepositoryFiles.Root, "*.md", new EnumerationOptions { RecurseSubdirectories = true })
            .Where(path => !Path.GetRelativePath(RepositoryFiles.Root, path).Split('/', '\\').Any(part => part is "bin" or "obj" or "TestResults" || part.StartsWith('.')))];
        List<string> broken = [];
        int links = 0;
        foreach (string document in documents)
        {
            foreach (string target in Link().Matches(File.ReadAllText(document)).Select(m => m.Groups[1].Value).Where(t => !t.Contains(':', StringComparison.Ordinal)))
            {
                links++;
                string[] parts = target.Split('#');
                string file = parts[0].Length == 0 ? document : Path.Combine(Path.GetDirectoryName(document)!, parts[0]);
                bool there = File.Exists(file) || (Directory.Exists(file) && parts.Length == 1);
                if (!there || (parts.Length > 1 && !Anchors(file).Contains(parts[1])))
                {
                    broken.Add($"{Path.GetRelativePath(RepositoryFiles.Root, document)}: {target}");
                }
            }
        }

        Assert.Empty(broken);
        Assert.True(links > 20, $"Only {links} links in {documents.Length} documents: the search is broken.");
    }

    // As GitHub makes them: lower case, spaces become hyphens, other punctuation goes.
    private static HashSet<string> Anchors(string document) => [.. File.ReadLines(document).Where(l => l.StartsWith('#'))
        .Select(l => Punctuation().Replace(l.TrimStart('#').Trim().ToLower(CultureInfo.InvariantCulture), "").Replace(' ', '-'))];

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();
}
