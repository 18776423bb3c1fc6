using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>Page and reference of a layer carry the same tags, and the engines the family's.</summary>
[Trait("Width", "any")]
public sealed class TagTests
{
    private const string Page = "## [LN-F1] mean\n## [LN-F2] variance\n## [LN-B1] dBeta\nback to [LN-F1]";
    private const string Code = "mean; // [LN-F1]\nvariance; // [LN-F2]\ndBeta; // [LN-B1]";

    [Theory]
    [InlineData("LayerNorm", "LN")]
    [InlineData("BatchNorm", "BN")]
    [InlineData("GhostBatchNorm", "GBN")]
    [InlineData("BatchRenorm", "BRN")]
    [InlineData("RmsNorm", "RMS")]
    [InlineData("GroupNorm", "GN")]
    [InlineData("InstanceNorm", "IN")]
    [InlineData("AdaptiveLayerNorm", "ADA")]
    [InlineData("WeightNorm", "WN", "WS")]
    [InlineData("WeightNorm", "WS", "WN")]
    [InlineData("ScaleNorm", "SN")]
    [InlineData("DyT", "DYT")]
    [InlineData("LocalResponseNorm", "LRN")]
    public void Layer_PageAndReference_CarryTheSameTags(string folder, string prefix, string other = "none")
    {
        // A folder with two derivations has two prefixes.
        string Text(string file) => string.Join('\n', RepositoryFiles.ReadLines($"src/NormLayers/{folder}/{file}")).Replace($"[{other}-", "[", StringComparison.Ordinal);

        Assert.Empty(Tags.Complaints(prefix, Text("README.md"), Text($"{folder}Reference.cs")));
    }

    [Fact]
    public void Complaints_RightSample_None() => Assert.Empty(Tags.Complaints("LN", Page, Code));

    [Theory]
    [InlineData(Page, "[LN-F1] [LN-B1]", "[LN-F2] is not in the reference.")]
    [InlineData(Page, Code + " [LN-F9]", "[LN-F9] of the reference is not on the page.")]
    [InlineData(Page, Code + " [BN-F1]", "[BN-F1] of the reference is not on the page.")]
    [InlineData(Page, "[LN-F2] [LN-F1] [LN-B1]", "The reference has [LN-F2][LN-F1][LN-B1], the page [LN-F1][LN-F2][LN-B1].")]
    [InlineData("[LN-F1] [LN-F3]", "[LN-F1] [LN-F3]", "The page has [LN-F1][LN-F3] where [LN-F1][LN-F2] was expected.")]
    [InlineData("nothing", "", "The page derives no [LN-…].")]
    public void Complaints_BrokenSample_OneThatNamesIt(string page, string reference, string complaint) =>
        Assert.Equal([complaint], Tags.Complaints("LN", page, reference));

    // The façades, which layers call; what is masked goes through them once more, without its mask.
    private static readonly string[] s_facades = ["RowNorm", "ChannelNorm", "ChunkNorm", "GroupedNorm"];

    [Fact]
    public void Engines_CallNoFacade()
    {
        string folder = Path.Combine(RepositoryFiles.Root, "src", "NormLayers", "Normalization");
        string[] engines = [.. Directory.EnumerateFiles(folder, "*.cs").Where(f => !((string[])[.. s_facades, "MaskedRows", "MaskedGroups"]).Contains(Path.GetFileNameWithoutExtension(f)))];
        Assert.True(engines.Length > 20);
        Assert.Empty(
            from f in engines from line in File.ReadLines(f) where Regex.IsMatch(line, $@"(?<!cref="")\b({string.Join('|', s_facades)})\.") select $"{Path.GetFileName(f)}: {line}");
    }

    // The files of src/NormLayers/Normalization with arithmetic, and the steps that are in each.
    private static readonly Dictionary<string, string[]> s_arithmetic = new()
    {
        ["ChannelFactors.cs"] = ["[B2]", "[B3]", "[B4]", "[F1]", "[F2]", "[F3]", "[F4]", "[F5]", "[F6]", "[F7]"],
        ["ChannelNorm.cs"] = ["[B1]", "[B2]", "[B5]", "[B6]", "[F1]", "[F2]", "[F3]", "[F4]", "[F5]", "[F6]", "[F7]"],
        ["ChannelSets.cs"] = ["[B5]", "[F4]", "[F5]"],
        ["ChunkNorm.cs"] = ["[B1]", "[B2]", "[F1]", "[F2]", "[F3]", "[F4]", "[F5]"],
        ["ColumnSums.cs"] = ["[B1]", "[B2]", "[F1]", "[F2]"],
        ["GroupedNorm.cs"] = ["[B1]", "[B2]", "[B3]", "[B4]", "[B5]", "[F1]", "[F2]", "[F3]", "[F4]", "[F5]"],
        ["MaskedGroups.cs"] = ["[B1]", "[B2]"],
        ["MaskedRows.cs"] = ["[B1]", "[B2]"],
        ["Maps.cs"] = ["[B5]", "[F4]", "[F5]"],
        ["NormReference.cs"] = ["[B1]", "[B2]", "[B3]", "[B4]", "[B5]", "[B6]", "[F1]", "[F2]", "[F3]", "[F4]", "[F5]"],
        ["PlaneSums.cs"] = ["[B1]", "[B2]", "[F1]", "[F2]"],
        ["RowBackward.cs"] = ["[B1]", "[B2]", "[B3]", "[B4]", "[B5]"],
        ["RowForward.cs"] = ["[F1]", "[F2]", "[F4]", "[F5]"],
        ["RowNorm.cs"] = ["[B1]", "[B2]"],
        ["SetFactors.cs"] = ["[B3]", "[B4]", "[B5]", "[F1]", "[F2]", "[F3]", "[F4]"],
        ["TanhRows.cs"] = ["[B1]", "[B2]", "[B5]", "[F4]", "[F5]"],
        ["Terms.cs"] = ["[B1]", "[B2]", "[F1]", "[F2]"],
    };

    // Those whose steps have tags of one layer: its prefix.
    private static readonly Dictionary<string, string> s_ofOneLayer = new() { ["ChannelWindows.cs"] = "LRN", ["RenormFactors.cs"] = "BRN" };

    // Those that compute or move numbers for the steps of others, and so carry no tag.
    private static readonly Dictionary<string, string> s_helping = new()
    {
        ["Accumulation.cs"] = "adds sums to what they are added to, of whatever step",
        ["ChannelPass.cs"] = "calls the maps",
        ["Compaction.cs"] = "copies what a mask leaves",
        ["IStatistic.cs"] = "1/m, or 1",
        ["ReLUMask.cs"] = "calls its map",
    };

    // Those without arithmetic on the layers' numbers.
    private static readonly Dictionary<string, string> s_without = new()
    {
        ["Corrections.cs"] = "holds R and D",
        ["FloatRange.cs"] = "compares",
        ["Gradients.cs"] = "holds tensors",
        ["GroupTensors.cs"] = "holds tensors",
        ["Groups.cs"] = "counts",
        ["IndexSets.cs"] = "counts",
        ["Planes.cs"] = "counts",
        ["RowBlock.cs"] = "holds sums and factors",
        ["RowBlocks.cs"] = "counts",
        ["RowTensors.cs"] = "holds tensors",
        ["SetStatistics.cs"] = "holds statistics",
        ["Statistic.cs"] = "names",
        ["Workspace.cs"] = "cuts a buffer",
    };

    /// <summary>The files of the engines with arithmetic.</summary>
    internal static IEnumerable<string> FilesWithArithmetic => s_arithmetic.Keys.Concat(s_ofOneLayer.Keys).Concat(s_helping.Keys);

    private static Dictionary<string, string> Engines { get; } = Directory.GetFiles(Path.Combine(RepositoryFiles.Root, "src/NormLayers/Normalization"), "*.cs")
        .ToDictionary(f => Path.GetFileName(f), File.ReadAllText);

    [Fact]
    public void Engines_EveryFile_HasTagsOrAReasonForNone()
    {
        Assert.Equal(Engines.Keys.Order(StringComparer.Ordinal), FilesWithArithmetic.Concat(s_without.Keys).Order(StringComparer.Ordinal));
        Assert.All(s_helping.Keys.Concat(s_without.Keys), file => Assert.Empty(Tags.OfFamily(Engines[file])));
    }

    [Fact]
    public void Engines_EveryFile_CarriesTheTagsOfItsArithmetic() => Assert.All(s_arithmetic, file => Assert.Equal(file.Value, Tags.OfFamily(Engines[file.Key])));

    [Theory]
    [InlineData("ChannelWindows.cs", "LocalResponseNorm")]
    [InlineData("RenormFactors.cs", "BatchRenorm")]
    public void Engines_FileOfOneLayer_CarriesTagsOfItsPage(string file, string folder)
    {
        string[] carried = Tags.Of(Engines[file], s_ofOneLayer[file]);
        Assert.NotEmpty(carried);
        Assert.Empty(carried.Except(Tags.Of(string.Join('\n', RepositoryFiles.ReadLines($"src/NormLayers/{folder}/README.md")), s_ofOneLayer[file])));
    }
}
