using System.Reflection;
using System.Runtime.CompilerServices;
using NormLayers.Normalization;

namespace NormLayers.Tests.Docs;

/// <summary>The engines stay small: their lines of code, and the parameters of their methods.</summary>
[Trait("Width", "any")]
public sealed class EngineTests
{
    private const int MostLines = 1900;

    private const int MostParameters = 6;

    // The sums, factors and maps of rows and channels, and what they are given; without chunks, corrections, windows, groups, masks and references.
    private static readonly string[] s_core =
    [
        "Accumulation", "ChannelFactors", "ChannelNorm", "ChannelPass", "ChannelSets", "ColumnSums", "FloatRange", "Gradients", "IStatistic", "Maps", "PlaneSums", "Planes",
        "ReLUMask", "RowBackward", "RowBlock", "RowBlocks", "RowForward", "RowNorm", "RowTensors", "SetFactors", "SetStatistics", "Terms", "Workspace",
    ];

    private static readonly string[] s_others =
    [
        "ChannelWindows", "ChunkNorm", "Compaction", "Corrections", "GroupTensors", "GroupedNorm", "Groups", "IndexSets", "MaskedGroups", "MaskedRows", "NormReference", "RenormFactors",
        "Statistic", "TanhRows",
    ];

    [Fact]
    public void Files_OfTheEngines_AreCoreOrNamedAsOthers() => Assert.Equal(
        s_core.Concat(s_others).Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Path.Combine(RepositoryFiles.Root, "src", "NormLayers", "Normalization"), "*.cs").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal));

    [Fact]
    public void Core_LinesOfCode_AreAtMostTheLimit()
    {
        int lines = s_core.Sum(f => LinesOfCode(RepositoryFiles.ReadLines($"src/NormLayers/Normalization/{f}.cs")));

        Assert.InRange(lines, MostLines / 2, MostLines);
    }

    [Fact]
    public void LinesOfCode_Sample_CountsNeitherBlankLinesNorComments() =>
        Assert.Equal(2, LinesOfCode(["/// <summary>A field.</summary>", "int a; // with a comment", "", "    // a comment", "    int b;"]));

    [Fact]
    public void Engines_Methods_HaveFewParameters()
    {
        MethodBase[] methods = [.. typeof(RowNorm).Assembly.GetTypes().Where(t => t.Namespace == typeof(RowNorm).Namespace && !IsGenerated(t)).SelectMany(Methods)];

        Assert.True(methods.Length > 200, "Where are the methods?");
        Assert.Empty(from m in methods where m.GetParameters().Length > MostParameters select $"{m.DeclaringType!.Name}.{m.Name}");
    }

    private static int LinesOfCode(IEnumerable<string> lines) => lines.Count(l => l.Trim() is { Length: > 0 } text && !text.StartsWith("//", StringComparison.Ordinal));

    private static IEnumerable<MethodBase> Methods(Type type) => type
        .GetMembers(BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        .OfType<MethodBase>()
        .Where(m => !m.IsDefined(typeof(CompilerGeneratedAttribute)));

    private static bool IsGenerated(Type type) => type.IsDefined(typeof(CompilerGeneratedAttribute)) || (type.DeclaringType is { } outer && IsGenerated(outer));
}
