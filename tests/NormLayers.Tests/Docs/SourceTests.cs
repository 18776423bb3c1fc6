using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>What holds for every source file of the libraries.</summary>
[Trait("Width", "any")]
public sealed partial class SourceTests
{
    private const int MostLines = 1000;

    [Fact]
    public void Library_UnsafeCode_IsInNumericsOnly()
    {
        Assert.Contains(Files(), f => IsUnsafe(f.Text));
        Assert.DoesNotContain(Files().Where(f => !f.Path.StartsWith("NormLayers/Numerics/", StringComparison.Ordinal)), f => IsUnsafe(f.Text));
    }

    [Fact]
    public void Library_Files_AreShort() => Assert.All(Files(), f => Assert.True(f.Text.Length < MostLines, f.Path));

    [Fact]
    public void Library_WritesNoConsoleAndNoFile() => Assert.All(Files(), f => Assert.DoesNotContain(f.Text, l => Output().IsMatch(l)));

    private static bool IsUnsafe(string[] lines) => lines.Any(l => Unsafe().IsMatch(l) && !l.TrimStart().StartsWith("//", StringComparison.Ordinal));

    private static (string Path, string[] Text)[] Files()
    {
        string sources = Path.Combine(RepositoryFiles.Root, "src");
        (string, string[])[] files =
        [
            .. from library in (string[])["NormLayers", "NormLayers.Lab"]
               from path in Directory.EnumerateFiles(Path.Combine(sources, library), "*.cs", SearchOption.AllDirectories)
               let name = Path.GetRelativePath(sources, path).Replace('\\', '/')
               where !name.Contains("/obj/", StringComparison.Ordinal)
               select (name, File.ReadAllLines(path)),
        ];
        Assert.True(files.Length > 50, "Where are the sources?");
        return files;
    }

    [GeneratedRegex(@"\b(Console|File\.(Write|Append|Create|Open\(|OpenWrite|Move|Copy|Delete|Replace)|Directory\.(Create|Move|Delete)|StreamWriter)\b?")]
    private static partial Regex Output();

    [GeneratedRegex(@"\bunsafe\b(?!-)")]
    private static partial Regex Unsafe();
}
