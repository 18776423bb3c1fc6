namespace NormLayers.Tests.Docs;

/// <summary>Page, reference and kernel of a room carry the same tags.</summary>
public sealed class TagTests
{
    private const string Page = "## [LN-F1] mean\n## [LN-F2] variance\n## [LN-B1] dBeta\nback to [LN-F1]";
    private const string Code = "mean; // [LN-F1]\nvariance; // [LN-F2]\ndBeta; // [LN-B1]";

    [Theory]
    [InlineData("LayerNorm", "LN")]
    [InlineData("BatchNorm", "BN")]
    public void Room_PageReferenceAndKernel_CarryTheSameTags(string room, string prefix)
    {
        string Text(string file) => string.Join('\n', RepositoryFiles.ReadLines($"src/NormLayers/{room}/{file}"));

        Assert.Empty(Tags.Complaints(prefix, Text("README.md"), Text($"{room}Reference.cs"), Text($"{room}Kernel.cs")));
    }

    [Fact]
    public void Complaints_RightSample_None() => Assert.Empty(Tags.Complaints("LN", Page, Code, "fused: [LN-B1] with [LN-F2] and [LN-F1]"));

    [Theory]
    [InlineData(Page, "[LN-F1] [LN-B1]", Code, "[LN-F2] is not in the reference.")]
    [InlineData(Page, Code, "[LN-F1] [LN-F2]", "[LN-B1] is not in the kernel.")]
    [InlineData(Page, Code + " [LN-F9]", Code, "[LN-F9] of the reference is not on the page.")]
    [InlineData(Page, Code, Code + " [BN-F1]", "[BN-F1] of the kernel is not on the page.")]
    [InlineData(Page, "[LN-F2] [LN-F1] [LN-B1]", Code, "The reference has [LN-F2][LN-F1][LN-B1], the page [LN-F1][LN-F2][LN-B1].")]
    [InlineData("[LN-F1] [LN-F3]", "[LN-F1] [LN-F3]", "[LN-F1] [LN-F3]", "The page has [LN-F1][LN-F3] where [LN-F1][LN-F2] was expected.")]
    [InlineData("nothing", "", "", "The page derives no [LN-…].")]
    public void Complaints_BrokenSample_OneThatNamesIt(string page, string reference, string kernel, string complaint) =>
        Assert.Equal([complaint], Tags.Complaints("LN", page, reference, kernel));
}
