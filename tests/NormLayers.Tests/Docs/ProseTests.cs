namespace NormLayers.Tests.Docs;

/// <summary>Documents and comments use the field's words, in sentences that can be read at once, and refer to sections that exist.</summary>
[Trait("Width", "any")]
public sealed class ProseTests
{
    // Folders whose comments are not yet in the field's words. The list only ever gets shorter.
    private static readonly string[] s_notYet = [];

    [Fact]
    public void PrivateWords_InDocuments_AreNone() =>
        None(Documents().SelectMany(d => Prose.PrivateWords(d.Text).Select(w => $"{d.Path}: {w}")));

    [Fact]
    public void PrivateWords_InComments_AreNone()
    {
        (string Path, string Text)[] sources = [.. Sources()];
        Assert.True(sources.Length > 200, $"Only {sources.Length} files: the search is broken.");
        None(sources.Where(s => !s_notYet.Any(f => s.Path.StartsWith(f, StringComparison.Ordinal)))
            .SelectMany(s => Prose.Comments(s.Text).SelectMany(c => Prose.PrivateWords(c).Select(w => $"{s.Path}: {w}: {c.Trim()}"))));
    }

    [Fact]
    public void PrivateWords_InNamesOfTheSources_AreNone()
    {
        (string Path, string Text)[] sources = [.. Sources().Where(s => s.Path.StartsWith("src/", StringComparison.Ordinal))];
        Assert.True(sources.Length > 200, $"Only {sources.Length} files: the search is broken.");
        None(sources.SelectMany(s => Prose.Identifiers(s.Text).Where(n => Prose.PrivateWords(n).Any()).Select(n => $"{s.Path}: {n}")));
    }

    [Fact]
    public void Sentences_InDocuments_HaveAtMostFortyWords()
    {
        (string Path, string Text)[] documents = [.. Documents()];
        Assert.True(documents.Length > 15, $"Only {documents.Length} documents: the search is broken.");
        None(documents.SelectMany(d => Prose.LongSentences(d.Text).Select(s => $"{d.Path}: {s}")));
    }

    [Fact]
    public void Sentences_InComments_HaveAtMostFortyWords() =>
        None(Sources().SelectMany(s => Prose.LongSentences(Prose.CommentPage(s.Text)).Select(l => $"{s.Path}: {l}")));

    [Fact]
    public void References_OfComments_NameASection()
    {
        int references = 0;
        List<string> broken = [];
        foreach ((string path, string text) in Sources())
        {
            // A reference may go over the end of a line.
            string comments = string.Join(' ', Prose.Comments(text).Select(c => c.TrimStart('/', ' ').TrimEnd()));
            foreach ((string page, string section) in Prose.References(comments))
            {
                references++;
                string file = Path.Combine(RepositoryFiles.Root, "docs", page);
                if (!File.Exists(file) || !File.ReadLines(file).Any(l => l.StartsWith('#') && l.TrimStart('#', ' ').Equals(section, StringComparison.OrdinalIgnoreCase)))
                {
                    broken.Add($"{path}: docs/{page}, {section}");
                }
            }
        }

        None(broken);
        Assert.True(references > 5, $"Only {references} references: the search is broken.");
    }

    [Fact]
    public void Documents_NamedInComments_Exist() =>
        None(Sources().SelectMany(s => Prose.Comments(s.Text).SelectMany(Prose.Documents).Where(d => !File.Exists(Path.Combine(RepositoryFiles.Root, d))).Select(d => $"{s.Path}: {d}")));

    [Fact]
    public void Performance_Page_HasAtMost2500WordsOutsideItsTables() =>
        Assert.InRange(Prose.WordsOutsideTables(File.ReadAllText(Path.Combine(RepositoryFiles.Root, "docs/performance.md"))), 1, 2500);

    [Fact]
    public void Readme_HasAtMost150Lines() => Assert.InRange(RepositoryFiles.ReadLines("README.md").Length, 1, 150);

    [Theory]
    [InlineData("The next block is asked for.", "asked for")]
    [InlineData("Units are stretches.", "stretches")]
    [InlineData("Those of the rows.", "Those of")]
    [InlineData("Tables made from results.", "made from")]
    [InlineData("x stands for the input, made once, in the classroom.")]
    public void PrivateWords_OfASample_AreFound(string text, params string[] words) => Assert.Equal(words, Prose.PrivateWords(text));

    [Fact]
    public void Comments_OfASample_AreFoundAndStringsAreNot() =>
        Assert.Equal(["/// <summary>One.</summary>", "// two"], Prose.Comments("    /// <summary>One.</summary>\n    int a = 1; // two\n    string b = \"http://three\";\n"));

    [Fact]
    public void Identifiers_OfASample_AreWordsAndStringsAreNot() => Assert.Equal(
        ["float", "twin Rows", "new", "Room In Phase", "x"], Prose.Identifiers("    float[] _twinRows = new RoomInPhase(\"gate \\\" gate\", 'g', x); // gates\n"));

    [Fact]
    public void CommentPage_OfASample_HasAParagraphForEachElementAndBlock() => Assert.Equal(
        ["One codeacode.", "Two code, three.", "four", "five six"],
        Prose.CommentPage("/// <summary>One <c>a</c>.</summary>\n/// <param name=\"b\">Two <see cref=\"B\"/>, three.</param>\nint b; // four\n\n// five\n// six")
            .Split("\n\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(p => string.Join(' ', p.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))));

    [Fact]
    public void Documents_OfASample_AreFound() => Assert.Equal(["docs/a-b.md", "docs/c.md"], Prose.Documents("(docs/a-b.md, d), <c>docs/c.md</c>"));

    [Fact]
    public void LongSentences_OfASample_AreFoundInParagraphsItemsAndCells()
    {
        string fits = string.Join(' ', Enumerable.Repeat("word", Prose.LongestSentence));
        string tooLong = fits + " word";
        string page = $"# {tooLong}\n\n{fits}. {fits}.\n\n```\n{tooLong}\n```\n- {fits}\n- {tooLong}\n\n| {fits} | {tooLong} |\n\n{fits} `a b`\n[two words](a b)";
        Assert.Equal(3, Prose.LongSentences(page).Count());
    }

    [Fact]
    public void WordsOutsideTables_OfASample_AreThoseOfTheProse() => Assert.Equal(4, Prose.WordsOutsideTables("# One\n\n| a | b |\n|---|---|\n\ntwo three  four\n"));

    [Fact]
    public void References_OfASample_AreFound() =>
        Assert.Equal([("numerics.md", "the contract of bits")], Prose.References("Why: (docs/numerics.md, the contract of bits) and (docs/numerics.md)."));

    // Names them all.
    private static void None(IEnumerable<string> complaints)
    {
        string text = string.Join('\n', complaints);
        Assert.True(text.Length == 0, text);
    }

    private static IEnumerable<(string Path, string Text)> Documents() => Files("*.md").Where(d =>
        d.Path is not ("CHANGELOG.md" or "docs/API.md") && !d.Path.Contains("/Cases/", StringComparison.Ordinal));

    // This test and its samples are about the words. API.md is written from comments.
    private static IEnumerable<(string Path, string Text)> Sources() => Files("*.cs").Where(s => !s.Path.EndsWith("/ProseTests.cs", StringComparison.Ordinal));

    private static IEnumerable<(string Path, string Text)> Files(string pattern) =>
        Directory.EnumerateFiles(RepositoryFiles.Root, pattern, new EnumerationOptions { RecurseSubdirectories = true })
            .Select(f => Path.GetRelativePath(RepositoryFiles.Root, f).Replace('\\', '/'))
            .Where(f => !f.Split('/').Any(part => part is "bin" or "obj" or "TestResults" || part.StartsWith('.')))
            .Order(StringComparer.Ordinal).Select(f => (f, File.ReadAllText(Path.Combine(RepositoryFiles.Root, f))));
}
