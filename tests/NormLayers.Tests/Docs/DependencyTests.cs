using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Docs;

/// <summary>Dependencies point one way: the tool uses the lab, the lab uses the library; in it layers use engines, and engines use numerics.</summary>
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

    // Types outside of folders that are below both.
    private static readonly string[] _shared = ["NormStatistics", "ReferenceLayer", "ReferenceParameter", "Shape", "Throw"];

    [Fact]
    public void Library_EnginesAndNumerics_UseNothingAboveThem() => Assert.Equal("", string.Join('\n', UsesFromBelow(LibrarySource.Read())));

    [Theory]
    [InlineData("Numerics/Wrong.cs", "namespace NormLayers.Numerics; internal static class Wrong { static object A() => default(NormLayers.Normalization.Planes); }", "Planes")]
    [InlineData("Normalization/Wrong.cs", "namespace NormLayers.Normalization; internal static class Wrong { static object A(NormLayers.BatchNorm b) => null!; }", "BatchNorm")]
    [InlineData("Normalization/Wrong.cs", "namespace NormLayers.Normalization; internal static class Wrong { static object A(RunningStatistics b) => b.Mean; }", "RunningStatistics")]
    [InlineData("Numerics/Wrong.cs", "namespace NormLayers.Numerics; internal static class Wrong { static object A(Layer b) => b.Parameters; }", "Layer")]
    [InlineData("Numerics/Wrong.cs", "namespace NormLayers.Numerics; internal static class Wrong { static int A() => Functional.Ones.Length; }", "Functional")]
    public void Library_UseFromBelow_IsFound(string file, string source, string used)
    {
        Dictionary<string, string> sources = LibrarySource.Read();
        sources[file] = source;

        Assert.Equal([$"{file} uses {used}"], UsesFromBelow(sources));
    }

    // The types that files of the two lowest folders use, or whose members they use, and that are neither theirs nor everybody's.
    private static string[] UsesFromBelow(Dictionary<string, string> sources)
    {
        CSharpCompilation library = LibrarySource.Compile(sources);
        (string Folder, string[] Allowed)[] layers = [("Numerics", ["Numerics"]), ("Normalization", ["Normalization", "Numerics"])];
        return
        [
            .. (from layer in layers
                from tree in library.SyntaxTrees
                where tree.FilePath.StartsWith(layer.Folder + "/", StringComparison.Ordinal)
                let model = library.GetSemanticModel(tree)
                from name in tree.GetRoot().DescendantNodes().OfType<SimpleNameSyntax>()
                let symbol = model.GetSymbolInfo(name).Symbol
                let type = symbol as INamedTypeSymbol ?? symbol?.ContainingType
                where type is not null && !_shared.Contains(type.Name)
                    && type.DeclaringSyntaxReferences.Any(r => !layer.Allowed.Contains(r.SyntaxTree.FilePath.Split('/')[0]))
                select $"{tree.FilePath} uses {type.Name}").Distinct(),
        ];
    }
}
