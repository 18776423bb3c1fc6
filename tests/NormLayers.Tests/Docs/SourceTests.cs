using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>What holds for every source file of the library.</summary>
public sealed partial class SourceTests
{
    private const int MostLines = 1000;

    [Fact]
    public void Library_UnsafeCode_IsInNumericsOnly()
    {
        Assert.Contains(Files(), f => IsUnsafe(f.Text));
        Assert.DoesNotContain(Files().Where(f => !f.Path.StartsWith("Numerics/", StringComparison.Ordinal)), f => IsUnsafe(f.Text));
    }

    [Fact]
    public void Library_Files_AreShort() => Assert.All(Files(), f => Assert.True(f.Text.Length < MostLines, f.Path));

    private static bool IsUnsafe(string[] lines) => lines.Any(l => Unsafe().IsMatch(l) && !l.TrimStart().StartsWith("//", StringComparison.Ordinal));

    private static (string Path, string[] Text)[] Files()
    {
        string library = Path.Combine(RepositoryFiles.Root, "src", "NormLayers");
        (string, string[])[] files =
        [
            .. from path in Directory.EnumerateFiles(library, "*.cs", SearchOption.AllDirectories)
               let name = Path.GetRelativePath(library, path).Replace('\\', '/')
               where !name.StartsWith("obj/", StringComparison.Ordinal)
               select (name, File.ReadAllLines(path)),
        ];
        Assert.True(files.Length > 50, "Where are the sources?");
        return files;
    }

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex Unsafe();
}
