using System.Xml.Linq;

namespace NormLayers.Tests.Docs;

/// <summary>Dependencies point one way: the tool uses the lab, the lab uses the library.</summary>
[Trait("Width", "any")]
public sealed class DependencyTests
{
    // Of the lab's folders, each may use those before it.
    private static readonly string[] _labFolders = ["Data", "Training", "Charts", "Trials", "Experiments"];

    [Theory]
    [InlineData("NormLayers")]
    [InlineData("NormLayers.Lab", "NormLayers")]
    [InlineData("NormLayers.Cli", "NormLayers.Lab")]
    public void Project_References_PointOneWay(string project, params string[] expected)
    {
        XDocument file = XDocument.Load(Path.Combine(RepositoryFiles.Root, "src", project, project + ".csproj"));

        Assert.Equal(expected, file.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/'))));
    }

    [Fact]
    public void Lab_Folders_UseOnlyEarlierOnes()
    {
        string lab = Path.Combine(RepositoryFiles.Root, "src", "NormLayers.Lab");
        Assert.Equal(_labFolders.Order(StringComparer.Ordinal), Directory.GetDirectories(lab).Select(Path.GetFileName).Except(["bin", "obj"]).Order(StringComparer.Ordinal));
        int uses = 0;
        foreach ((int place, string folder) in _labFolders.Index())
        {
            foreach (string path in Directory.EnumerateFiles(Path.Combine(lab, folder), "*.cs", SearchOption.AllDirectories))
            {
                string[] used = [.. File.ReadLines(path).Where(l => l.StartsWith("using NormLayers.Lab.", StringComparison.Ordinal)).Select(l => l.Split('.')[^1].TrimEnd(';'))];
                Assert.True(used.All(u => _labFolders.AsSpan(0, place).Contains(u)), $"{Path.GetRelativePath(lab, path)} uses {string.Join(", ", used)}");
                uses += used.Length;
            }
        }

        Assert.True(uses > 20, "Where are the usings?");
    }
}
