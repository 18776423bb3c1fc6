namespace NormLayers.Tests.Docs;

/// <summary>Page and reference of a layer carry the same tags, and the engines the family's.</summary>
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

    // The files of src/NormLayers/Normalization with arithmetic, and the steps that are in each. A file that is not named here has none.
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
        ["RowBackward.cs"] = ["[B1]", "[B2]", "[B3]", "[B4]"],
        ["RowForward.cs"] = ["[F1]", "[F2]"],
        ["RowNorm.cs"] = ["[B1]", "[B2]"],
        ["SetFactors.cs"] = ["[B3]", "[B4]", "[B5]", "[F1]", "[F2]", "[F3]", "[F4]"],
        ["TanhRows.cs"] = ["[B1]", "[B2]", "[B5]", "[F4]", "[F5]"],
        ["Terms.cs"] = ["[B1]", "[B2]", "[F1]", "[F2]"],
    };

    [Fact]
    public void Engines_EveryFile_CarriesTheTagsOfItsArithmetic()
    {
        string folder = Path.Combine(RepositoryFiles.Root, "src/NormLayers/Normalization");
        Dictionary<string, string[]> found = Directory.GetFiles(folder, "*.cs")
            .Select(f => (Name: Path.GetFileName(f), Tags: Tags.OfFamily(File.ReadAllText(f)))).Where(f => f.Tags.Length > 0).ToDictionary(f => f.Name, f => f.Tags);
        Assert.Equal(s_arithmetic.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(s_arithmetic, file => Assert.Equal(file.Value, found[file.Key]));
    }
}
