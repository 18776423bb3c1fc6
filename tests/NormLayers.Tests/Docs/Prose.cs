using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>What the house style says of words: no word of our own where the field has one, and sentences that can be read at once.</summary>
internal static partial class Prose
{
    /// <summary>The most words of a sentence.</summary>
    public const int LongestSentence = 40;

    /// <summary>Words that the text uses in a sense of its own.</summary>
    public static IEnumerable<string> PrivateWords(string text) => Private().Matches(text).Select(m => m.Value);

    /// <summary>The comments of a C# file, line by line.</summary>
    public static IEnumerable<string> Comments(string code) => Comment().Matches(code).Select(m => m.Value);

    /// <summary>The comments of a C# file as a Markdown page: a block of lines is a paragraph, or one for each element of XML.</summary>
    public static string CommentPage(string code)
    {
        IEnumerable<string> lines = code.Split('\n').Select(l => l.Trim().StartsWith("//", StringComparison.Ordinal) ? l.Trim().TrimStart('/') : $"\n{Comment().Match(l).Value.TrimStart('/')}\n");
        return Element().Replace(InlineElement().Replace(string.Join('\n', lines), "code"), "\n\n");
    }

    /// <summary>The names in a C# file, outside comments and strings, as words: <c>RowBlocks</c> is <c>Row Blocks</c>.</summary>
    public static IEnumerable<string> Identifiers(string code) =>
        Name().Matches(NotCode().Replace(code, " ")).Select(m => string.Join(' ', Word().Matches(m.Value).Select(w => w.Value))).Distinct();

    /// <summary>Sentences of a Markdown page with too many words; code, formulas and the targets of links are no words.</summary>
    public static IEnumerable<string> LongSentences(string page) =>
        Texts(page).SelectMany(t => SentenceEnd().Split(t)).Where(s => s.Split(' ').Count(w => w.Any(char.IsLetterOrDigit)) > LongestSentence);

    /// <summary>How many words a page has outside its tables.</summary>
    public static int WordsOutsideTables(string page) =>
        page.Split('\n').Where(l => !l.StartsWith('|')).Sum(l => l.Split((char[]?)null).Count(w => w.Any(char.IsLetterOrDigit)));

    /// <summary>References of a comment to a section of a document, as in <c>(docs/numerics.md, the contract of bits)</c>.</summary>
    public static IEnumerable<(string Page, string Section)> References(string comments) =>
        Reference().Matches(comments).Select(m => (m.Groups[1].Value, m.Groups[2].Value));

    /// <summary>The documents that a comment names.</summary>
    public static IEnumerable<string> Documents(string comment) => Document().Matches(comment).Select(m => m.Value);

    // Paragraphs, list items and cells of tables.
    private static IEnumerable<string> Texts(string page)
    {
        string text = Link().Replace(InlineCode().Replace(Block().Replace(page, "\n\n"), "code"), "$1");
        List<string> paragraph = [];
        foreach (string line in text.Split('\n').Select(l => l.Trim()).Append(""))
        {
            bool isTable = line.StartsWith('|');
            bool isHeading = line.StartsWith('#');
            if (line.Length == 0 || isTable || isHeading || ListItem().IsMatch(line))
            {
                yield return string.Join(' ', paragraph);
                paragraph.Clear();
            }

            if (isTable)
            {
                foreach (string cell in Cell().Split(line))
                {
                    yield return cell;
                }
            }
            else if (!isHeading)
            {
                paragraph.Add(line);
            }
        }
    }

    [GeneratedRegex(@"\b(ask(s|ed)? for|rooms?|stands(?! for\b)|left over|spreads|sixteens|stretch(es)?|past the caches|in phase|takes over|twins?|gate[sd]?|what of them|those of|learnt by heart|made (in|of|from))\b", RegexOptions.IgnoreCase)]
    private static partial Regex Private();

    [GeneratedRegex(@"(?<=^\s*)//.*$|(?<=[;,{})\]]\s+)//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex("""//.*$|"(\\.|[^"\\\n])*"|'(\\.|[^'\\])+'""", RegexOptions.Multiline)]
    private static partial Regex NotCode();

    [GeneratedRegex(@"[\p{L}_]\w*")]
    private static partial Regex Name();

    [GeneratedRegex(@"\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})")]
    private static partial Regex Word();

    [GeneratedRegex(@"^```.*?^```|<!--.*?-->", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\$?`[^`]*`\$?")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"!?\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^([-*]|\d+\.) ")]
    private static partial Regex ListItem();

    [GeneratedRegex("</?[cbi]>|<(see|paramref|typeparamref) [^<>]*/>")]
    private static partial Regex InlineElement();

    [GeneratedRegex("</?[a-z][^<>]*>")]
    private static partial Regex Element();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Cell();

    [GeneratedRegex(@"(?<=[.!?])[)*_""]*\s+")]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(@"\bdocs/[\w-]+\.md\b")]
    private static partial Regex Document();

    [GeneratedRegex(@"\(docs/([\w-]+\.md), ([^()]+)\)")]
    private static partial Regex Reference();
}
