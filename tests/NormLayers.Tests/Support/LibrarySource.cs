using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NormLayers.Tests.Docs;

namespace NormLayers.Tests.Support;

/// <summary>The library's sources, and a compilation of them.</summary>
internal static class LibrarySource
{
    /// <summary>The text of each file by its path within the library's folder, with slashes: <c>LayerNorm/LayerNorm.cs</c>.</summary>
    public static Dictionary<string, string> Read()
    {
        string folder = Path.Combine(RepositoryFiles.Root, "src/NormLayers");
        return Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(f => (Name: Path.GetRelativePath(folder, f).Replace('\\', '/'), File: f))
            .Where(f => f.Name.Split('/')[0] is not ("bin" or "obj"))
            .ToDictionary(f => f.Name, f => File.ReadAllText(f.File));
    }

    /// <summary>Compiles files; a syntax tree has its file's path.</summary>
    public static CSharpCompilation Compile(IReadOnlyDictionary<string, string> sources) => CSharpCompilation.Create(
        "Compiled",
        sources.Append(new("usings", "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;"))
            .Select(s => CSharpSyntaxTree.ParseText(s.Value, path: s.Key)),
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(a => !Path.GetFileName(a).StartsWith("NormLayers", StringComparison.Ordinal)).Select(a => MetadataReference.CreateFromFile(a)),
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
}
